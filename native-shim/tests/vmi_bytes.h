/* Bytes that grow, for tests. What cannot be had ends the program. */
#ifndef VMI_BYTES_H
#define VMI_BYTES_H

#include <stddef.h>
#include <stdint.h>

struct vmi_bytes {
    uint8_t *at;
    size_t size;
    size_t room;
};

/* Says what is wrong and ends the program. */
_Noreturn void vmi_die(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Room for so many elements more behind `count` of an array; gives the array, which may have moved. */
void *vmi_grow(void *array, size_t count, size_t more, size_t element_size);

void vmi_bytes_add(struct vmi_bytes *bytes, const void *more, size_t size);

/* Adds text without its NUL. */
void vmi_bytes_print(struct vmi_bytes *bytes, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Adds bytes as pairs of hexadecimal digits. */
void vmi_bytes_print_hex(struct vmi_bytes *bytes, const void *what, size_t size);

/* Frees them; leaves none. */
void vmi_bytes_clear(struct vmi_bytes *bytes);

#endif
