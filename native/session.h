/* One start, from what its parts share: the plan, the call, the status pipe. */
#ifndef SANDBOX_SESSION_H
#define SANDBOX_SESSION_H

#include "protect.h"
#include "words.h"

#define MAX_INHERITED 64

/* What is sent through the status pipe: one write of 8 bytes. */
enum message { READY = 0x80, STOPPED = 0x81, CONTINUED = 0x82, ENDED = 0x83, FAILED = 0x84 };

/* Where a start failed, launch/inside/protocol.py: in the set-up; the program can't be executed; or the plan no longer
 * fits what there is, so Python shall start the session by its options. */
enum stage { STAGE_SETUP = 1, STAGE_EXEC = 7, STAGE_UNFIT = 8 };
#define MAX_REASON 1024 /* bytes of a FAILED message's two strings: what failed, and what it was about */

/* Signals that are passed on, and the number of their first message (docs/architecture.md). */
#define FIRST_MESSAGE 35
extern const u8 FORWARDED[17];

struct session {
	struct plan plan;
	const char *name, *skeleton, *letters, *cwd, *terminal; /* terminal: what stdout is, "" where it is none */
	char **argv, **env;
	char **host_env; /* the block on the stack, to be wiped in PID 1 */
	u64 mask;
	struct ksigaction child_action; /* the caller's, of SIGCHLD */
	u32 uid, gid;
	int makes_cwd; /* the directory lies in the session's own /tmp and must be made there */
	int closed; /* bit set of 0-2 that the caller had closed */
	int reader, writer;
	const char *bwrap; /* the program where that is the backend, else NULL; and the rest is its own */
	int has_shelter, info, leash; /* info: its --info-fd; leash: what dismisses the guard */
	struct words *words;
	int inherited[MAX_INHERITED], inherited_count;
	struct protected before; /* what there is at the start */
};

/* Say that a step failed, with the source's own words for it, or that a plan doesn't fit; nothing runs. */
_Noreturn void failed(const struct session *session, const char *step, long error);
_Noreturn void unfit(const struct session *session);
/* The same outside: let Python say it, and end (python.c, launch/resume.py). */
_Noreturn void give_up(enum stage stage, long error, const char *step, const char *about);
/* The program's filters are in force here: what is refused now says nothing about the kernel. */
extern int is_filtered;
/* What the record in hand is about, for the line that says it failed. */
extern const char *working_on;
void send(const struct session *session, enum message kind, u32 value);
_Noreturn void leave(int status);

/* Write a text to a file of /proc; map one id, `inside` to `outside` of the namespace above (setup.c). */
void put_file(const struct session *session, const char *path, const char *text);
void map_id(const struct session *session, const char *path, u32 inside, u32 outside);
/* Make what the records say and enter it (setup.c); be PID 1 until the program ends (init.c). */
void set_up(const struct session *session);
_Noreturn void serve(const struct session *session);
/* Wait for it outside; return the raw wait status, or -1 where nothing ran and Python shall start it (waiter.c). */
long wait_for(struct session *session, long pid);
_Noreturn void end_like(u32 status);

#define need(result)                                                                                                   \
	({                                                                                                             \
		long need_ = (result);                                                                                 \
		if (need_ < 0)                                                                                         \
			failed(session, #result, -need_);                                                              \
		need_;                                                                                                 \
	})

/* The same for what opens a path that the plan names; `step` says what was done. */
#define need_path(result) need_found(result, #result)
#define need_found(result, step)                                                                                       \
	({                                                                                                             \
		long need_ = (result);                                                                                 \
		if (need_ < 0 && is_gone(-need_))                                                                      \
			unfit(session);                                                                                \
		if (need_ < 0)                                                                                         \
			failed(session, step, -need_);                                                                 \
		need_;                                                                                                 \
	})

#endif
