/* The mounts, in the child: executes the plan's records. Which they are: sandbox_venv/plan/records.py.
 *
 * Every failure ends the child before anything runs. Targets of `b` lie in the skeleton, which no session can write, so
 * the kernel may look them up; every other target is opened without following links. */
#include "slots.h"

void put_file(const struct session *session, const char *path, const char *text)
{
	long fd = need(sys(openat, AT_FDCWD, path, O_WRONLY | O_CLOEXEC, 0));
	need(sys(write, fd, text, strlen(text)));
	sys(close, fd);
}

void map_id(const struct session *session, const char *path, u32 inside, u32 outside)
{
	char text[48];
	put(put_number(put(put_number(text, inside), " "), outside), " 1\n");
	put_file(session, path, text);
}

/* Have a network of its own, with nothing in it but a loopback interface that is up: netdevice(7). */
static void cut_network(const struct session *session)
{
	struct {
		char name[16];
		short flags;
		char rest[22];
	} request = { .name = "lo", .flags = 1 }; /* struct ifreq, IFF_UP */
	need(sys(unshare, CLONE_NEWNET));
	long fd = need(sys(socket, 2, 2 | O_CLOEXEC, 0)); /* AF_INET, SOCK_DGRAM | SOCK_CLOEXEC */
	need(sys(ioctl, fd, 0x8914, &request));		  /* SIOCSIFFLAGS */
	sys(close, fd);
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
	case 'r':
		remount_read_only(session, root, b);
		return 1;
	case 'N':
		cut_network(session);
		return 1;
	default:
		return slot_record(session, root, what, a, b);
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
	map_id(session, "/proc/self/uid_map", session->uid, 0);
	map_id(session, "/proc/self/gid_map", session->gid, 0);
	if (sys(unshare, CLONE_NEWUSER) >= 0)
		failed(session, "sys(unshare): user namespaces are still allowed", 0);
	need(sys(capset, header, none));
}

/* Make the caller's directory in the session's own /tmp. */
static void make_directory(const struct session *session, long root)
{
	char *path = take(strlen(session->cwd) + 1);
	if (!path)
		unfit(session);
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
	map_id(session, "/proc/self/uid_map", 0, session->uid);
	put_file(session, "/proc/self/setgroups", "deny");
	map_id(session, "/proc/self/gid_map", 0, session->gid);
	put_file(session, "/proc/sys/user/max_user_namespaces", "1"); /* the one that is made below */
	long umask = sys(umask, 0);
	long root = need_path(sys6(NR_open_tree, AT_FDCWD, SYS_ARG(session->skeleton), CLONE_TREE, 0, 0, 0));
	need(move(root, AT_FDCWD, "/"));
	need(sys(fchdir, root));
	for (const char *what; (what = next(&records));) {
		const char *a = next(&records), *b = next(&records);
		working_on = b;
		if (*what != '/' && !execute(session, root, *what, a, b))
			unfit(session);
	}
	working_on = NULL;
	if (session->makes_cwd)
		make_directory(session, root);
	need(sys(pivot_root, ".", ".")); /* the old root lies over the new one, where "." finds it */
	need(sys(umount2, ".", MNT_DETACH));
	need(sys(chdir, "/"));
	sys(umask, umask);
	drop_privileges(session);
}
