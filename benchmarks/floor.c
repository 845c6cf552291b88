/* The floor: what no launcher of the same sandbox can leave out, in straight C with nothing checked.
 *
 *     floor RECORDS FILTER-A FILTER-B PROGRAM ARGUMENT...
 *
 * RECORDS is the section of that name of a compiled plan (sandbox_venv/plan/records.py), executed by the fewest calls:
 * no plan is read or checked, no environment filtered, no descriptor looked at, no signal forwarded. */
#include "../native/text.h"

#define CLONE_TREE (OPEN_TREE_CLONE | O_CLOEXEC | AT_RECURSIVE)
#define READ_ONLY (MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV)
#define READ_WRITE (MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV)

static int line;
#define need(result)                                                                                                   \
	({                                                                                                             \
		long need_ = (result);                                                                                 \
		if (need_ < 0)                                                                                         \
			line = __LINE__, sys(exit_group, 1 + (need_ != 0) * 98);                                       \
		need_;                                                                                                 \
	})

static struct list read_all(const char *path)
{
	static char room[3][64 << 10];
	static int used;
	long fd = need(sys(openat, AT_FDCWD, path, O_RDONLY, 0)), size = need(sys(read, fd, room[used], sizeof room[0]));
	sys(close, fd);
	return (struct list){ room[used], room[used++] + size };
}

static void put_file(const char *path, const char *text)
{
	long fd = need(sys(openat, AT_FDCWD, path, O_WRONLY, 0));
	need(sys(write, fd, text, strlen(text)));
	sys(close, fd);
}

static void map(const char *path, u64 inside, u64 outside)
{
	char text[48];
	put(put_number(put(put_number(text, inside), " "), outside), " 1\n");
	put_file(path, text);
}

static void attach(const char *source, u64 set, long root, const char *target)
{
	long tree = need(sys6(NR_open_tree, AT_FDCWD, SYS_ARG(source), CLONE_TREE, 0, 0, 0));
	if (set)
		need(mount_setattr(tree, AT_RECURSIVE, set, MS_PRIVATE));
	need(sys6(NR_move_mount, tree, SYS_ARG(""), root, SYS_ARG(target), MOVE_MOUNT_F_EMPTY_PATH, 0));
}

static void make_dev(long root, const char *target)
{
	static const char nodes[] = "null\0zero\0full\0random\0urandom\0tty\0";
	struct list names = { nodes, nodes + sizeof nodes - 1 };
	char source[32];
	need(sys(mount, "tmpfs", target, "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755"));
	need(sys(chdir, target));
	for (const char *name; (name = next(&names));) {
		put(put(source, "/dev/"), name);
		need(sys(mknodat, AT_FDCWD, name, S_IFREG | 0444, 0));
		attach(source, MOUNT_ATTR_NOSUID, AT_FDCWD, name);
	}
	need(sys(mkdirat, AT_FDCWD, "shm", 0755));
	need(sys(mkdirat, AT_FDCWD, "pts", 0755));
	need(sys(mount, "devpts", "pts", "devpts", MS_NOSUID | MS_NOEXEC, "newinstance,ptmxmode=0666,mode=620"));
	need(sys(fchdir, root));
}

static void set_up(struct list records, u64 uid, u64 gid)
{
	long root = -1;
	need(sys(prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
	map("/proc/self/uid_map", 0, uid);
	put_file("/proc/self/setgroups", "deny");
	map("/proc/self/gid_map", 0, gid);
	put_file("/proc/sys/user/max_user_namespaces", "1");
	for (const char *what; (what = next(&records));) {
		const char *a = next(&records), *b = next(&records);
		switch (*what) {
		case '/':
			root = need(sys6(NR_open_tree, AT_FDCWD, SYS_ARG(a), CLONE_TREE, 0, 0, 0));
			need(sys6(NR_move_mount, root, SYS_ARG(""), AT_FDCWD, SYS_ARG("/"), MOVE_MOUNT_F_EMPTY_PATH, 0));
			need(sys(fchdir, root));
			break;
		case 'b':
			attach(a, 0, root, b);
			break;
		case 's':
			need(mount_setattr(root, AT_RECURSIVE, READ_ONLY, MS_PRIVATE));
			break;
		case 'p':
			need(sys(mount, "proc", b, "proc", MS_NOSUID | MS_NOEXEC | MS_NODEV, NULL));
			break;
		case 'd':
			make_dev(root, b);
			break;
		case 't':
			need(sys(mount, "tmpfs", b, "tmpfs", MS_NOSUID | MS_NODEV, a));
			break;
		case 'k':
			need(sys(mkdirat, root, b, 0755));
			break;
		case 'm':
		case 'o':
			attach(a, READ_ONLY, root, b);
			break;
		case 'w':
			attach(a, READ_WRITE, root, b);
			break;
		default: /* made once, or not part of a mount table */
			break;
		}
	}
	need(sys(pivot_root, ".", "."));
	need(sys(umount2, ".", MNT_DETACH));
	need(sys(unshare, CLONE_NEWUSER));
	map("/proc/self/uid_map", uid, 0);
	map("/proc/self/gid_map", gid, 0);
}

static void restrict_self(void)
{
	u64 attr[3] = { 0x7fff, 0, 3 };
	struct {
		u64 access;
		int fd;
	} __attribute__((packed)) rule = { 0x7fff, (int)sys(openat, AT_FDCWD, "/", O_PATH, 0) };
	long ruleset = sys6(NR_landlock_create_ruleset, SYS_ARG(attr), sizeof attr, 0, 0, 0, 0);
	if (ruleset < 0)
		return;
	need(sys6(NR_landlock_add_rule, ruleset, 1, SYS_ARG(&rule), 0, 0, 0));
	need(sys6(NR_landlock_restrict_self, ruleset, 0, 0, 0, 0, 0));
}

static void load(struct list code)
{
	struct {
		unsigned short count;
		const char *code;
	} program = { (unsigned short)((code.end - code.at) / 8), code.at };
	if (program.count)
		need(sys(prctl, PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0));
}

_Noreturn void begin(long *stack);
_Noreturn void begin(long *stack)
{
	char **argv = (char **)(stack + 1), **env = argv + *stack + 1, cwd[4096];
	u32 header[2] = { 0x20080522, 0 }, none[6] = { 0 };
	u64 uid = (u64)sys(getuid), gid = (u64)sys(getgid), args[8] = { 0 };
	int status = 0;
	struct list records = read_all(argv[1]), allow = read_all(argv[2]), deny = read_all(argv[3]);
	need(sys(getcwd, cwd, sizeof cwd));
	args[0] = CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP;
	args[4] = SIGCHLD;
	long pid = need(sys6(NR_clone3, SYS_ARG(args), sizeof args, 0, 0, 0, 0));
	if (pid == 0) {
		set_up(records, uid, gid);
		for (long cap = 0; sys(prctl, PR_CAPBSET_DROP, cap, 0, 0, 0) == 0; cap++)
			;
		need(sys(capset, header, none));
		restrict_self();
		args[0] = 0;
		if (need(sys6(NR_clone3, SYS_ARG(args), sizeof args, 0, 0, 0, 0)) == 0) {
			need(sys(chdir, cwd));
			load(allow);
			load(deny);
			need(sys(execve, argv[4], argv + 4, env));
		}
	}
	sys(wait4, -1, &status, 0, 0);
	for (;;)
		sys(exit_group, status >> 8 & 0xff);
}

__asm__(".globl _start\n_start:\n\txor %ebp, %ebp\n\tmov %rsp, %rdi\n\tand $-16, %rsp\n\tcall begin\n\thlt\n");
