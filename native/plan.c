#include "plan.h"

#define HEADER 24u
#define FORMAT 2u
#define MODULUS ((1ull << 61) - 1)
#define MAX_SIZE (8 << 20)

static u64 word(const u8 *at)
{
	u64 value;
	__builtin_memcpy(&value, at, 8); /* both machines are little endian */
	return value;
}

static u32 half(const u8 *at)
{
	u32 value;
	__builtin_memcpy(&value, at, 4);
	return value;
}

/* Return the bytes, read as one little-endian number, modulo 2^61-1: 2^64 is 8 there, so words are shifted in. */
u64 plan_checksum(const u8 *data, size_t size)
{
	size_t whole = size / 8 * 8;
	u64 last = 0, sum;
	for (size_t i = size; i > whole; i--)
		last = last << 8 | data[i - 1];
	sum = last % MODULUS;
	for (size_t i = whole; i; i -= 8) {
		u64 value = word(data + i - 8);
		u64 high = sum >> 58; /* what a shift by 3 puts beyond 61 bits comes in again from below */
		sum = ((sum << 3) & MODULUS) + high + (value & MODULUS) + (value >> 61);
		sum = (sum & MODULUS) + (sum >> 61);
	}
	return sum % MODULUS;
}

/* Count a list's strings; -1 where the last one has no end. */
static long count(struct list list)
{
	long found = 0;
	if (list.at < list.end && list.end[-1])
		return -1;
	while (next(&list))
		found++;
	return found;
}

int plan_decode(const u8 *data, size_t size, struct plan *plan)
{
	size_t end = HEADER + 8 * SECTIONS;
	if (size < end || size > MAX_SIZE || memcmp(data, "SVPLAN\r\n", 8) || half(data + 8) != FORMAT ||
	    half(data + 12) != SECTIONS || plan_checksum(data + HEADER, size - HEADER) != word(data + 16))
		return 0;
	for (size_t i = 0; i < SECTIONS; i++) {
		u32 offset = half(data + HEADER + 8 * i), length = half(data + HEADER + 8 * i + 4);
		if (offset != end || length > size - end)
			return 0;
		end += length;
		plan->section[i] = (struct list){ (const char *)data + offset, (const char *)data + end };
		if (i == SECCOMP_ALLOW || i == SECCOMP_DENY) {
			if (length % 8)
				return 0;
		} else if (i == BASE || i == TAIL) { /* handed on as they stand */
			if (length && data[end - 1])
				return 0;
		} else if (count(plan->section[i]) < 0) {
			return 0;
		}
	}
	return end == size && count(plan->section[META]) % 2 == 0 && count(plan->section[STAMPS]) % 2 == 0 &&
	       count(plan->section[ENV]) % 2 == 0 && count(plan->section[SLOTS]) % 3 == 0 && count(plan->section[RECORDS]) % 3 == 0;
}

int plan_read(const char *path, struct plan *plan)
{
	struct kstat status;
	long fd = sys(openat, AT_FDCWD, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0), done = -1;
	u8 *data = NULL;
	if (fd < 0)
		return 0;
	if (fstat(fd, &status) == 0 && (status.mode & S_IFMT) == S_IFREG && status.uid == (u32)sys(geteuid) &&
	    !(status.mode & 022) && status.size >= (i64)HEADER && status.size <= MAX_SIZE) {
		data = take((size_t)status.size + 1);
		done = data ? sys(read, fd, data, status.size + 1) : -1;
	}
	sys(close, fd);
	return done == status.size && plan_decode(data, (size_t)done, plan);
}

const char *plan_meta(const struct plan *plan, const char *key)
{
	struct list list = plan->section[META];
	for (const char *name; (name = next(&list));) {
		const char *value = next(&list);
		if (strcmp(name, key) == 0)
			return value;
	}
	return "";
}

/* Read the decimal number at `*at` and the colon behind it; an overflow is just another number. */
static u64 field(const char **at)
{
	u64 value = 0;
	while (**at >= '0' && **at <= '9')
		value = value * 10 + (u64)(*(*at)++ - '0');
	if (**at == ':')
		(*at)++;
	return value;
}

static int stamp_holds(const char *path, const char *stamp)
{
	struct kstat now;
	int absent = sys6(NR_fstatat, AT_FDCWD, SYS_ARG(path), SYS_ARG(&now), AT_SYMLINK_NOFOLLOW, 0, 0) < 0;
	if (absent || *stamp == '-')
		return absent && *stamp == '-';
	const char *at = stamp;
	return field(&at) == now.dev && field(&at) == now.ino && field(&at) == (u64)now.size &&
	       field(&at) == (u64)now.mtime * 1000000000u + (u64)now.mtime_ns &&
	       field(&at) == (u64)now.ctime * 1000000000u + (u64)now.ctime_ns && !*at;
}

int plan_is_fresh(const struct plan *plan)
{
	struct list list = plan->section[STAMPS];
	for (const char *path; (path = next(&list));)
		if (!stamp_holds(path, next(&list)))
			return 0;
	return 1;
}
