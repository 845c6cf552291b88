/* The kernel, without a C library: system calls, and the constants that the C launcher needs, spelled as the kernel
 * spells them. A failed call returns -errno. Numbers are those of <asm/unistd.h>; from 424 on they are the same on
 * every machine (include/uapi/asm-generic/unistd.h). */
#ifndef SANDBOX_SYS_H
#define SANDBOX_SYS_H

#include <asm/unistd.h>
#include <stddef.h>
#include <stdint.h>

typedef uint8_t u8;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int64_t i64;

static inline long sys6(long n, long a, long b, long c, long d, long e, long f)
{
#if defined(__x86_64__)
	long result;
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	register long r9 __asm__("r9") = f;
	__asm__ volatile("syscall"
			 : "=a"(result)
			 : "a"(n), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return result;
#elif defined(__aarch64__)
	register long x8 __asm__("x8") = n;
	register long x0 __asm__("x0") = a;
	register long x1 __asm__("x1") = b;
	register long x2 __asm__("x2") = c;
	register long x3 __asm__("x3") = d;
	register long x4 __asm__("x4") = e;
	register long x5 __asm__("x5") = f;
	__asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5) : "memory");
	return x0;
#else
#error "this machine is not known; the Python launcher serves it"
#endif
}

#define SYS_ARG(x) ((long)(x))
#define SYS(name, a, b, c, d, e, f, ...)                                                                              \
	sys6(__NR_##name, SYS_ARG(a), SYS_ARG(b), SYS_ARG(c), SYS_ARG(d), SYS_ARG(e), SYS_ARG(f))
#define sys(...) SYS(__VA_ARGS__, 0, 0, 0, 0, 0, 0, 0)

/* newer than some build machine's headers */
#define NR_open_tree 428
#define NR_move_mount 429
#define NR_clone3 435
#define NR_close_range 436
#define NR_openat2 437
#define NR_mount_setattr 442
#define NR_landlock_create_ruleset 444
#define NR_landlock_add_rule 445
#define NR_landlock_restrict_self 446
#if defined(__aarch64__)
#define NR_fstatat __NR_newfstatat
#else
#define NR_fstatat __NR_newfstatat
#endif

enum {
	ERR_PERM = 1, ERR_NOENT = 2, ERR_INTR = 4, ERR_AGAIN = 11, ERR_ACCES = 13, ERR_EXIST = 17, ERR_NOTDIR = 20,
	ERR_INVAL = 22, ERR_NOSYS = 38, ERR_LOOP = 40, ERR_BADFD = 77, ERR_OPNOTSUPP = 95, ERR_STALE = 116,
};

enum {
	AT_FDCWD = -100, AT_SYMLINK_NOFOLLOW = 0x100, AT_EMPTY_PATH = 0x1000, AT_RECURSIVE = 0x8000,
	O_RDONLY = 0, O_WRONLY = 1, O_RDWR = 2, O_ACCMODE = 3, O_CREAT = 0100, O_EXCL = 0200, O_NONBLOCK = 04000,
	O_CLOEXEC = 02000000, O_PATH = 010000000,
#if defined(__aarch64__)
	O_DIRECTORY = 040000, O_NOFOLLOW = 0100000,
#else
	O_DIRECTORY = 0200000, O_NOFOLLOW = 0400000,
#endif
	RESOLVE_NO_MAGICLINKS = 2, RESOLVE_NO_SYMLINKS = 4, RESOLVE_IN_ROOT = 16,
	S_IFMT = 0170000, S_IFIFO = 0010000, S_IFDIR = 0040000, S_IFREG = 0100000, S_IFLNK = 0120000,
	LOCK_SH = 1, LOCK_NB = 4,
	OPEN_TREE_CLONE = 1, MOVE_MOUNT_F_EMPTY_PATH = 4, MOVE_MOUNT_T_EMPTY_PATH = 0x40,
	MOUNT_ATTR_RDONLY = 1, MOUNT_ATTR_NOSUID = 2, MOUNT_ATTR_NODEV = 4,
	MS_NOSUID = 2, MS_NODEV = 4, MS_NOEXEC = 8, MS_PRIVATE = 1 << 18, MNT_DETACH = 2,
	PR_SET_PDEATHSIG = 1, PR_SET_DUMPABLE = 4, PR_SET_NAME = 15, PR_SET_SECCOMP = 22, PR_CAPBSET_DROP = 24,
	PR_SET_NO_NEW_PRIVS = 38,
	SECCOMP_MODE_FILTER = 2, RLIMIT_CORE = 4, RLIMIT_NOFILE = 7, KEYCTL_JOIN_SESSION_KEYRING = 1,
	SIG_BLOCK = 0, SIG_UNBLOCK = 1, SIG_SETMASK = 2, SIGHUP = 1, SIGINT = 2, SIGKILL = 9, SIGCHLD = 17, SIGCONT = 18,
	SIGSTOP = 19,
	WNOHANG = 1, WUNTRACED = 2, WCONTINUED = 8, POLLIN = 1, POLLERR = 8,
	F_DUPFD = 0, F_SETFD = 2, FD_CLOEXEC = 1, F_GETFL = 3, F_ADD_SEALS = 1033, MFD_ALLOW_SEALING = 2, MFD_EXEC = 0x10,
	F_SEAL_SEAL = 1, F_SEAL_SHRINK = 2, F_SEAL_GROW = 4, F_SEAL_WRITE = 8,
	PROT_READ = 1, PROT_WRITE = 2, MAP_PRIVATE = 2, MAP_ANONYMOUS = 0x20, MAP_POPULATE = 0x8000,
	TTY_NAME_MAX = 64,
};

#define CLONE_VM 0x100ul
#define CLONE_VFORK 0x4000ul
#define CLONE_NEWNS 0x20000ul
#define CLONE_NEWCGROUP 0x2000000ul
#define CLONE_NEWUTS 0x4000000ul
#define CLONE_NEWIPC 0x8000000ul
#define CLONE_NEWUSER 0x10000000ul
#define CLONE_NEWPID 0x20000000ul
#define CLONE_NEWNET 0x40000000ul

/* struct stat, as the kernel fills it in (asm/stat.h): what is used of it under names of its own */
struct kstat {
#if defined(__aarch64__)
	u64 dev, ino;
	u32 mode, nlink, uid, gid;
	u64 rdev, pad1;
	i64 size;
	int blksize, pad2;
	i64 blocks, atime, atime_ns, mtime, mtime_ns, ctime, ctime_ns;
	u32 unused[2];
#else
	u64 dev, ino, nlink;
	u32 mode, uid, gid, pad0;
	u64 rdev;
	i64 size, blksize, blocks;
	u64 atime, atime_ns, mtime, mtime_ns, ctime, ctime_ns;
	i64 unused[3];
#endif
};

struct ksigaction {
	void *handler;
	unsigned long flags;
	void *restorer;
	u64 mask;
};

struct ksiginfo {
	int signo, error, code, pad;
	int pid;
	u32 uid;
	char rest[104];
};

/* struct linux_dirent64, getdents(2) */
struct entry {
	u64 ino;
	i64 next;
	unsigned short size;
	u8 kind;
	char name[];
} __attribute__((packed));

#define ALL_SIGNALS (~0ull)
#define BIT(signal) (1ull << ((signal) - 1))

static inline long sys_openat2(long dir, const char *path, u64 flags, u64 resolve)
{
	u64 how[3] = { flags, 0, resolve };
	return sys6(NR_openat2, dir, SYS_ARG(path), SYS_ARG(how), sizeof how, 0, 0);
}

/* Open without following a link in any component. */
static inline long open_plain(const char *path, u64 flags)
{
	return sys_openat2(AT_FDCWD, path, flags | O_CLOEXEC, RESOLVE_NO_SYMLINKS);
}

static inline long fstat(long fd, struct kstat *found)
{
	return sys(fstat, fd, found);
}

/* Tell whether what could not be opened is gone, closed or a link by now: no fault, but no longer what the plan says. */
static inline int is_gone(long error)
{
	return error == ERR_NOENT || error == ERR_ACCES || error == ERR_NOTDIR || error == ERR_LOOP;
}

/* Tell whether there is no such call here (launch/linux.py, lacks): asked with arguments that no kernel accepts. */
static inline int lacks(long call)
{
	long result = sys6(call, -1, 0, -1, 0, 0, 0);
	return result == -ERR_PERM || result == -ERR_NOSYS;
}

static inline long mount_setattr(long fd, long flags, u64 set, u64 propagation)
{
	u64 attr[4] = { set, 0, propagation, 0 };
	return sys6(NR_mount_setattr, fd, SYS_ARG(""), flags | AT_EMPTY_PATH, SYS_ARG(attr), sizeof attr, 0);
}

#endif
