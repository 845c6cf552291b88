/* PID 1 inside: no privileges, Landlock, the program, signals. What sandbox_venv/launch/inside/init.py does. */
#include "session.h"

/* The order is the protocol (docs/architecture.md): message number k is FIRST_MESSAGE + k. */
const u8 FORWARDED[17] = { 1, 2, 3, 10, 12, 15, 18, 28, 14, 23, 29, 26, 27, 30, 20, 21, 22 };

static char stack[16 << 10] __attribute__((aligned(16)));

void send(const struct session *session, enum message kind, u32 value)
{
	u32 record[2] = { kind, value };
	sys(write, session->writer, record, sizeof record);
}

_Noreturn void leave(int status)
{
	for (;;)
		sys(exit_group, status);
}

const char *working_on; /* NULL, as nothing is relocated: no address can stand here */
int is_filtered;

/* One write, so it arrives whole: pipe(7), PIPE_BUF. */
static _Noreturn void say_failed(const struct session *session, enum stage stage, long error, const char *step)
{
	struct {
		u32 record[2];
		char text[MAX_REASON];
	} message = { { FAILED, (u32)stage << 16 | ((u32)error & 0xffff) }, "" };
	const char *about = working_on ? working_on : "";
	size_t sizes[] = { strlen(step) + 1, strlen(about) + 1 };
	if (sizes[0] + sizes[1] > sizeof message.text)
		sizes[0] = sizes[1] = 0;
	memcpy(message.text, step, sizes[0]);
	memcpy(message.text + sizes[0], about, sizes[1]);
	sys(write, session->writer, &message, sizeof message);
	leave(125);
}

_Noreturn void failed(const struct session *session, const char *step, long error)
{
	static const short newer[] = { NR_open_tree, NR_close_range, NR_openat2, NR_mount_setattr };
	if (!is_filtered && (error == ERR_PERM || error == ERR_NOSYS))
		for (size_t at = 0; at < sizeof newer / sizeof *newer; at++)
			if (lacks(newer[at]))
				unfit(session);
	say_failed(session, STAGE_SETUP, error, step);
}

_Noreturn void unfit(const struct session *session)
{
	say_failed(session, STAGE_UNFIT, 0, "");
}

/* Close all but 0-2, the status pipe and inherited pipes: these are a jobserver's. */
static void close_others(const struct session *session)
{
	long first = 3;
	for (;;) {
		long keep = session->writer < first ? -1 : session->writer;
		for (int i = 0; i < session->inherited_count; i++)
			if (session->inherited[i] >= first && (keep < 0 || session->inherited[i] < keep))
				keep = session->inherited[i];
		if (keep != first)
			need(sys6(NR_close_range, first, keep < 0 ? ~0u : keep - 1, 0, 0, 0, 0));
		if (keep < 0)
			return;
		first = keep + 1;
	}
}

/* --- Landlock: launch/inside/landlock.py, restrict_reopen, says why --- */

enum {
	FS_WRITE_FILE = 1 << 1, FS_READ_FILE = 1 << 2, FS_REFER = 1 << 13, FS_TRUNCATE = 1 << 14,
	SCOPE_ABSTRACT_UNIX_SOCKET = 1, SCOPE_SIGNAL = 2,
};

static void allow(const struct session *session, long ruleset, u64 access, int fd)
{
	struct {
		u64 access;
		int fd;
	} __attribute__((packed)) rule = { access, fd };
	long result = sys6(NR_landlock_add_rule, ruleset, 1, SYS_ARG(&rule), 0, 0, 0); /* 1: PATH_BENEATH */
	if (result != -ERR_BADFD) /* pipes, sockets and the like: never restricted */
		need(result);
}

static u64 granted(int fd, u64 handled)
{
	struct kstat status;
	long flags = sys(fcntl, fd, F_GETFL);
	u64 access = 0;
	if (flags < 0 || (flags & O_PATH) || fstat(fd, &status) < 0 || (status.mode & S_IFMT) == S_IFDIR)
		return 0;
	long mode = flags & O_ACCMODE;
	if (mode == O_RDONLY || mode == O_RDWR)
		access |= FS_READ_FILE;
	if (mode == O_WRONLY || mode == O_RDWR)
		access |= FS_WRITE_FILE | FS_TRUNCATE;
	return access & handled;
}

static void restrict_reopen(const struct session *session)
{
	long abi = sys6(NR_landlock_create_ruleset, 0, 0, 1, 0, 0, 0); /* 1: its version */
	if (abi < 0 && abi != -ERR_NOSYS && abi != -ERR_OPNOTSUPP)
		need(abi);
	if (abi < 2)
		return;
	u64 handled = ((u64)FS_REFER << 1) - 1;
	if (abi >= 3)
		handled |= FS_TRUNCATE;
	u64 attr[3] = { handled, 0, abi >= 6 ? SCOPE_ABSTRACT_UNIX_SOCKET | SCOPE_SIGNAL : 0 };
	long ruleset = need(sys6(NR_landlock_create_ruleset, SYS_ARG(attr), abi >= 6 ? 24 : 8, 0, 0, 0, 0));
	long root = need(sys(openat, AT_FDCWD, "/", O_PATH | O_DIRECTORY | O_CLOEXEC, 0));
	allow(session, ruleset, handled, (int)root);
	for (int fd = 0; fd < 3; fd++) {
		u64 access = granted(fd, handled);
		if (access)
			allow(session, ruleset, access, fd);
	}
	need(sys6(NR_landlock_restrict_self, ruleset, 0, 0, 0, 0, 0));
	sys(close, root);
	sys(close, ruleset);
}

/* --- the program --- */

static void load_filter(const struct session *session, enum section section)
{
	struct list code = session->plan.section[section];
	struct {
		unsigned short count;
		const char *code;
	} program = { (unsigned short)((code.end - code.at) / 8), code.at };
	if (program.count)
		need(sys(prctl, PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0));
}

/* Tell whether an error is about the file that is executed, surely: launch/inside/program.py, ABOUT_THE_FILE. */
static int is_about_file(long error)
{
	static const u8 errors[] = { 2, 7, 8, 13, 20, 21, 22, 26, 36, 40, 80 };
	for (size_t at = 0; at < sizeof errors; at++)
		if (errors[at] == error)
			return 1;
	return 0;
}

static _Noreturn void execute(const struct session *session)
{
	struct kstat status;
	const char *path = session->argv[0];
	long error = -sys(execve, path, session->argv, session->env);
	if (!is_about_file(error))
		failed(session, "sys(execve)", error);
	int is_there = sys6(NR_fstatat, AT_FDCWD, SYS_ARG(path), SYS_ARG(&status), AT_SYMLINK_NOFOLLOW, 0, 0) == 0;
	working_on = path;
	say_failed(session, STAGE_EXEC, error, is_there ? "there" : "");
}

static _Noreturn void start(const struct session *session)
{
	sys(rt_sigaction, SIGCHLD, &session->child_action, NULL, 8);
	need(sys(chdir, session->cwd));
	for (int fd = 0; fd < 3; fd++)
		if (session->closed >> fd & 1)
			sys(close, fd);
	is_filtered = 1;
	load_filter(session, SECCOMP_ALLOW);
	load_filter(session, SECCOMP_DENY);
	sys(rt_sigprocmask, SIG_SETMASK, &session->mask, NULL, 8);
	execute(session);
}

/* Start the program as vfork(2) does: on the same memory, with a stack of its own, until it is executed. */
static long spawn(const struct session *session)
{
	char *top = stack + sizeof stack;
	long flags = (long)(CLONE_VM | CLONE_VFORK | SIGCHLD), pid;
#if defined(__x86_64__)
	register void (*run)(const struct session *) __asm__("r12") = (void (*)(const struct session *))start;
	register const struct session *what __asm__("r13") = session;
	register long r10 __asm__("r10") = 0;
	register long r8 __asm__("r8") = 0;
	__asm__ volatile("syscall\n\t"
			 "test %%rax, %%rax\n\t"
			 "jnz 1f\n\t"
			 "xor %%ebp, %%ebp\n\t"
			 "mov %%r13, %%rdi\n\t"
			 "call *%%r12\n\t"
			 "hlt\n"
			 "1:"
			 : "=a"(pid)
			 : "a"(__NR_clone), "D"(flags), "S"(top), "d"(0), "r"(r10), "r"(r8), "r"(run), "r"(what)
			 : "rcx", "r11", "memory");
#else
	register long x8 __asm__("x8") = __NR_clone;
	register long x0 __asm__("x0") = flags;
	register char *x1 __asm__("x1") = top;
	register long x2 __asm__("x2") = 0;
	register long x3 __asm__("x3") = 0;
	register long x4 __asm__("x4") = 0;
	register void (*run)(const struct session *) __asm__("x19") = (void (*)(const struct session *))start;
	register const struct session *what __asm__("x20") = session;
	__asm__ volatile("svc 0\n\t"
			 "cbnz x0, 1f\n\t"
			 "mov x29, xzr\n\t"
			 "mov x0, x20\n\t"
			 "blr x19\n\t"
			 "brk 1\n"
			 "1:"
			 : "+r"(x0)
			 : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(run), "r"(what)
			 : "memory", "x30");
	pid = x0;
#endif
	return pid;
}

/* --- PID 1 --- */

static void reap(const struct session *session, long program)
{
	int status;
	for (;;) {
		long pid = sys(wait4, -1, &status, WNOHANG | WUNTRACED | WCONTINUED, 0);
		if (pid < 0)
			leave(125);
		if (pid == 0)
			return;
		if (pid != program)
			continue;
		if ((status & 0xff) == 0x7f) {
			send(session, STOPPED, (u32)status >> 8);
		} else if (status == 0xffff) {
			send(session, CONTINUED, 0);
		} else {
			send(session, ENDED, (u32)status);
			leave(0);
		}
	}
}

static u64 now(void)
{
	struct {
		i64 seconds, nanoseconds;
	} time;
	sys(clock_gettime, 1, &time); /* CLOCK_MONOTONIC */
	return (u64)time.seconds * 1000000u + (u64)time.nanoseconds / 1000;
}

#define GROUP_DELAY 5000u /* microseconds */

/* Tell whether a message is the echo of what reached the program anyway a moment ago: init.py, is_repeated. */
static int is_repeated(int number, u64 *passed)
{
	struct ksiginfo info;
	u64 only = BIT(number);
	i64 delay[2] = { 0, GROUP_DELAY * 1000 };
	long got = sys(rt_sigtimedwait, &only, &info, delay, 8);
	u64 time = now();
	int repeated = (passed[number] && time - passed[number] < 4 * GROUP_DELAY) || (got > 0 && info.pid == 0);
	passed[number] = time;
	return repeated;
}

static _Noreturn void listen(const struct session *session, long program)
{
	static u32 direct[65];
	static u64 passed[65];
	for (;;) {
		struct ksiginfo info;
		u64 all = ALL_SIGNALS;
		long number = sys(rt_sigtimedwait, &all, &info, NULL, 8);
		if (number == SIGCHLD) {
			reap(session, program);
		} else if (number >= FIRST_MESSAGE && number < FIRST_MESSAGE + (long)sizeof FORWARDED) {
			number = FORWARDED[number - FIRST_MESSAGE];
			if (!direct[number] && is_repeated((int)number, passed))
				continue;
			if (direct[number])
				direct[number]--;
			else
				sys(kill, program, number);
		} else if (number > 0 && number < 32 && info.pid == 0) {
			direct[number]++; /* from outside of this PID namespace: it went to the whole group */
		}
	}
}

/* Overwrite what /proc/1/environ shows. */
static void wipe(char **env)
{
	if (!*env)
		return;
	char *from = *env, *to = from;
	for (; *env; env++)
		to = *env + strlen(*env);
	memset(from, 0, (size_t)(to - from));
}

_Noreturn void serve(const struct session *session)
{
	u64 no_core[2] = { 0, 0 };
	wipe(session->host_env);
	close_others(session);
	sys(keyctl, KEYCTL_JOIN_SESSION_KEYRING, 0); /* no keyrings, no key to take away */
	need(sys(setrlimit, RLIMIT_CORE, no_core));
	need(sys(prctl, PR_SET_DUMPABLE, 0, 0, 0, 0));
	restrict_reopen(session);
	need(sys(prctl, PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0)); /* here: a change of credentials takes it back */
	struct {
		int fd;
		short wanted, found;
	} pipe = { session->writer, 0, 0 };
	i64 at_once[2] = { 0, 0 };
	if (sys(ppoll, &pipe, 1, at_once, NULL, 8) != 0) /* nobody reads: the waiter died before */
		leave(125);
	long program = need(spawn(session));
	listen(session, program);
}
