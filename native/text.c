#include "text.h"

#ifndef HOSTED /* with a C library (tests, sanitizers), these are its own */
void *memcpy(void *restrict to, const void *restrict from, size_t size)
{
#if defined(__x86_64__)
	void *start = to;
	__asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(size) : : "memory");
	return start;
#else
	for (size_t i = 0; i < size; i++)
		((volatile char *)to)[i] = ((const char *)from)[i];
	return to;
#endif
}

void *memset(void *to, int byte, size_t size)
{
	for (size_t i = 0; i < size; i++)
		((volatile char *)to)[i] = (char)byte;
	return to;
}

int memcmp(const void *a, const void *b, size_t size)
{
	const u8 *x = a, *y = b;
	for (size_t i = 0; i < size; i++)
		if (x[i] != y[i])
			return x[i] - y[i];
	return 0;
}

size_t strlen(const char *text)
{
	const char *at = text;
	while (*at)
		at++;
	return (size_t)(at - text);
}

int strcmp(const char *a, const char *b)
{
	while (*a && *a == *b)
		a++, b++;
	return (u8)*a - (u8)*b;
}

int strncmp(const char *a, const char *b, size_t size)
{
	for (; size; size--, a++, b++)
		if (*a != *b || !*a)
			return (u8)*a - (u8)*b;
	return 0;
}

char *strchr(const char *text, int byte)
{
	for (; *text != (char)byte; text++)
		if (!*text)
			return NULL;
	return (char *)(uintptr_t)text;
}
#endif

char *put(char *to, const char *text)
{
	while ((*to = *text++))
		to++;
	return to;
}

char *put_hex(char *to, u64 value)
{
	int shift = 60;
	while (shift && !(value >> shift))
		shift -= 4;
	for (; shift >= 0; shift -= 4)
		*to++ = "0123456789abcdef"[value >> shift & 15];
	*to = 0;
	return to;
}

char *put_number(char *to, u64 value)
{
	char digits[20];
	int count = 0;
	do
		digits[count++] = (char)('0' + value % 10);
	while (value /= 10);
	while (count)
		*to++ = digits[--count];
	*to = 0;
	return to;
}

#ifndef OWN_TAKE /* the fuzzer gives memory back */
static char room[64 << 10] __attribute__((aligned(16)));
static size_t used;

void *take(size_t size)
{
	size = (size + 15) & ~(size_t)15;
	if (size <= sizeof room - used) {
		void *found = room + used;
		used += size;
		return found;
	}
	long found = sys(mmap, 0, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	return found < 0 && found > -4096 ? NULL : (void *)found;
}
#endif
