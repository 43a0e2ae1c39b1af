/* The C library in the target: glibc (libdl.so.2 apart from it before 2.34) or musl. */
#ifndef VMI_LIBC_H
#define VMI_LIBC_H

#include "target.h"

/* Fills in the addresses of the functions; ends the program where there are none. */
void vmi_libc_find(struct vmi_target *target);

#endif
