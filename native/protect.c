/* The search for protected names: launch/nested.py and launch/slots.py, where nothing unusual is found.
 *
 * Bounded in the same way, nearest first. What is found at the top is mounted by setup.c; what is found below must be
 * among the plan's slots already, else Python starts this session. */
#include "protect.h"

#define FOLDERS 128
#define ENTRIES 4096
#define DEPTH 4

enum { DT_UNKNOWN = 0, DT_DIR = 4, DT_REG = 8, DT_LNK = 10 };

static const char SKIPPED[] = "node_modules\0__pycache__\0.tox\0.nox\0.mypy_cache\0.pytest_cache\0site-packages\0.hg\0";

struct search {
	const struct plan *plan;
	struct protected *found;
	const char *names; /* the plan's nested names, joined by \1 */
	const char *queue[FOLDERS];
	u8 depths[FOLDERS];
	size_t count, below; /* folders in the queue; of those, found in the directory that is being read */
	int entries, is_venv, parts, odd, error;
	u8 starts[256]; /* a bit for each start that a name has: most entries of directories have none of them */
};

/* What a name's first three letters make, below 2048. A name ends with \0 or \1. */
static size_t start_of(const char *name)
{
	size_t start = 0;
	for (size_t at = 0; at < 3 && (u8)name[at] > 1; at++)
		start = start * 37 + (u8)name[at];
	return start & 2047;
}

static void note_start(struct search *search, const char *name)
{
	size_t start = start_of(name);
	search->starts[start / 8] |= (u8)(1 << start % 8);
}

static int may_be_named(const struct search *search, const char *name)
{
	size_t start = start_of(name);
	return search->starts[start / 8] >> start % 8 & 1;
}

static int is_in(const char *name, struct list words)
{
	for (const char *item; (item = next(&words));)
		if (*item == *name && strcmp(item, name) == 0)
			return 1;
	return 0;
}

/* What makes a directory a venv, or an environment of conda's. */
static int is_mark(const char *name)
{
	return strcmp(name, "pyvenv.cfg") == 0 || strcmp(name, "conda-meta") == 0;
}

/* What makes a directory a git directory: launch/nested.py, REPOSITORY. */
static int repository_parts(const char *name)
{
	return strcmp(name, "HEAD") == 0 ? 1 : strcmp(name, "objects") == 0 ? 2 : strcmp(name, "refs") == 0 ? 4 :
	       strcmp(name, "commondir") == 0 ? 6 : 0;
}

size_t protected_size(const char *path)
{
	size_t size = strlen(path), cut = size;
	while (cut && path[cut - 1] != '/')
		cut--;
	return is_mark(path + cut) || strcmp(path + cut, "HEAD") == 0 ? cut - 1 : size;
}

static int is_nested_name(const char *names, const char *name)
{
	size_t size = strlen(name);
	while (*names) {
		if (strncmp(names, name, size) == 0 && (names[size] == '\1' || !names[size]))
			return 1;
		while (*names && *names++ != '\1')
			;
	}
	return 0;
}

int protected_is_slot(const struct plan *plan, const char *path, int read_only)
{
	struct list slots = plan->section[SLOTS];
	for (const char *kind; (kind = next(&slots));) {
		const char *second = (next(&slots), next(&slots));
		if (!second)
			return 0;
		if ((starts_with(kind, "ro") || (!read_only && starts_with(kind, "rw"))) && strcmp(second, path) == 0)
			return 1;
	}
	return 0;
}

static const char *join(const char *folder, const char *name)
{
	char *path = take(strlen(folder) + strlen(name) + 2);
	if (path)
		put(put(put(path, folder), "/"), name);
	return path;
}

static void add_nested(struct search *search, const char *folder, const char *name)
{
	const char *path = join(folder, name);
	if (!path || search->found->count == MAX_PROTECTED)
		search->odd = 1;
	else
		search->found->nested[search->found->count++] = path;
}

/* Look at one entry of a directory at `depth` below the project. */
static void look(struct search *search, const char *folder, u8 depth, const struct entry *entry)
{
	const char *name = entry->name, *path;
	int named = may_be_named(search, name);
	if (!depth && named) {
		struct list names = search->plan->section[PROTECT];
		size_t at = 0;
		for (const char *item; (item = next(&names)); at++)
			if (*item == *name && strcmp(item, name) == 0) {
				search->found->present[at] = 1;
				search->odd |= entry->kind != DT_DIR &&
					       (entry->kind != DT_REG || strcmp(name, ".git") == 0);
			}
	}
	int marks = is_mark(name);
	search->parts |= repository_parts(name);
	if (marks || (named && is_nested_name(search->names, name))) {
		if (!depth)
			return;
		search->is_venv |= marks;
		search->odd |= entry->kind != DT_DIR && (entry->kind != DT_REG || strcmp(name, ".git") == 0);
		add_nested(search, folder, name);
		return;
	}
	search->odd |= entry->kind == DT_UNKNOWN;
	if (entry->kind != DT_DIR || depth >= DEPTH || search->count + search->below >= FOLDERS ||
	    is_in(name, (struct list){ SKIPPED, SKIPPED + sizeof SKIPPED - 1 }))
		return;
	if (!(path = join(folder, name)))
		search->odd = 1;
	else if (!protected_is_slot(search->plan, path, 1)) {
		search->queue[search->count + search->below] = path;
		search->depths[search->count + search->below++] = (u8)(depth + 1);
	}
}

static void read_folder(struct search *search, const char *folder, u8 depth)
{
	static char buffer[16 << 10] __attribute__((aligned(8)));
	long flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW, size;
	long fd = depth ? sys(openat, AT_FDCWD, folder, flags, 0) : open_plain(folder, (u64)flags);
	search->is_venv = search->parts = 0;
	search->below = 0;
	if (fd < 0) { /* Python sees to a directory that a session closed, and to a machine without room */
		search->odd |= !depth || (fd != -ERR_NOENT && fd != -ERR_NOTDIR && fd != -ERR_LOOP);
		if (!depth && !is_gone(-fd) && !lacks(NR_openat2))
			search->error = (int)fd;
		return;
	}
	while (!search->odd && search->entries && (size = sys(getdents64, fd, buffer, sizeof buffer)) > 0)
		for (long at = 0; at < size && search->entries;) {
			const struct entry *entry = (const struct entry *)(const void *)(buffer + at);
			const char *name = entry->name;
			at += entry->size;
			if (name[0] == '.' && (!name[1] || (name[1] == '.' && !name[2])))
				continue;
			search->entries--;
			look(search, folder, depth, entry);
		}
	sys(close, fd);
	if (depth && search->parts == 7) {
		add_nested(search, folder, "HEAD");
		search->is_venv = 1;
	}
	if (!search->is_venv)
		search->count += search->below;
}

int protected_find(const struct plan *plan, const char *project, struct protected *found)
{
	struct search search = { .plan = plan, .found = found, .names = plan_meta(plan, "nested-names"),
				 .entries = ENTRIES, .count = 1 };
	struct list names = plan->section[PROTECT];
	size_t most = 0;
	for (const char *item; (item = next(&names)); most++)
		note_start(&search, item);
	if (most > MAX_NAMES)
		return 0;
	for (const char *item = search.names; *item;) {
		note_start(&search, item);
		while (*item && *item++ != '\1')
			;
	}
	memset(found, 0, sizeof *found);
	search.queue[0] = project;
	search.depths[0] = 0;
	for (size_t at = 0; at < search.count && search.entries && !search.odd; at++) {
		read_folder(&search, search.queue[at], search.depths[at]);
		if (!at && !search.entries) /* a large directory: names may be left */
			return 0;
	}
	return search.error ? search.error : !search.odd;
}
