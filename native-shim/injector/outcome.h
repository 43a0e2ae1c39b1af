/* How the program ends. It may end anywhere: the kernel then lets the target's threads go on by themselves. */
#ifndef VMI_OUTCOME_H
#define VMI_OUTCOME_H

/* The exit codes; callers map them, so a number keeps its meaning. */
enum vmi_outcome {
    VMI_DONE = 0,
    VMI_BROKEN = 1,          /* a system call failed that should not */
    VMI_USAGE = 2,
    VMI_NO_PROCESS = 3,      /* there is none, or it ended meanwhile */
    VMI_NOT_PERMITTED = 4,   /* the kernel does not let us trace it */
    VMI_UNSUITABLE = 5,      /* statically linked, without dlopen, 32-bit, or not allowed to do what it takes */
    VMI_NOT_SAFE = 6,        /* no safe moment within the time limit, or what was called is not done yet */
    VMI_DLOPEN_FAILED = 7,
    VMI_NOT_LOADED = 8,      /* nothing to unload */
    VMI_IN_USE = 9,          /* the library can't be taken out now */
    VMI_ALREADY_LOADED = 10,
    VMI_BAD_LIBRARY = 11,    /* the file can't be read, or is no library with the names that unload needs */
};

/* Prints one line to standard error and ends. */
_Noreturn void vmi_fail(enum vmi_outcome outcome, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
