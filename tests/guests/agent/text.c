#include "text.h"

void *memcpy(void *to, const void *from, word size)
{
    u8 *t = to;
    const u8 *f = from;
    while (size--)
        *t++ = *f++;
    return to;
}

void *memset(void *at, int value, word size)
{
    u8 *t = at;
    while (size--)
        *t++ = (u8)value;
    return at;
}

int memcmp(const void *a, const void *b, word size)
{
    const u8 *x = a, *y = b;
    for (; size; size--, x++, y++)
        if (*x != *y)
            return *x - *y;
    return 0;
}

word length(const char *text)
{
    word n = 0;
    while (text[n])
        n++;
    return n;
}

int starts(const char *text, const char *with)
{
    while (*with)
        if (*text++ != *with++)
            return 0;
    return 1;
}

int same(const char *a, const char *b)
{
    return length(a) == length(b) && starts(a, b);
}

char *put(char *at, const char *text)
{
    while (*text)
        *at++ = *text++;
    *at = 0;
    return at;
}

char *put_number(char *at, u32 value)
{
    char digits[12], *d = digits + sizeof digits;
    *--d = 0;
    do
        *--d = (char)('0' + value % 10);
    while (value /= 10);
    return put(at, d);
}

char *put_hex(char *at, word value)
{
    char digits[20], *d = digits + sizeof digits;
    *--d = 0;
    do
        *--d = "0123456789abcdef"[value & 15];
    while (value >>= 4);
    return put(at, d);
}

word number(const char *text)
{
    word value = 0;
    if (starts(text, "0x")) {
        for (text += 2;; text++) {
            if (*text >= '0' && *text <= '9')
                value = value * 16 + (word)(*text - '0');
            else if (*text >= 'a' && *text <= 'f')
                value = value * 16 + (word)(*text - 'a' + 10);
            else
                return value;
        }
    }
    while (*text >= '0' && *text <= '9')
        value = value * 10 + (word)(*text++ - '0');
    return value;
}

word setting(const char *list, const char *name, word otherwise)
{
    while (*list) {
        if (starts(list, name) && list[length(name)] == '=')
            return number(list + length(name) + 1);
        while (*list && *list != ' ')
            list++;
        while (*list == ' ')
            list++;
    }
    return otherwise;
}
