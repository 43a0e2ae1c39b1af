/* What is put into the target and run there: a head with all that it needs to know, and code (trampoline.S) that saves the whole
   state of the thread, does one thing, restores the state and goes on with what the thread was doing. It needs nobody to steer it:
   once the thread has been sent there, it comes back by itself. It writes to nothing but the stack, below the red zone. */
#ifndef VMI_TRAMPOLINE_H
#define VMI_TRAMPOLINE_H

/* Operations. */
#define VMI_OPERATION_SYSCALL 0   /* the system call `function` with up to two arguments; its result is seen at its end */
#define VMI_OPERATION_CALL 1      /* function(argument0, argument1): an int, reported through the channel */
#define VMI_OPERATION_LOAD 2      /* the same with a pointer, which is stored in the variable `handle_name` of what was loaded */
#define VMI_OPERATION_UNLOAD 3    /* as CALL, and 0 is success */

/* Where the members are: for the assembler; trampoline.c compares them with the structure. */
#define VMI_HEAD_RESUME_RIP 32
#define VMI_HEAD_RESUME_RAX 40
#define VMI_HEAD_OPERATION 48
#define VMI_HEAD_FUNCTION 56
#define VMI_HEAD_ARGUMENT0 64
#define VMI_HEAD_ARGUMENT1 72
#define VMI_HEAD_STATE_BYTES 80
#define VMI_HEAD_HAS_XSAVE 88
#define VMI_HEAD_ERRNO_LOCATION 96
#define VMI_HEAD_DLERROR 104
#define VMI_HEAD_DLSYM 112
#define VMI_HEAD_CHANNEL 120
#define VMI_HEAD_REPORT_OFFSET 128
#define VMI_HEAD_CLOSES 136
#define VMI_HEAD_INTERRUPTED_RIP 144
#define VMI_HEAD_HANDLE_NAME 152
#define VMI_HEAD_BYTES 200

/* Where a thread enters the code whose call the kernel is about to restart: one instruction behind the begin, to which the kernel takes
   it back as it would to a system call's own instruction, unless a signal is handled first. */
#define VMI_TRAMPOLINE_RESTART 2

/* The report in the channel: its state, the result, how long the text of dlerror is; then that text. */
#define VMI_REPORT_BYTES 24
#define VMI_REPORT_TEXT 1000

#ifndef __ASSEMBLER__
#include <stddef.h>
#include <stdint.h>

#define VMI_TRAMPOLINE_MAGIC 0x3174636a6e696d76   /* "vminjct1" */

struct vmi_trampoline {
    uint64_t magic;              /* first to be written, last to be removed */
    uint64_t bytes;              /* head and code */
    uint64_t fill;               /* the byte that it replaces everywhere */
    uint64_t rsp;                /* of the thread that is sent here: nothing of ours is on its stack while rsp is at or above it */
    uint64_t resume_rip;
    uint64_t resume_rax;
    uint64_t operation;
    uint64_t function;
    uint64_t arguments[2];
    uint64_t state_bytes;        /* of the XSAVE area */
    uint64_t has_xsave;
    uint64_t errno_location;     /* the functions of the target's C library */
    uint64_t dlerror;
    uint64_t dlsym;
    uint64_t channel;            /* file descriptor for the report */
    uint64_t report_offset;      /* in that file */
    uint64_t closes;             /* not 0: the channel is closed after the report */
    uint64_t interrupted_rip;    /* behind the interrupted call, whose result is in rax: nothing else is done */
    char handle_name[16];
    char path[32];               /* for arguments that are strings */
    char code[1024];
};

struct vmi_report {
    uint64_t done;               /* 1 when the rest is there */
    uint64_t result;
    uint64_t text_bytes;
    char text[VMI_REPORT_TEXT];
};

/* A trampoline with its code and the facts of this processor, else empty. */
struct vmi_trampoline vmi_trampoline_make(void);

/* Bytes of head and code, rounded up to words. */
size_t vmi_trampoline_bytes(void);
#endif

#endif
