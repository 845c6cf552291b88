/* The few functions on bytes and strings that a launcher without a C library needs. */
#ifndef SANDBOX_TEXT_H
#define SANDBOX_TEXT_H

#include "sys.h"

#ifdef HOSTED /* tests: a C library has these */
#include <string.h>
#else
void *memcpy(void *to, const void *from, size_t size);
void *memset(void *to, int byte, size_t size);
int memcmp(const void *a, const void *b, size_t size);
size_t strlen(const char *text);
int strcmp(const char *a, const char *b);
int strncmp(const char *a, const char *b, size_t size);
char *strchr(const char *text, int byte);
#endif

/* A list: strings one after the other, each with its NUL; `end` is where the last one's NUL is passed. */
struct list {
	const char *at, *end;
};

/* Return the next string of a list, NULL at its end. */
static inline const char *next(struct list *list)
{
	if (list->at >= list->end)
		return NULL;
	const char *item = list->at;
	list->at += strlen(item) + 1;
	return item;
}

static inline int starts_with(const char *text, const char *with)
{
	return strncmp(text, with, strlen(with)) == 0;
}

/* Tell whether `path` is `top` or lies below it. */
static inline int is_below(const char *path, const char *top)
{
	size_t size = strlen(top);
	return strncmp(path, top, size) == 0 && (path[size] == '/' || !path[size]);
}

/* Write a number in decimal, return where it ends; `to` has room for 20 digits and a NUL. */
char *put_number(char *to, u64 value);
/* The same in hexadecimal, without zeros before it. */
char *put_hex(char *to, u64 value);
/* Copy a string without its NUL's place being lost: return where its NUL stands now. */
char *put(char *to, const char *text);

/* Memory that is never given back, NULL where there is no more: 64 KiB in the program, more by mmap(2). */
void *take(size_t size);

#endif
