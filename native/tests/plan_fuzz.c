/* Fuzzes the reader of plans, what is made for bwrap of their records, and init's reader of what it is told: libFuzzer calls LLVMFuzzerTestOneInput; with STANDALONE, files are named as arguments.
 *
 * The checksum is made right for each input, else nothing behind it would be reached. */
#include "../bwrap.h"

#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

static void *taken[64];
static size_t taken_count;

void *take(size_t size)
{
	return taken_count < sizeof taken / sizeof *taken ? (taken[taken_count++] = malloc(size ? size : 1)) : NULL;
}

static int add_slot(void *with, char what, const char *a, const char *b)
{
	if (strchr("woWO", what))
		words_bind(with, "--bind-fd", 7, b, strlen(a), 2);
	return strchr("woWODFP", what) != NULL;
}

/* Make bwrap's list of a plan, with little room for it. */
static size_t make_words(const struct plan *plan)
{
	static struct words words;
	size_t total = 0;
	words_start(&words, 512);
	if (!words_fill(&words, plan, "/tmp/here", add_slot, &words))
		return 0;
	for (size_t at = 0; at < words.size; at++)
		total += (u8)words.data[at];
	for (size_t at = 0; at < words.count; at++)
		total += strlen(words.places[at].path);
	return total;
}

/* Take apart what init is told, and go through it. */
static size_t be_told(const char *data, size_t size)
{
	static struct session session;
	size_t total = 0;
	if (!take_over(data, size, &session))
		return 0;
	for (char **item = session.argv; *item; item++)
		total += strlen(*item);
	for (char **item = session.env; *item; item++)
		total += strlen(*item);
	for (size_t at = 0; at < session.words->count; at++)
		total += strlen(session.words->places[at].path);
	for (int at = 0; at < session.inherited_count; at++)
		total += (size_t)session.inherited[at];
	return total + strlen(session.cwd) + strlen(session.name);
}

/* Go through all that the launcher reads of a plan. */
static size_t use(const struct plan *plan)
{
	size_t total = strlen(plan_meta(plan, "dir")) + strlen(plan_meta(plan, "nested-names"));
	for (int section = 0; section < SECTIONS; section++) {
		struct list list = plan->section[section];
		if (section == SECCOMP_ALLOW || section == SECCOMP_DENY || section == BASE || section == TAIL)
			continue;
		for (const char *item; (item = next(&list));)
			total += strlen(item);
	}
	struct list records = plan->section[RECORDS];
	for (const char *what; (what = next(&records));) {
		const char *a = next(&records), *b = next(&records);
		total += strlen(a) + strlen(b) + (size_t)*what;
	}
	return total + make_words(plan);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct plan plan;
	static volatile size_t sink;
	u8 *copy = malloc(size ? size : 1);
	if (!copy)
		return 0;
	memcpy(copy, data, size);
	if (size >= 24) {
		u64 sum = plan_checksum(copy + 24, size - 24);
		memcpy(copy + 16, &sum, 8);
	}
	if (plan_decode(copy, size, &plan))
		sink = use(&plan);
	else
		sink = be_told((const char *)copy, size);
	(void)sink;
	while (taken_count)
		free(taken[--taken_count]);
	free(copy);
	return 0;
}

#ifdef STANDALONE
int main(int count, char **names)
{
	for (int at = 1; at < count; at++) {
		FILE *file = fopen(names[at], "rb");
		static u8 data[1 << 20];
		if (!file)
			return 2;
		size_t size = fread(data, 1, sizeof data, file);
		fclose(file);
		LLVMFuzzerTestOneInput(data, size);
	}
	return 0;
}
#endif
