/* The records of slots, the same for both backends (slots.c). */
#ifndef SANDBOX_SLOTS_H
#define SANDBOX_SLOTS_H

#include "mounts.h"

/* Do what a slot's record says; 0 where it is none. On native it is mounted in the new root `root`, for bwrap it is
 * added to the session's words. */
int slot_record(const struct session *session, long root, char what, const char *a, const char *b);

#endif
