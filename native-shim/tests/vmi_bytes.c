#include "vmi_bytes.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void vmi_die(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    exit(2);
}

void *vmi_grow(void *array, size_t count, size_t more, size_t element_size)
{
    void *grown = realloc(array, (count + more) * element_size);
    if (!grown)
        vmi_die("out of memory");
    return grown;
}

void vmi_bytes_add(struct vmi_bytes *bytes, const void *more, size_t size)
{
    if (bytes->room - bytes->size < size) {
        bytes->room = 2 * bytes->room + size;
        bytes->at = vmi_grow(bytes->at, 0, bytes->room, 1);
    }
    if (size > 0)
        memcpy(bytes->at + bytes->size, more, size);
    bytes->size += size;
}

void vmi_bytes_print(struct vmi_bytes *bytes, const char *format, ...)
{
    char text[256];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (length < 0 || (size_t)length >= sizeof text)
        vmi_die("a text is too long");
    vmi_bytes_add(bytes, text, (size_t)length);
}

void vmi_bytes_print_hex(struct vmi_bytes *bytes, const void *what, size_t size)
{
    const uint8_t *from = what;
    for (size_t i = 0; i < size; i++)
        vmi_bytes_print(bytes, "%02x", from[i]);
}

void vmi_bytes_clear(struct vmi_bytes *bytes)
{
    free(bytes->at);
    *bytes = (struct vmi_bytes){ 0 };
}
