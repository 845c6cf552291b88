/* The environment filter by itself, for tests: stdin holds blocks of NUL-ended strings, each block headed by its count:
 * the launcher's environment, the parent's ("-1" for unknown), the rules; then the directory. The result goes to stdout,
 * or status 3 where Python shall decide. */
#include "../environ.h"

#include <stdio.h>
#include <stdlib.h>

static char data[4 << 20];
static char *at = data;

static char *take_string(void)
{
	char *text = at;
	at += strlen(at) + 1;
	return text;
}

static struct list take_block(long count)
{
	struct list list = { at, at };
	while (count-- > 0)
		take_string();
	list.end = at;
	return list;
}

int main(void)
{
	for (;;) { /* any number of cases, one after the other */
		if (at == data && fread(data, 1, sizeof data - 1, stdin) == 0)
			return 2;
		if (!*at)
			return 0;
		long count = atol(take_string());
		char **env = calloc((size_t)count + 1, sizeof *env);
		for (long i = 0; i < count; i++)
			env[i] = take_string();
		struct parent parent = { .known = 0 };
		count = atol(take_string());
		parent.known = count >= 0;
		parent.block = take_block(count);
		struct list rules = take_block(atol(take_string()));
		char **result = environ_filter(env, &parent, rules, take_string());
		free(env);
		if (!result) {
			printf("-1%c", 0);
			continue;
		}
		for (count = 0; result[count]; count++)
			;
		printf("%ld%c", count, 0);
		for (long i = 0; i < count; i++)
			printf("%s%c", result[i], 0);
	}
}
