/* The environment filter: a port of sandbox_venv/launch/environ.py, rule by rule; tests hold the two together. Whether a
 * value holds a password, or an AUTHOR's name a secret, is left to Python where it could be. */
#ifndef SANDBOX_ENVIRON_H
#define SANDBOX_ENVIRON_H

#include "text.h"

/* Names in a process's initial environment, or that they are not known. */
struct parent {
	struct list block;
	int known;
};

/* Read process `pid`'s environment; wipe it when it was used. -1: too large to be read here. */
int parent_read(long pid, struct parent *parent);

/* Return the program's environment, NULL where Python shall make it.
 *
 * env: the launcher's own; rules: the plan's ENV section; cwd: the program's directory. */
char **environ_filter(char **env, const struct parent *parent, struct list rules, const char *cwd);

#endif
