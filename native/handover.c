/* What init is told, where it isn't a child with our memory: packed into a memory file, and taken apart there. */
#include "bwrap.h"

/* It is followed by so many `struct known`, then by strings: directory, name, places, argv, env. */
struct handed {
	u64 mask;
	u32 closed, ignores_child, writer, inherited_count, places, argc, envc;
	int inherited[MAX_INHERITED];
};

struct known {
	u64 dev, ino;
};

#ifndef HOSTED
static u32 count_of(char **list)
{
	u32 count = 0;
	while (list[count])
		count++;
	return count;
}

static size_t size_of(char **list)
{
	size_t size = 0;
	for (; *list; list++)
		size += strlen(*list) + 1;
	return size;
}

static char *put_all(char *to, char **list)
{
	for (; *list; list++)
		to = put(to, *list) + 1;
	return to;
}

long hand_over(const struct session *session)
{
	const struct words *words = session->words;
	struct handed head = {
		.mask = session->mask, .closed = (u32)session->closed, .writer = (u32)session->writer,
		.ignores_child = session->child_action.handler == (void *)1,
		.inherited_count = (u32)session->inherited_count, .places = (u32)words->count,
		.argc = count_of(session->argv), .envc = count_of(session->env),
	};
	memcpy(head.inherited, session->inherited, sizeof head.inherited);
	size_t size = sizeof head + words->count * sizeof(struct known) + strlen(session->cwd) + strlen(session->name) + 2 +
		      size_of(session->argv) + size_of(session->env);
	for (size_t at = 0; at < words->count; at++)
		size += strlen(words->places[at].path) + 1;
	char *data = take(size);
	if (!data)
		unfit(session);
	memcpy(data, &head, sizeof head);
	struct known *known = (struct known *)(void *)(data + sizeof head);
	char *to = (char *)(known + words->count);
	to = put(put(to, session->cwd) + 1, session->name) + 1;
	for (size_t at = 0; at < words->count; at++) {
		known[at] = (struct known){ words->places[at].dev, words->places[at].ino };
		to = put(to, words->places[at].path) + 1;
	}
	put_all(put_all(to, session->argv), session->env);
	return memory_file(session, data, size);
}
#endif

/* Take `count` strings from a list as exec(2) wants them; NULL where there are fewer. */
static char **take_list(struct list *list, u32 count)
{
	char **items = count <= (size_t)(list->end - list->at) ? take((count + 1) * sizeof *items) : NULL;
	for (u32 at = 0; items && at < count; at++)
		if (!(items[at] = (char *)(uintptr_t)next(list)))
			return NULL;
	if (items)
		items[count] = NULL;
	return items;
}

int take_over(const char *data, size_t size, struct session *session)
{
	const struct handed *head = (const struct handed *)(const void *)data;
	if (size < sizeof *head || data[size - 1] || head->places > MAX_PLACES || head->inherited_count > MAX_INHERITED ||
	    head->places > (size - sizeof *head) / sizeof(struct known) || !head->argc)
		return 0;
	const struct known *known = (const struct known *)(head + 1);
	struct list strings = { (const char *)(known + head->places), data + size };
	session->mask = head->mask;
	session->closed = (int)head->closed;
	session->writer = (int)head->writer;
	session->child_action.handler = (void *)(uintptr_t)(head->ignores_child != 0);
	session->inherited_count = (int)head->inherited_count;
	memcpy(session->inherited, head->inherited, sizeof session->inherited);
	session->cwd = next(&strings);
	session->name = next(&strings);
	if (!session->cwd || !session->name || !(session->words = take(sizeof *session->words)))
		return 0;
	for (session->words->count = 0; session->words->count < head->places; session->words->count++) {
		const struct known *one = known + session->words->count;
		const char *path = next(&strings);
		if (!path)
			return 0;
		session->words->places[session->words->count] = (struct place){ path, one->dev, one->ino };
	}
	session->argv = take_list(&strings, head->argc);
	session->env = session->argv ? take_list(&strings, head->envc) : NULL;
	return session->env && strings.at == strings.end;
}
