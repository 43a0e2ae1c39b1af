/* Included in front of every file of the shim when it is built: QEMU's C library may be older than the one here. glibc 2.34 gave the functions
 * that had been libpthread's new versions without changing them; the old ones are there for ever. */
#ifndef VMI_OLD_SYMBOLS_H
#define VMI_OLD_SYMBOLS_H

#if __has_include(<gnu/libc-version.h>)   /* glibc, and not musl, whose compiler may be glibc's with other folders */
__asm__(".symver pthread_create,pthread_create@GLIBC_2.2.5");
__asm__(".symver pthread_join,pthread_join@GLIBC_2.2.5");
__asm__(".symver pthread_sigmask,pthread_sigmask@GLIBC_2.2.5");
__asm__(".symver pthread_setname_np,pthread_setname_np@GLIBC_2.12");
#endif

#endif
