/* What bwrap is told: its list of options, put together from a plan's records, and which mounts init verifies. */
#ifndef SANDBOX_WORDS_H
#define SANDBOX_WORDS_H

#include "plan.h"

#define MAX_PLACES 512

/* A mount point, without leading slash, and what was opened to be mounted there. */
struct place {
	const char *path;
	u64 dev, ino;
};

struct words {
	char *data;
	size_t size, room;
	int failed; /* no room for all of it */
	struct place places[MAX_PLACES];
	size_t count;
};

/* Make room for a list of `room` bytes. */
void words_start(struct words *words, size_t room);
void words_add(struct words *words, const char *text);
/* Add an option with the number of a descriptor. */
void words_add_fd(struct words *words, const char *option, long fd);
/* Add a mount of an open descriptor; init is to verify it, and not what it covers. */
void words_bind(struct words *words, const char *option, long fd, const char *target, u64 dev, u64 ino);

/* A slot, by its record; 0 where the record isn't known. */
typedef int words_slot(void *with, char what, const char *a, const char *b);

/* Do what the records of a plan for bwrap say (plan/bwrap_records.py); 0 where that can't be.
 *
 * cwd: the directory that a record makes, NULL for none; slot: does what the other records say. */
int words_fill(struct words *words, const struct plan *plan, const char *cwd, words_slot *slot, void *with);

#endif
