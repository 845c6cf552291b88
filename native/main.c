/* The start of a wrapped entry point: checks, and the order of what follows. What sandbox_venv/launch/main.py does for
 * the plain case; for every other one, and wherever anything is odd or fails, Python is executed in its place. */
#include "bwrap.h"
#include "call.h"
#include "environ.h"

struct session session;

#if defined(__SSP_STRONG__) || defined(__SSP__)
uintptr_t __stack_chk_guard;
_Noreturn void __stack_chk_fail(void);
_Noreturn void __stack_chk_fail(void)
{
	__builtin_trap();
}
#endif

/* Read the plan of run sessions of this variant; a variant's file is named after its checksum: launch/main.py,
 * plan_path. */
static void open_plan(const char *variant)
{
	struct plan *plan = &session.plan;
	char *path = take(strlen(call.folder) + 32);
	if (!path)
		python();
	char *at = put(put(path, call.folder), "/run");
	if (*variant)
		at = put_hex(put(at, "-"), plan_checksum((const u8 *)variant, strlen(variant)));
	put(at, ".plan");
	if (!plan_read(path, plan) || strcmp(plan_meta(plan, "dir"), call.folder) ||
	    strcmp(plan_meta(plan, "kind"), "run") || strcmp(plan_meta(plan, "variant"), variant) ||
	    *plan_meta(plan, "chdir") || *plan_meta(plan, "keep-fd") ||
	    *plan_meta(plan, "nested") || *plan_meta(plan, "rlimits") || !plan_is_fresh(plan))
		python();
}

/* Tell whether a directory of the state is this user's alone, as wrap made it; Python says so where it isn't. */
static int is_private(const char *path)
{
	struct kstat status;
	return sys6(NR_fstatat, AT_FDCWD, SYS_ARG(path), SYS_ARG(&status), AT_SYMLINK_NOFOLLOW, 0, 0) == 0 &&
	       status.uid == session.uid && !(status.mode & 077);
}

/* Look at the directory of the plans and at the state directory, two levels above it. */
static void check_state(void)
{
	char *root = take(strlen(call.folder) + 1);
	if (!root)
		python();
	char *end = put(root, call.folder);
	for (int levels = 0; levels < 2; levels++) {
		while (end > root && *--end != '/')
			;
		*end = 0;
	}
	if (!is_private(call.folder) || !is_private(root))
		python();
}

/* Read the plan; the first record says who executes the others. */
static void read_plan(void)
{
	check_state();
	open_plan("");
	if (*plan_meta(&session.plan, "own-plans"))
		open_plan(entry_variant(plan_meta(&session.plan, "own-plans")));
	struct list records = session.plan.section[RECORDS];
	const char *first = next(&records), *backend = plan_meta(&session.plan, "backend");
	if (!first)
		python();
	const char *path = next(&records);
	session.letters = next(&records);
	if (!strcmp(first, "/") && !strcmp(backend, "native"))
		session.skeleton = path;
	else if (!strcmp(first, "|") && !strcmp(backend, "bwrap"))
		session.bwrap = path;
	else
		python();
	const char *second = next(&records);
	if (session.bwrap && second && !strcmp(second, "/"))
		session.skeleton = next(&records);
	session.has_shelter = session.bwrap && strchr(session.letters, 's');
}

/* Set the program and its arguments; make sure that this file is the launcher in the venv, not a copy of it. */
static void choose_program(void)
{
	struct kstat own, there;
	const char *bin = plan_meta(&session.plan, "bin");
	char *path = take(strlen(bin) + strlen(call.name) + 2);
	if (!path || !*call.argv)
		python();
	put(put(put(path, bin), "/"), call.name);
	if (sys6(NR_fstatat, AT_FDCWD, SYS_ARG("/proc/self/exe"), SYS_ARG(&own), 0, 0, 0) < 0 ||
	    sys6(NR_fstatat, AT_FDCWD, SYS_ARG(path), SYS_ARG(&there), 0, 0, 0) < 0 || own.dev != there.dev ||
	    own.ino != there.ino)
		python();
	if (!strcmp(call.name, "shell"))
		path = (char *)(uintptr_t)plan_meta(&session.plan, "shell");
	size_t count = 0;
	while (call.argv[count])
		count++;
	session.argv = take((count + 1) * sizeof(char *));
	if (!session.argv)
		python();
	memcpy(session.argv, call.argv, (count + 1) * sizeof(char *));
	session.argv[0] = path;
}

/* Read which descriptors are open: pipes among them stay open for the program. */
static void list_descriptors(void)
{
	char buffer[4096] __attribute__((aligned(8)));
	struct kstat status;
	long fd = sys(openat, AT_FDCWD, "/proc/self/fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0), size;
	if (fd < 0)
		python();
	while ((size = sys(getdents64, fd, buffer, sizeof buffer)) > 0)
		for (long at = 0; at < size;) {
			const struct entry *entry = (const struct entry *)(const void *)(buffer + at);
			at += entry->size;
			long number = 0;
			for (const char *digit = entry->name; *digit >= '0' && *digit <= '9'; digit++)
				number = number * 10 + *digit - '0';
			if (number < 3 || number == fd || fstat(number, &status) < 0 ||
			    (status.mode & S_IFMT) != S_IFIFO)
				continue;
			if (session.inherited_count == MAX_INHERITED)
				python();
			session.inherited[session.inherited_count++] = (int)number;
		}
	sys(close, fd);
	if (size < 0)
		python();
}

/* Make 0-2 usable, and note what is a terminal. */
static void standard_descriptors(void)
{
	static char terminal[TTY_NAME_MAX];
	struct kstat status;
	u32 settings[16];
	for (long fd = 0; fd < 3; fd++) {
		if (fstat(fd, &status) < 0) {
			if (sys(openat, AT_FDCWD, "/dev/null", O_RDWR, 0) != fd)
				python();
			session.closed |= 1 << fd;
		} else if ((status.mode & S_IFMT) == S_IFDIR) {
			python(); /* says why not */
		}
	}
	session.terminal = terminal;
	if (sys(ioctl, 1, 0x5401, settings) == 0) { /* TCGETS */
		long size = sys(readlinkat, AT_FDCWD, "/proc/self/fd/1", terminal, sizeof terminal - 1);
		if (size <= 0 || !starts_with(terminal, "/dev/"))
			python();
		terminal[size] = 0;
	}
}

static const char *protected_project(void)
{
	struct list records = session.plan.section[RECORDS];
	for (const char *what; (what = next(&records));) {
		const char *project = next(&records);
		next(&records);
		if (*what == 'P')
			return project;
	}
	return "";
}

static void make_environment(void)
{
	struct parent parent;
	if (parent_read(sys(getppid), &parent) < 0)
		python();
	session.env = environ_filter(call.env, &parent, session.plan.section[ENV], session.cwd);
	if (parent.block.at) /* the child, who gets a copy of this memory, has no business with it */
		memset((char *)(uintptr_t)parent.block.at, 0, (size_t)(parent.block.end - parent.block.at));
	if (!session.env)
		python();
}

/* Start what makes the sandbox: on native it is init itself. */
static long start(void)
{
	u64 args[8] = { 0 };
	if (session.bwrap)
		return start_bwrap(&session);
	args[0] = CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS;
	if (strchr(session.letters, 'c'))
		args[0] |= CLONE_NEWCGROUP;
	args[4] = SIGCHLD;
	long pid = sys6(NR_clone3, SYS_ARG(args), sizeof args, 0, 0, 0, 0);
	if (pid == 0) {
		set_up(&session);
		serve(&session);
	}
	return pid;
}

/* Hold the ready-made root, which is removed where nobody does. */
static void lock_skeleton(void)
{
	long lock = sys(openat, AT_FDCWD, session.skeleton, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC, 0);
	if (lock < 0 || sys(flock, lock, LOCK_SH | LOCK_NB) < 0)
		python();
}

_Noreturn void run(long *stack);
_Noreturn void run(long *stack)
{
	u64 all = ALL_SIGNALS;
	struct ksigaction usual = { 0 };
	int ends[2];
	call.argv = (char **)(stack + 1);
	call.env = call.argv + *stack + 1;
	session.host_env = call.env;
	sys(rt_sigprocmask, SIG_SETMASK, &all, &session.mask, 8);
	sys(rt_sigaction, SIGCHLD, &usual, &session.child_action, 8);
	if (is_image())
		be_init(call.argv, call.env);
	read_trailer();
	session.name = call.name;
	session.leash = -1;
	session.uid = (u32)sys(getuid);
	session.gid = (u32)sys(getgid);
	if (asks_for_python())
		python();
	read_plan();
	if (session.uid != (u32)sys(geteuid) || session.gid != (u32)sys(getegid) || installs())
		python();
	choose_program();
	choose_directory();
	if (names_script_outside())
		python();
	list_descriptors();
	standard_descriptors();
	const char *project = protected_project();
	int found = *project ? protected_find(&session.plan, project, &session.before) : 1;
	if (found < 0)
		give_up(STAGE_SETUP, -found, "openat2", project);
	if (!found)
		python();
	make_environment();
	if (session.skeleton)
		lock_skeleton();
	long made = sys(pipe2, ends, O_CLOEXEC);
	if (made < 0)
		give_up(STAGE_SETUP, -made, "pipe2", "");
	session.reader = ends[0];
	session.writer = ends[1];
	long pid = start();
	if ((pid == -ERR_PERM || pid == -ERR_NOSYS) && lacks(NR_clone3)) /* Python has clone(2) */
		python();
	if (pid < 0)
		give_up(STAGE_SETUP, -pid, "clone3", "");
	long status = wait_for(&session, pid);
	if (status < 0)
		python();
	look_after(project, (u32)status);
	end_like((u32)status);
}

#if defined(__x86_64__)
__asm__(".globl _start\n_start:\n\txor %ebp, %ebp\n\tmov %rsp, %rdi\n\tand $-16, %rsp\n\tcall begin\n\thlt\n");
#else
__asm__(".globl _start\n_start:\n\tmov x29, xzr\n\tmov x30, xzr\n\tmov x0, sp\n\tbl begin\n\tbrk 1\n");
#endif

/* Called first: sets the stack protector's guard from what the kernel gives, getauxval(3), AT_RANDOM. */
__attribute__((used, no_stack_protector)) _Noreturn void begin(long *stack);
_Noreturn void begin(long *stack)
{
#if defined(__SSP_STRONG__) || defined(__SSP__)
	long *at = stack + *stack + 2;
	while (*at++)
		;
	for (; *at; at += 2)
		if (*at == 25)
			__stack_chk_guard = *(uintptr_t *)at[1] & ~(uintptr_t)0xff;
#endif
	run(stack);
}
