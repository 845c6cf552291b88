/* What of a plan depends on the call: sources that a session could have replaced, mount points on the host, protected
 * names. What launch/slots.py does, for both backends. */
#include "slots.h"

/* Bind what a session could have replaced: no link is followed in its path, and `optional` ones may be missing. */
static void bind_slot(const struct session *session, const char *source, u64 attributes, long root, const char *target,
		      int optional)
{
	long fd = open_plain(source, O_PATH);
	if (optional && (fd == -ERR_NOENT || fd == -ERR_NOTDIR || fd == -ERR_LOOP))
		return;
	need_found(fd, "openat2");
	if (session->words) {
		struct kstat status;
		need(fstat(fd, &status));
		need(sys(fcntl, fd, F_SETFD, 0));
		words_bind(session->words, attributes == READ_ONLY ? "--ro-bind-fd" : "--bind-fd", fd, target, status.dev,
			   status.ino);
		return;
	}
	long place = open_target(session, root, target);
	attach(session, fd, "", attributes, place, "");
	sys(close, place);
	sys(close, fd);
}

/* Make the mount point `below` in the private directory `top` on the host, each component opened on its own. */
static void make_point(const struct session *session, const char *top, const char *below, int directory)
{
	char part[256];
	long fd = need_path(open_plain(top, O_PATH | O_DIRECTORY)), made;
	while (*below) {
		size_t size = 0;
		while (below[size] && below[size] != '/')
			size++;
		if (size >= sizeof part)
			unfit(session);
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
		long inner = need_path(sys(openat, fd, part, O_PATH | O_NOFOLLOW | O_CLOEXEC, 0));
		need(fstat(inner, &status));
		u32 kind = status.mode & S_IFMT;
		if (kind == S_IFLNK || (kind == S_IFDIR) == is_file)
			unfit(session);
		sys(close, fd);
		fd = inner;
	}
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
			unfit(session);
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
			unfit(session);
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
		char *copy = take(strlen(path) + 1);
		if (!copy)
			unfit(session);
		put(copy, path);
		copy[protected_size(path)] = 0;
		protect_path(session, project, copy, root, &points);
	}
}

int slot_record(const struct session *session, long root, char what, const char *a, const char *b)
{
	switch (what) {
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
	default:
		return 0;
	}
}
