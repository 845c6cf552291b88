/* What was called, and what of it is Python's. */
#ifndef SANDBOX_CALL_H
#define SANDBOX_CALL_H

#include "session.h"

struct call {
	const char *folder, *interpreter, *code, *after, *name; /* from the trailer */
	char **argv, **env;
};
extern struct call call;
extern struct session session;

_Noreturn void stop(const char *line);
void read_trailer(void);
/* Start all over in Python, with the same arguments. */
_Noreturn void python(void);
/* Let Python end what was begun: it gets further arguments. */
_Noreturn void execute_python(const char *code, const char **more, size_t count);

/* Tell whether the environment, the entry point or its arguments ask for what only Python does. */
int asks_for_python(void);
int installs(void);
/* Return the variant of an entry point with settings of its own, "" where it has none; `own` is joined by \1. */
const char *entry_variant(const char *own);
int names_script_outside(void);
/* Tell whether an argument names what exists here and may not be visible inside: hints.py says more. */
int names_unseen(void);
/* Set the program's directory, where it is shown inside. */
void choose_directory(void);
/* Do the host's part after a session, in Python where there is anything to do or to tell. */
void look_after(const char *project, u32 status);

#endif
