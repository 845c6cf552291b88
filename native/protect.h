/* Which protected names there are, before the session and after it. */
#ifndef SANDBOX_PROTECT_H
#define SANDBOX_PROTECT_H

#include "plan.h"

#define MAX_PROTECTED 256
#define MAX_NAMES 512

/* Names found: at the project's top (by their place in the plan's PROTECT section) and, as paths, below it. */
struct protected {
	u8 present[MAX_NAMES];
	const char *nested[MAX_PROTECTED];
	size_t count;
};

/* Look for them; 0 where there is anything that only Python handles: links, a `.git` that is a file, too many; -errno
 * where the project can't be opened, though it is there. */
int protected_find(const struct plan *plan, const char *project, struct protected *found);
/* Return how much of the path of something found is protected: the whole venv, where it is what makes one. */
size_t protected_size(const char *path);
/* Tell whether a slot mounts something at `path` (or, where `read_only`, something read-only). */
int protected_is_slot(const struct plan *plan, const char *path, int read_only);

#endif
