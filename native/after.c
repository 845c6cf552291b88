/* The host's part after a session: sees whether there is any; Python does it (launch/resume.py). */
#include "call.h"

/* Tell whether the same protected names are there as before. */
static int is_same(const char *project, const struct protected *before)
{
	static struct protected now;
	if (protected_find(&session.plan, project, &now) <= 0)
		return 0;
	for (size_t at = 0; at < MAX_NAMES; at++)
		if (now.present[at] && !before->present[at])
			return 0;
	for (size_t at = 0; at < now.count; at++) {
		size_t known = 0;
		while (known < before->count && strcmp(before->nested[known], now.nested[at]) != 0)
			known++;
		if (known == before->count)
			return 0;
	}
	return 1;
}

static const char *text_of(size_t number)
{
	char *text = take(24);
	if (!text)
		stop("sandbox-venv: end session: out of memory\n");
	put_number(text, number);
	return text;
}

void look_after(const char *project, u32 status)
{
	const struct protected *before = &session.before;
	int failed_plainly = status == 1 << 8 || status == 2 << 8; /* an exception, or a file that can't be opened */
	int killed = status == SIGKILL || status == 137 << 8; /* for want of memory? sandbox_venv/memory.py */
	if ((!*project || is_same(project, before)) && !(failed_plainly && names_unseen()) && !killed)
		return;
	size_t arguments = 0, count = 4, at = 0;
	while (call.argv[arguments])
		arguments++;
	const char **more = take((MAX_NAMES + MAX_PROTECTED + arguments + 5) * sizeof *more);
	if (!more)
		stop("sandbox-venv: end session: out of memory\n");
	struct list names = session.plan.section[PROTECT];
	for (const char *name; (name = next(&names)); at++)
		if (before->present[at])
			more[count++] = name;
	more[0] = text_of(status);
	more[1] = project;
	more[2] = text_of(count - 4);
	more[3] = text_of(before->count);
	for (at = 0; at < before->count; at++)
		more[count++] = before->nested[at];
	for (at = 0; at < arguments; at++)
		more[count++] = session.argv[at];
	execute_python(call.after, more, count);
}
