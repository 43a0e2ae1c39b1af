/* Raw Linux system calls for programs without a C library, for x86-64 and i386.
 * Numbers: arch/x86/entry/syscalls/syscall_64.tbl and syscall_32.tbl. */
#pragma once

typedef unsigned char u8;
typedef unsigned int u32;
typedef unsigned long long u64;
typedef unsigned long word;

#if defined(__x86_64__)
enum {
    NR_read = 0, NR_write = 1, NR_open = 2, NR_close = 3, NR_lseek = 8, NR_ioctl = 16, NR_dup2 = 33, NR_pause = 34,
    NR_fork = 57, NR_clone = 56, NR_execve = 59, NR_exit = 60, NR_wait4 = 61, NR_kill = 62, NR_chdir = 80,
    NR_mkdir = 83, NR_link = 86, NR_unlink = 87, NR_readlink = 89, NR_chmod = 90, NR_setuid = 105, NR_setgid = 106,
    NR_setgroups = 116, NR_pivot_root = 155, NR_prctl = 157, NR_chroot = 161, NR_mount = 165, NR_umount2 = 166,
    NR_sched_setaffinity = 203, NR_getdents64 = 217, NR_exit_group = 231, NR_unshare = 272, NR_pipe2 = 293,
    NR_finit_module = 313, NR_memfd_create = 319, NR_execveat = 322, NR_setpriority = 141, NR_socket = 41, NR_bind = 49,
};

static inline long syscall6(long number, long a, long b, long c, long d, long e, long f)
{
    register long r10 __asm__("r10") = d;
    register long r8 __asm__("r8") = e;
    register long r9 __asm__("r9") = f;
    __asm__ volatile("syscall" : "+a"(number) : "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                     : "rcx", "r11", "memory");
    return number;
}
#elif defined(__i386__)
enum {
    NR_read = 3, NR_write = 4, NR_open = 5, NR_close = 6, NR_lseek = 19, NR_ioctl = 54, NR_dup2 = 63, NR_pause = 29,
    NR_fork = 2, NR_clone = 120, NR_execve = 11, NR_exit = 1, NR_wait4 = 114, NR_kill = 37, NR_chdir = 12,
    NR_mkdir = 39, NR_link = 9, NR_unlink = 10, NR_readlink = 85, NR_chmod = 15, NR_setuid = 213, NR_setgid = 214,
    NR_setgroups = 206, NR_pivot_root = 217, NR_prctl = 172, NR_chroot = 61, NR_mount = 21, NR_umount2 = 52,
    NR_sched_setaffinity = 241, NR_getdents64 = 220, NR_exit_group = 252, NR_unshare = 310, NR_pipe2 = 331,
    NR_finit_module = 350, NR_memfd_create = 356, NR_execveat = 358, NR_setpriority = 97, NR_socket = 359, NR_bind = 361,
};

/* The sixth argument travels in ebp, which the compiler may want for itself: none of our calls has one. */
static inline long syscall6(long number, long a, long b, long c, long d, long e, long f)
{
    (void)f;
    __asm__ volatile("int $0x80" : "+a"(number) : "b"(a), "c"(b), "d"(c), "S"(d), "D"(e) : "memory");
    return number;
}
#else
#error "the guest's programs are written for x86-64 and i386"
#endif

#define SYS_0(n) syscall6(NR_##n, 0, 0, 0, 0, 0, 0)
#define SYS_1(n, a) syscall6(NR_##n, (long)(a), 0, 0, 0, 0, 0)
#define SYS_2(n, a, b) syscall6(NR_##n, (long)(a), (long)(b), 0, 0, 0, 0)
#define SYS_3(n, a, b, c) syscall6(NR_##n, (long)(a), (long)(b), (long)(c), 0, 0, 0)
#define SYS_4(n, a, b, c, d) syscall6(NR_##n, (long)(a), (long)(b), (long)(c), (long)(d), 0, 0)
#define SYS_5(n, a, b, c, d, e) syscall6(NR_##n, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), 0)

/* include/uapi/asm-generic/fcntl.h, linux/mount.h, linux/sched.h, linux/prctl.h, asm/signal.h */
enum {
    O_RDONLY = 0, O_WRONLY = 1, O_RDWR = 2, O_CREAT = 0100, O_TRUNC = 01000, O_NOCTTY = 0400, O_DIRECT = 040000,
    O_DIRECTORY = 0200000, O_CLOEXEC = 02000000,
    MS_BIND = 4096, MS_MOVE = 8192, MS_REC = 16384, MS_PRIVATE = 1 << 18,
    CLONE_VM = 0x100, CLONE_FS = 0x200, CLONE_FILES = 0x400, CLONE_SIGHAND = 0x800, CLONE_THREAD = 0x10000,
    CLONE_NEWNS = 0x20000, CLONE_SYSVSEM = 0x40000, CLONE_NEWPID = 0x20000000,
    PR_SET_NAME = 15, SIGKILL = 9, SIGCHLD = 17, AT_EMPTY_PATH = 0x1000, WNOHANG = 1,
};
