#include "words.h"

void words_start(struct words *words, size_t room)
{
	words->data = take(room);
	words->room = words->data ? room : 0;
	words->size = words->count = 0;
	words->failed = !words->data;
}

static void add_bytes(struct words *words, const char *from, size_t size)
{
	if (words->failed || size > words->room - words->size) {
		words->failed = 1;
		return;
	}
	memcpy(words->data + words->size, from, size);
	words->size += size;
}

void words_add(struct words *words, const char *text)
{
	add_bytes(words, text, strlen(text) + 1);
}

void words_add_fd(struct words *words, const char *option, long fd)
{
	char number[24];
	put_number(number, (u64)fd);
	words_add(words, option);
	words_add(words, number);
}

/* Forget what is to be verified at or below a mount point that is mounted over: slots.py, _cover. */
static void cover(struct words *words, const char *target)
{
	size_t kept = 0;
	for (size_t at = 0; at < words->count; at++)
		if (!is_below(words->places[at].path, target))
			words->places[kept++] = words->places[at];
	words->count = kept;
}

void words_bind(struct words *words, const char *option, long fd, const char *target, u64 dev, u64 ino)
{
	cover(words, target);
	words_add_fd(words, option, fd);
	add_bytes(words, "/", 1);
	words_add(words, target);
	if (words->count == MAX_PLACES)
		words->failed = 1;
	else
		words->places[words->count++] = (struct place){ target, dev, ino };
}

int words_fill(struct words *words, const struct plan *plan, const char *cwd, words_slot *slot, void *with)
{
	struct list records = plan->section[RECORDS], base = plan->section[BASE], tail = plan->section[TAIL];
	for (const char *what; (what = next(&records));) {
		const char *a = next(&records), *b = next(&records);
		switch (*what) {
		case '|': /* the first, and what is done before bwrap starts: not for its list */
		case '/':
		case 'b':
		case 'v':
			break;
		case 'B':
			add_bytes(words, base.at, (size_t)(base.end - base.at));
			break;
		case 'T':
			add_bytes(words, tail.at, (size_t)(tail.end - tail.at));
			break;
		case 'R':
		case 'A':
		case '=':
			words_add(words, a);
			if (*b)
				words_add(words, b);
			break;
		case 'x':
			cover(words, b);
			break;
		case 'c':
			if (cwd) {
				words_add(words, a);
				words_add(words, cwd);
			}
			break;
		default:
			if (!slot(with, *what, a, b))
				return 0;
		}
	}
	return !words->failed;
}
