/* The mounts, in the child: executes the plan's records. Which they are: sandbox_venv/plan/records.py.
 *
 * Every failure ends the child before anything runs. Targets of `b` lie in the skeleton, which no session can write, so
 * the kernel may look them up; every other target is opened without following links. */
#include "mounts.h"

static void put_file(const struct session *session, const char *path, const char *text)
{
	long fd = need(sys(openat, AT_FDCWD, path, O_WRONLY | O_CLOEXEC, 0));
	need(sys(write, fd, text, strlen(text)));
	sys(close, fd);
}

/* Map one id: `inside` to `outside` of the namespace above. */
static void map(const struct session *session, const char *path, u32 inside, u32 outside)
{
	char text[48];
	put(put_number(put(put_number(text, inside), " "), outside), " 1\n");
	put_file(session, path, text);
}

/* Bind each protected name that was there at the start, read-only. */
static void protect_top(const struct session *session, const char *project, long root)
{
	struct list names = session->plan.section[PROTECT];
	size_t at = 0;
	for (const char *name; (name = next(&names)); at++) {
		if (!session->before.present[at])
			continue;
		char *path = take(strlen(project) + strlen(name) + 2);
		if (!path)
			failed(session, __LINE__, 0);
		put(put(put(path, project), "/"), name);
		bind_slot(session, path, READ_ONLY, root, path + 1, 1);
	}
}

/* Mount points that were added below the project's top. */
struct points {
	const char *paths[MAX_PROTECTED];
	size_t count;
};

static int has_point(const struct session *session, const struct points *points, const char *path)
{
	for (size_t at = 0; at < points->count; at++)
		if (strcmp(points->paths[at], path) == 0)
			return 1;
	return protected_is_slot(&session->plan, path, 0);
}

/* Bind one protected path below the top, with the directories above it pinned by mounts of their own: slots.py,
 * _protect_path. */
static void protect_path(const struct session *session, const char *project, const char *path, long root,
			 struct points *points)
{
	size_t top = strlen(project) + 1, size = strlen(path);
	char *folder = take(size + 1);
	if (!folder || has_point(session, points, path))
		return;
	for (size_t at = top; at < size; at++) { /* below something read-only there is nothing to do */
		put(folder, path);
		folder[at] = 0;
		if (path[at] == '/' && protected_is_slot(&session->plan, folder, 1))
			return;
	}
	for (size_t at = top; at <= size; at++) {
		if (path[at] && path[at] != '/')
			continue;
		if (points->count == MAX_PROTECTED || !(folder = take(at + 1)))
			failed(session, __LINE__, 0);
		memcpy(folder, path, at);
		folder[at] = 0;
		if (has_point(session, points, folder))
			continue;
		bind_slot(session, folder, at == size ? READ_ONLY : READ_WRITE, root, folder + 1, 1);
		points->paths[points->count++] = folder;
	}
}

static void protect(const struct session *session, const char *project, long root)
{
	static struct points points;
	protect_top(session, project, root);
	for (size_t at = 0; at < session->before.count; at++) {
		const char *path = session->before.nested[at];
		size_t size = strlen(path), cut = sizeof "/pyvenv.cfg" - 1;
		char *copy = take(size + 1);
		if (!copy)
			failed(session, __LINE__, 0);
		put(copy, path);
		if (size > cut && strcmp(path + size - cut, "/pyvenv.cfg") == 0)
			copy[size - cut] = 0; /* the whole venv */
		protect_path(session, project, copy, root, &points);
	}
}

/* Do what one record says; 0 where it isn't known. */
static int execute(const struct session *session, long root, char what, const char *a, const char *b)
{
	switch (what) {
	case 'b':
		attach_group(session, a, root, b);
		return 1;
	case 's': /* all that is attached so far: read-only, with one call; flags are only ever added */
		need(mount_setattr(root, AT_RECURSIVE, READ_ONLY, MS_PRIVATE));
		return 1;
	case 'p':
		mount_on(session, root, b, "proc", MS_NOSUID | MS_NOEXEC | MS_NODEV, NULL);
		return 1;
	case 'd':
		make_dev(session, root, b);
		return 1;
	case 't':
		mount_on(session, root, b, "tmpfs", MS_NOSUID | MS_NODEV, a);
		return 1;
	case 'k': /* in a file system made here */
		need(sys(mkdirat, root, b, *a == '7' ? 0700 : 0755));
		return 1;
	case 'f':
		need(sys(mknodat, root, b, S_IFREG | 0444, 0));
		return 1;
	case 'l':
		need(sys(symlinkat, a, root, b));
		return 1;
	case 'm':
		bind(session, a, READ_ONLY, root, b);
		return 1;
	case 'n':
		bind(session, a, WITH_DEVICES, root, b);
		return 1;
	case 'w':
	case 'W':
		bind_slot(session, a, READ_WRITE, root, b, what == 'W');
		return 1;
	case 'o':
	case 'O':
		bind_slot(session, a, READ_ONLY, root, b, what == 'O');
		return 1;
	case 'P':
		protect(session, a, root);
		return 1;
	case 'D':
	case 'F':
		make_point(session, a, b, what == 'D');
		return 1;
	case 'r':
		remount_read_only(session, root, b);
		return 1;
	default:
		return 0;
	}
}

/* Drop every capability, also those that a program could gain, and the power to make a user namespace. */
static void drop_privileges(const struct session *session)
{
	u32 header[2] = { 0x20080522, 0 }, none[6] = { 0 }; /* _LINUX_CAPABILITY_VERSION_3 */
	long result = 0;
	need(sys(unshare, CLONE_NEWUSER));
	for (long cap = 0; cap < 64 && result != -ERR_INVAL; cap++)
		if ((result = sys(prctl, PR_CAPBSET_DROP, cap, 0, 0, 0)) != -ERR_INVAL)
			need(result);
	map(session, "/proc/self/uid_map", session->uid, 0);
	map(session, "/proc/self/gid_map", session->gid, 0);
	if (sys(unshare, CLONE_NEWUSER) >= 0)
		failed(session, __LINE__, 0);
	need(sys(capset, header, none));
}

/* Make the caller's directory in the session's own /tmp. */
static void make_directory(const struct session *session, long root)
{
	char *path = take(strlen(session->cwd) + 1);
	if (!path)
		failed(session, __LINE__, 0);
	put(path, session->cwd);
	for (char *at = path + sizeof "/tmp" - 1; *at; at++) {
		if (at[1] && at[1] != '/')
			continue;
		char byte = at[1];
		at[1] = 0;
		long made = sys(mkdirat, root, path + 1, 0755);
		if (made != -ERR_EXIST)
			need(made);
		at[1] = byte;
	}
}

void set_up(const struct session *session)
{
	struct list records = session->plan.section[RECORDS];
	need(sys(prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
	map(session, "/proc/self/uid_map", 0, session->uid);
	put_file(session, "/proc/self/setgroups", "deny");
	map(session, "/proc/self/gid_map", 0, session->gid);
	put_file(session, "/proc/sys/user/max_user_namespaces", "1"); /* the one that is made below */
	long umask = sys(umask, 0);
	long root = need(sys6(NR_open_tree, AT_FDCWD, SYS_ARG(session->skeleton), CLONE_TREE, 0, 0, 0));
	need(move(root, AT_FDCWD, "/"));
	need(sys(fchdir, root));
	for (const char *what; (what = next(&records));) {
		const char *a = next(&records), *b = next(&records);
		if (*what != '/' && !execute(session, root, *what, a, b))
			failed(session, __LINE__, 0);
	}
	if (session->makes_cwd)
		make_directory(session, root);
	need(sys(pivot_root, ".", ".")); /* the old root lies over the new one, where "." finds it */
	need(sys(umount2, ".", MNT_DETACH));
	need(sys(chdir, "/"));
	sys(umask, umask);
	drop_privileges(session);
}
