/* The mounts, in the child: executes the plan's records. Which they are: sandbox_venv/plan/records.py.
 *
 * Every failure ends the child before anything runs. Targets of `b` lie in the skeleton, which no session can write, so
 * the kernel may look them up; every other target is opened without following links. */
#include "session.h"

#define READ_ONLY (MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV)
#define READ_WRITE (MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV)
#define WITH_DEVICES MOUNT_ATTR_NOSUID
#define CLONE_TREE (OPEN_TREE_CLONE | O_CLOEXEC | AT_RECURSIVE)
#define MOST_DESCRIPTORS 64 /* so that it works under `ulimit -n 100` */

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

static long open_target(const struct session *session, long root, const char *target)
{
	u64 resolve = RESOLVE_IN_ROOT | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
	return need(sys_openat2(root, target, O_PATH | O_CLOEXEC, resolve));
}

static long move(long tree, long place, const char *path)
{
	long flags = MOVE_MOUNT_F_EMPTY_PATH | (*path ? 0 : MOVE_MOUNT_T_EMPTY_PATH);
	return sys6(NR_move_mount, tree, SYS_ARG(""), place, SYS_ARG(path), flags, 0);
}

/* Attach a copy of the tree at `source` (a path, or "" of the descriptor `from`) to what `place` and `path` name. */
static void attach(const struct session *session, long from, const char *source, u64 attributes, long place,
		   const char *path)
{
	long flags = CLONE_TREE | (*source ? 0 : AT_EMPTY_PATH);
	long tree = need(sys6(NR_open_tree, from, SYS_ARG(source), flags, 0, 0, 0));
	need(mount_setattr(tree, AT_RECURSIVE, attributes, MS_PRIVATE));
	need(move(tree, place, path));
	sys(close, tree);
}

static void bind(const struct session *session, const char *source, u64 attributes, long root, const char *target)
{
	long place = open_target(session, root, target);
	attach(session, AT_FDCWD, source, attributes, place, "");
	sys(close, place);
}

/* Bind what a session could have replaced: no link is followed in its path, and `optional` ones may be missing. */
static void bind_slot(const struct session *session, const char *source, u64 attributes, long root,
		      const char *target, int optional)
{
	long fd = open_plain(source, O_PATH);
	if (optional && (fd == -ERR_NOENT || fd == -ERR_NOTDIR || fd == -ERR_LOOP))
		return;
	need(fd);
	long place = open_target(session, root, target);
	attach(session, fd, "", attributes, place, "");
	sys(close, place);
	sys(close, fd);
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

/* Make the mount point `below` in the private directory `top` on the host, each component opened on its own. */
static void make_point(const struct session *session, const char *top, const char *below, int directory)
{
	char part[256];
	long fd = need(open_plain(top, O_PATH | O_DIRECTORY)), made;
	while (*below) {
		size_t size = 0;
		while (below[size] && below[size] != '/')
			size++;
		if (size >= sizeof part)
			failed(session, __LINE__, 0);
		memcpy(part, below, size);
		part[size] = 0;
		below += size + (below[size] == '/');
		int is_file = !*below && !directory;
		if (is_file)
			made = sys(mknodat, fd, part, S_IFREG | 0600, 0);
		else
			made = sys(mkdirat, fd, part, 0700);
		if (made != -ERR_EXIST)
			need(made);
		struct kstat status;
		long inner = need(sys(openat, fd, part, O_PATH | O_NOFOLLOW | O_CLOEXEC, 0));
		need(fstat(inner, &status));
		u32 kind = status.mode & S_IFMT;
		if (kind == S_IFLNK || (kind == S_IFDIR) == is_file)
			failed(session, __LINE__, ERR_NOTDIR);
		sys(close, fd);
		fd = inner;
	}
	sys(close, fd);
}

static void mount_on(const struct session *session, long root, const char *target, const char *kind, long flags,
		     const char *data)
{
	long place = open_target(session, root, target);
	need(sys(fchdir, place));
	need(sys(mount, kind, ".", kind, flags, data));
	need(sys(fchdir, root));
	sys(close, place);
}

static void make_dev(const struct session *session, long root, const char *target)
{
	static const char nodes[] = "null\0zero\0full\0random\0urandom\0tty\0";
	static const char links[] = "/proc/self/fd/0\0stdin\0/proc/self/fd/1\0stdout\0/proc/self/fd/2\0stderr\0"
				    "/proc/self/fd\0fd\0/proc/kcore\0core\0pts/ptmx\0ptmx\0";
	struct list names = { nodes, nodes + sizeof nodes - 1 };
	char source[32];
	mount_on(session, root, target, "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755");
	long top = open_target(session, root, target);
	need(sys(fchdir, top));
	for (const char *name; (name = next(&names));) {
		put(put(source, "/dev/"), name);
		need(sys(mknodat, top, name, S_IFREG | 0444, 0));
		attach(session, AT_FDCWD, source, WITH_DEVICES, top, name);
	}
	if (*session->terminal) {
		need(sys(mknodat, top, "console", S_IFREG | 0444, 0));
		attach(session, AT_FDCWD, session->terminal, WITH_DEVICES, top, "console");
	}
	names = (struct list){ links, links + sizeof links - 1 };
	for (const char *text; (text = next(&names));)
		need(sys(symlinkat, text, top, next(&names)));
	need(sys(mkdirat, top, "shm", 0755));
	need(sys(mkdirat, top, "pts", 0755));
	need(sys(mount, "devpts", "pts", "devpts", MS_NOSUID | MS_NOEXEC, "newinstance,ptmxmode=0666,mode=620"));
	need(sys(fchdir, root));
	sys(close, top);
}

static void remount_read_only(const struct session *session, long root, const char *target)
{
	long place = open_target(session, root, target);
	need(mount_setattr(place, 0, READ_ONLY, 0));
	sys(close, place);
}

/* Attach the many read-only mounts of the plan's first part: two calls each. */
static void attach_group(const struct session *session, const char *source, long root, const char *target)
{
	long tree = need(sys6(NR_open_tree, AT_FDCWD, SYS_ARG(source), CLONE_TREE, 0, 0, 0));
	need(move(tree, root, target));
	if (tree >= MOST_DESCRIPTORS) /* else they are closed with one call at the end */
		sys(close, tree);
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
