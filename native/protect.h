/* Which protected names there are, before the session and after it. */
#ifndef SANDBOX_PROTECT_H
#define SANDBOX_PROTECT_H

#include "session.h"

/* Names found: at the project's top (by their place in the plan's PROTECT section) and, as paths, below it. */
struct protected {
	u8 present[MAX_PROTECTED];
	const char *nested[MAX_PROTECTED];
	size_t count;
};

/* Look for them; 0 where there is anything that only Python handles: links, a `.git` that is a file, too many. */
int protected_find(const struct plan *plan, const char *project, struct protected *found);
/* Tell whether the plan's slots protect all that lies below the top. */
int protected_by_plan(const struct plan *plan, const struct protected *found);

#endif
