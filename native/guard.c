/* Finds and kills what is left of a start: launch/bwrap.py, start_guard, and launch/waiter.py, kill_holders. */
#include "bwrap.h"

static long open_folder(const char *path)
{
	return sys(openat, AT_FDCWD, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
}

/* Tell whether a descriptor in /proc/PID/fd is `wanted`. */
static int holds(const char *folder, const char *wanted)
{
	char buffer[2048] __attribute__((aligned(8))), target[64];
	long fd = open_folder(folder), size;
	int found = 0;
	if (fd < 0) /* another user's, or gone */
		return 0;
	while (!found && (size = sys(getdents64, fd, buffer, sizeof buffer)) > 0)
		for (long at = 0; at < size && !found;) {
			const struct entry *entry = (const struct entry *)(const void *)(buffer + at);
			at += entry->size;
			long length = sys(readlinkat, fd, entry->name, target, sizeof target - 1);
			if (length <= 0)
				continue;
			target[length] = 0;
			found = strcmp(target, wanted) == 0;
		}
	sys(close, fd);
	return found;
}

int kill_holders(long pipe)
{
	char buffer[4096] __attribute__((aligned(8))), wanted[40], path[64];
	struct kstat status;
	long own = sys(getpid), fd = open_folder("/proc"), size;
	int found = 0;
	if (fd < 0 || fstat(pipe, &status) < 0)
		return 0;
	put(put_number(put(wanted, "pipe:["), status.ino), "]");
	while ((size = sys(getdents64, fd, buffer, sizeof buffer)) > 0)
		for (long at = 0; at < size;) {
			const struct entry *entry = (const struct entry *)(const void *)(buffer + at);
			at += entry->size;
			long pid = 0;
			const char *digit = entry->name;
			for (; *digit >= '0' && *digit <= '9' && digit - entry->name < 10; digit++)
				pid = pid * 10 + *digit - '0';
			if (*digit || !pid || pid == own)
				continue;
			put(put(put(path, "/proc/"), entry->name), "/fd");
			if (!holds(path, wanted))
				continue;
			found |= sys(kill, pid, SIGKILL) == 0;
		}
	sys(close, fd);
	i64 moment[2] = { 0, 1000000 };
	if (found) /* it takes a moment to die */
		sys(ppoll, NULL, 0, moment, NULL, 8);
	return found;
}

long start_guard(const struct session *session)
{
	u64 args[8] = { 0 }; /* no signal when it ends: nobody waits for it */
	int ends[2];
	char byte;
	long made = sys(pipe2, ends, O_CLOEXEC);
	if (made < 0)
		return made;
	long pid = sys6(NR_clone3, SYS_ARG(args), sizeof args, 0, 0, 0, 0);
	if (pid) {
		sys(close, ends[0]);
		return pid < 0 ? pid : ends[1];
	}
	sys(close, ends[1]);
	long low = ends[0] < session->writer ? ends[0] : session->writer;
	long high = ends[0] < session->writer ? session->writer : ends[0];
	if (low > 0)
		sys6(NR_close_range, 0, low - 1, 0, 0, 0, 0);
	if (high > low + 1)
		sys6(NR_close_range, low + 1, high - 1, 0, 0, 0, 0);
	sys6(NR_close_range, high + 1, ~0u, 0, 0, 0, 0);
	if (sys(read, ends[0], &byte, 1) != 1)
		while (kill_holders(session->writer))
			;
	leave(0);
}

void dismiss_guard(struct session *session)
{
	if (session->leash < 0)
		return;
	sys(write, session->leash, "x", 1);
	sys(close, session->leash);
	session->leash = -1;
}
