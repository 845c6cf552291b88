/* Backend bwrap: what launch/bwrap.py does. */
#ifndef SANDBOX_BWRAP_H
#define SANDBOX_BWRAP_H

#include "session.h"

/* Start bwrap in a child, with a guard beside it; return the child's pid, or -errno. */
long start_bwrap(struct session *session);

/* Return a memory file that holds `size` bytes, for bwrap or init: it has no flag to be closed. */
long memory_file(const struct session *session, const void *data, size_t size);

/* Return a memory file with what init is told (handover.c). */
long hand_over(const struct session *session);
/* Take it apart again, the `size` bytes at `data`, which must stay: the session, and what to verify. 0 where anything
 * about it is wrong. */
int take_over(const char *data, size_t size, struct session *session);

/* Return this executable as a memory file that can't be changed and whose trailer says that it is init: who executes an
 * entry point, whatever the arguments, never gets init, and the copy knows nothing of the host. */
long make_image(const struct session *session);
int is_image(void);
_Noreturn void be_init(char **argv, char **env);

/* Fork a process that kills whatever holds the status pipe once this process is gone; return its leash, or
 * -errno. Until init runs, bwrap's child waits for a bwrap that may have been killed with us, for ever. */
long start_guard(const struct session *session);
/* End the guard: once init says that it lives, and before anything that looks like the launcher's death. */
void dismiss_guard(struct session *session);
/* Kill what holds the pipe besides this process; tell whether there was anything. */
int kill_holders(long pipe);

#endif
