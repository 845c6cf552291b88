/* Mounts and their mount points, one function a kind: what setup.c's records are made of. */
#include "mounts.h"

#define MOST_DESCRIPTORS 64 /* left open while mounts are made; as many as a process has room for from its start */
#define SPARE 8 /* for what else is opened meanwhile */

long open_target(const struct session *session, long root, const char *target)
{
	u64 resolve = RESOLVE_IN_ROOT | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
	return need_path(sys_openat2(root, target, O_PATH | O_CLOEXEC, resolve));
}

long move(long tree, long place, const char *path)
{
	long flags = MOVE_MOUNT_F_EMPTY_PATH | (*path ? 0 : MOVE_MOUNT_T_EMPTY_PATH);
	return sys6(NR_move_mount, tree, SYS_ARG(""), place, SYS_ARG(path), flags, 0);
}

void attach(const struct session *session, long from, const char *source, u64 attributes, long place, const char *path)
{
	long flags = CLONE_TREE | (*source ? 0 : AT_EMPTY_PATH);
	long tree = need_path(sys6(NR_open_tree, from, SYS_ARG(source), flags, 0, 0, 0));
	need(mount_setattr(tree, AT_RECURSIVE, attributes, MS_PRIVATE));
	need(move(tree, place, path));
	sys(close, tree);
}

void bind(const struct session *session, const char *source, u64 attributes, long root, const char *target)
{
	long place = open_target(session, root, target);
	attach(session, AT_FDCWD, source, attributes, place, "");
	sys(close, place);
}

void mount_on(const struct session *session, long root, const char *target, const char *kind, long flags,
		     const char *data)
{
	long place = open_target(session, root, target);
	need(sys(fchdir, place));
	need(sys(mount, kind, ".", kind, flags, data));
	need(sys(fchdir, root));
	sys(close, place);
}

void make_dev(const struct session *session, long root, const char *target)
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

void remount_read_only(const struct session *session, long root, const char *target)
{
	long place = open_target(session, root, target);
	need(mount_setattr(place, 0, READ_ONLY, 0));
	sys(close, place);
}

/* Attach the many read-only mounts of the plan's first part: two calls each. Their descriptors are closed many at once:
 * those with numbers one after the other, so none of another's is among them. */
void attach_group(const struct session *session, const char *source, long root, const char *target)
{
	static long first, last = -2, most;
	u64 limit[2];
	if (!most)
		most = sys(getrlimit, RLIMIT_NOFILE, limit) == 0 && limit[0] < MOST_DESCRIPTORS + SPARE ?
			       (long)limit[0] - SPARE : MOST_DESCRIPTORS;
	long tree = sys6(NR_open_tree, AT_FDCWD, SYS_ARG(source), CLONE_TREE, 0, 0, 0);
	if (tree == -ERR_NOENT) /* removed since the plan was compiled: the options say --ro-bind-try */
		return;
	need_found(tree, "open_tree");
	need(move(tree, root, target));
	if (tree != last + 1)
		first = tree;
	last = tree;
	if (tree >= most) {
		need(sys6(NR_close_range, first, last, 0, 0, 0, 0));
		last = -2;
	}
}
