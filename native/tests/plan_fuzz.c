/* Fuzzes the plan's reader: libFuzzer calls LLVMFuzzerTestOneInput; with STANDALONE, files are named as arguments.
 *
 * The checksum is made right for each input, else nothing behind it would be reached. */
#include "../plan.h"

#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

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
	return total;
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
	(void)sink;
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
