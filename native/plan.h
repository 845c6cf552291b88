/* The plan file: read, checked, compared with what it was compiled from. The format is in docs/architecture.md. */
#ifndef SANDBOX_PLAN_H
#define SANDBOX_PLAN_H

#include "text.h"

enum section {
	META, STAMPS, ENV, ENTRIES, BASE, SLOTS, TAIL, PROTECT, SECCOMP_ALLOW, SECCOMP_DENY, RECORDS, SECTIONS
};

struct plan {
	struct list section[SECTIONS];
};

/* Return the checksum of a plan's bytes from the 24th on. */
u64 plan_checksum(const u8 *data, size_t size);
/* Take apart the `size` bytes of a plan; 0 where anything about them is wrong. They must stay. */
int plan_decode(const u8 *data, size_t size, struct plan *plan);
/* Read the plan at `path`: a regular file of ours that nobody else can write; 0 where it isn't right. */
int plan_read(const char *path, struct plan *plan);
/* Return a value of META, "" where there is none. */
const char *plan_meta(const struct plan *plan, const char *key);
/* Tell whether nothing that the plan was compiled from has changed. */
int plan_is_fresh(const struct plan *plan);

#endif
