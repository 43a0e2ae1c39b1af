/* The few string functions that the guest's programs need. */
#pragma once
#include "sys.h"

void *memcpy(void *to, const void *from, word size);
void *memset(void *at, int value, word size);
int memcmp(const void *a, const void *b, word size);
word length(const char *text);
int same(const char *a, const char *b);
int starts(const char *text, const char *with);

/* Puts a text or a number behind `at` and returns the new end (always NUL-terminated). */
char *put(char *at, const char *text);
char *put_number(char *at, u32 value);
char *put_hex(char *at, word value);

/* Reads a number at the text's start; 0x means hexadecimal. */
word number(const char *text);

/* The first `name=` in a space-separated list, as a number, or `otherwise`. */
word setting(const char *list, const char *name, word otherwise);
