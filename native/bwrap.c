/* bwrap with the options that a plan's records make, init as its PID 1. What launch/bwrap.py and launch/shelter.py do.
 *
 * bwrap's environment is empty and its arguments are numbers of descriptors: both can be read inside. Whatever fails
 * before init says READY ran nothing. */
#include "bwrap.h"
#include "slots.h"

#define MAX_KEPT 64
#define ROOM (1 << 20)

long memory_file(const struct session *session, const void *data, size_t size)
{
	long fd = need(sys(memfd_create, "sandbox-venv", 0));
	if (need(sys(pwrite64, fd, data, size, 0)) != (long)size)
		failed(session, "sys(pwrite64)", 0);
	return fd;
}

struct kept {
	const char *path;
	long tree;
};

/* Copy the mounts at `path`, to be put back where the rest is read-only. */
static size_t keep(const struct session *session, struct kept *kept, size_t count, const char *path)
{
	long place = open_plain(path, O_PATH);
	if (place == -ERR_NOENT || place == -ERR_NOTDIR || place == -ERR_LOOP) /* optional, and then not mounted either */
		return count;
	need_found(place, "openat2");
	if (count == MAX_KEPT)
		unfit(session);
	long tree = need(sys6(NR_open_tree, place, SYS_ARG(""), CLONE_TREE | AT_EMPTY_PATH, 0, 0, 0));
	sys(close, place);
	kept[count] = (struct kept){ path, tree };
	return count + 1;
}

/* Mount the ready-made root, with what of the host it shows, for bwrap to bind as a whole: plan/merged.py says why. */
static void merge_root(const struct session *session)
{
	struct list records = session->plan.section[RECORDS];
	long root = need_path(sys6(NR_open_tree, AT_FDCWD, SYS_ARG(session->skeleton), CLONE_TREE, 0, 0, 0));
	for (const char *what; (what = next(&records));) {
		const char *a = next(&records), *b = next(&records);
		if (*what == '/') {
			long place = need_path(open_plain(b, O_PATH));
			need(move(root, place, ""));
			sys(close, place);
		} else if (*what == 'b') {
			attach_group(session, a, root, b);
		}
	}
	need(mount_setattr(root, AT_RECURSIVE, READ_ONLY, MS_PRIVATE));
	sys(close, root);
}

/* In the new mount namespace, make read-only all that the sandbox may not write: launch/shelter.py says why. */
static void take_shelter(const struct session *session)
{
	struct list records = session->plan.section[RECORDS];
	struct kept kept[MAX_KEPT];
	put_file(session, "/proc/self/setgroups", "deny");
	map_id(session, "/proc/self/uid_map", session->uid, session->uid);
	map_id(session, "/proc/self/gid_map", session->gid, session->gid);
	long root = need(sys(openat, AT_FDCWD, "/", O_PATH | O_DIRECTORY | O_CLOEXEC, 0));
	need(mount_setattr(root, AT_RECURSIVE, 0, MS_PRIVATE));
	size_t count = keep(session, kept, 0, "/proc");
	for (const char *what; (what = next(&records));) {
		const char *path = next(&records);
		next(&records);
		if (*what == 'v')
			count = keep(session, kept, count, path);
	}
	need(mount_setattr(root, AT_RECURSIVE, MOUNT_ATTR_RDONLY, 0));
	for (size_t at = 0; at < count; at++) {
		long place = need_path(open_plain(kept[at].path, O_PATH));
		need(move(kept[at].tree, place, ""));
		sys(close, place);
		sys(close, kept[at].tree);
	}
	sys(close, root);
	if (session->skeleton)
		merge_root(session);
}

/* Mount points on the host, which are made before they are read-only. */
static void make_points(const struct session *session)
{
	struct list records = session->plan.section[RECORDS];
	for (const char *what; (what = next(&records));) {
		const char *a = next(&records), *b = next(&records);
		if (*what == 'D' || *what == 'F')
			slot_record(session, -1, *what, a, b);
	}
}

static int add_slot(void *with, char what, const char *a, const char *b)
{
	return what == 'D' || what == 'F' || slot_record(with, -1, what, a, b);
}

static void add_filter(const struct session *session, enum section section)
{
	struct list code = session->plan.section[section];
	if (code.at < code.end)
		words_add_fd(session->words, "--add-seccomp-fd",
			     memory_file(session, code.at, (size_t)(code.end - code.at)));
}

static _Noreturn void execute_bwrap(struct session *session, const int *info)
{
	static struct words words;
	char args[24], code[40], config[24];
	char *argv[] = { (char *)(uintptr_t)session->bwrap, "--args", args, "--", code, config, NULL }, *env[] = { NULL };
	make_points(session);
	if (session->has_shelter)
		take_shelter(session);
	need(sys(chdir, "/"));
	session->words = &words;
	words_start(&words, ROOM);
	if (!words_fill(&words, &session->plan, session->makes_cwd ? session->cwd : NULL, add_slot, session))
		unfit(session);
	words_add(&words, "--chdir"); /* named, a directory that can't be entered ends bwrap; init enters the program's own */
	words_add(&words, "/");
	words_add(&words, "--as-pid-1");
	words_add_fd(&words, "--info-fd", info[1]);
	add_filter(session, SECCOMP_ALLOW);
	add_filter(session, SECCOMP_DENY);
	put_number(put(code, "/proc/self/fd/"), (u64)make_image(session));
	put_number(config, (u64)hand_over(session));
	put_number(args, (u64)memory_file(session, words.data, words.size));
	if (words.failed)
		unfit(session);
	/* The reading end goes along: without it, a launcher that is killed now would end bwrap by a broken pipe. */
	int passed[] = { session->writer, info[0], info[1] };
	for (size_t at = 0; at < sizeof passed / sizeof *passed; at++)
		need(sys(fcntl, passed[at], F_SETFD, 0));
	need(sys(execve, session->bwrap, argv, env));
	leave(125);
}

long start_bwrap(struct session *session)
{
	u64 args[8] = { session->has_shelter ? CLONE_NEWUSER | CLONE_NEWNS : 0, 0, 0, 0, SIGCHLD };
	int info[2];
	long made = sys(pipe2, info, O_CLOEXEC);
	if (made < 0)
		return made;
	session->leash = (int)start_guard(session);
	if (session->leash < 0)
		return session->leash;
	long pid = sys6(NR_clone3, SYS_ARG(args), sizeof args, 0, 0, 0, 0);
	if (pid == 0)
		execute_bwrap(session, info);
	if (pid < 0) /* else the guard took what follows for our death */
		dismiss_guard(session);
	sys(close, info[1]);
	session->info = info[0];
	return pid;
}
