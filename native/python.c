/* The way to the Python launcher, which is there for everything that isn't done here. */
#include "call.h"
#include "trailer.h"

struct call call;

_Noreturn void stop(const char *line)
{
	sys(write, 2, line, strlen(line));
	leave(125);
}

void read_trailer(void)
{
	const char *at = trailer;
	__asm__("" : "+r"(at)); /* written into the file afterwards: nothing is known about it here */
	struct list fields = { at + sizeof TRAILER_MAGIC, at + TRAILER_SIZE - 1 };
	call.folder = next(&fields);
	call.interpreter = next(&fields);
	call.code = next(&fields);
	call.after = next(&fields);
	call.name = next(&fields);
	if (*call.folder != '/' || *call.interpreter != '/' || !*call.code || !*call.after ||
	    !*call.name)
		stop("sandbox-venv: start sandbox: this file is the launcher's mould, not a launcher\n");
}

/* Put back what was changed and execute the Python interpreter with `code` and further arguments. */
_Noreturn void execute_python(const char *code, const char **more, size_t count)
{
	const char **argv = take((count + 5) * sizeof *argv), **at = argv;
	if (!argv)
		stop("sandbox-venv: start sandbox: out of memory\n");
	*at++ = call.interpreter;
	*at++ = "-IS";
	*at++ = "-c";
	*at++ = code;
	for (size_t i = 0; i < count; i++)
		*at++ = more[i];
	*at = NULL;
	for (int fd = 0; fd < 3; fd++)
		if (session.closed >> fd & 1)
			sys(close, fd);
	sys(rt_sigaction, SIGCHLD, &session.child_action, NULL, 8);
	sys(rt_sigprocmask, SIG_SETMASK, &session.mask, NULL, 8);
	sys(execve, call.interpreter, argv, call.env);
	stop("sandbox-venv: start sandbox: the Python that it was installed with is gone\n"
	     "hint: install sandbox-venv again, and wrap the venv again\n");
}

static const char *own_path(void)
{
	char *path = take(4096);
	long size = path ? sys(readlinkat, AT_FDCWD, "/proc/self/exe", path, 4095) : -1;
	if (size <= 0)
		stop("sandbox-venv: start sandbox: /proc isn't there\n");
	path[size] = 0;
	return path;
}

/* Start all over in Python, with the same arguments. */
_Noreturn void python(void)
{
	size_t count = 0;
	while (call.argv[count])
		count++;
	const char **more = take((count + 1) * sizeof *more);
	if (!more || !count)
		stop("sandbox-venv: start sandbox: no arguments, not even a name\n");
	more[0] = own_path();
	for (size_t i = 1; i < count; i++)
		more[i] = call.argv[i];
	execute_python(call.code, more, count);
}

_Noreturn void give_up(enum stage stage, long error, const char *step, const char *about)
{
	static char numbers[2][24];
	put_number(numbers[0], stage);
	put_number(numbers[1], (u64)error);
	const char *more[] = { "failed", numbers[0], numbers[1], step, about, call.name };
	execute_python(call.after, more, sizeof more / sizeof *more);
}
