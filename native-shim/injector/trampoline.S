/* The code of the trampoline (trampoline.h). It is only data in this program, copied behind a head and run in the target:
   position-independent, without a reference to anything but the head. No `ret` without its `call`: shadow stacks stay true. */
#include <sys/syscall.h>
#include "trampoline.h"

    .section .rodata
    .balign 16
    .globl vmi_trampoline_code, vmi_trampoline_code_end

vmi_trampoline_code:
    jmp     0f
    .org    vmi_trampoline_code + VMI_TRAMPOLINE_RESTART
    jmp     *vmi_trampoline_code - VMI_HEAD_BYTES + VMI_HEAD_INTERRUPTED_RIP(%rip)

0:  lea     -128(%rsp), %rsp                    /* the red zone stays as it is, and so do the flags */
    pushfq
    push    %r15
    push    %r14
    push    %r13
    push    %r12
    push    %r11
    push    %r10
    push    %r9
    push    %r8
    push    %rdi
    push    %rsi
    push    %rbp
    push    %rbx
    push    %rdx
    push    %rcx
    push    %rax
    mov     %rsp, %rbp
    pushq   $0x202                              /* no direction flag, no alignment check */
    popfq
    lea     vmi_trampoline_code - VMI_HEAD_BYTES(%rip), %r12
    mov     VMI_HEAD_RESUME_RAX(%r12), %rax
    mov     %rax, (%rbp)

    sub     VMI_HEAD_STATE_BYTES(%r12), %rsp
    and     $-64, %rsp
    mov     %rsp, %rbx
    cmpq    $0, VMI_HEAD_HAS_XSAVE(%r12)
    je      1f
    lea     512(%rbx), %rdi                     /* xrstor wants the rest of the area's header zero (SDM 1, 13.4.2) */
    xor     %eax, %eax
    mov     $8, %ecx
    rep stosq
    mov     $-1, %eax
    mov     $-1, %edx
    xsave64 (%rbx)
    jmp     2f
1:  fxsave64 (%rbx)
2:
    cmpq    $VMI_OPERATION_SYSCALL, VMI_HEAD_OPERATION(%r12)
    jne     3f
    mov     VMI_HEAD_FUNCTION(%r12), %rax
    mov     VMI_HEAD_ARGUMENT0(%r12), %rdi
    mov     VMI_HEAD_ARGUMENT1(%r12), %rsi
    syscall
    jmp     restore

3:  call    *VMI_HEAD_ERRNO_LOCATION(%r12)
    mov     %rax, %r13
    mov     (%rax), %r14d
    mov     VMI_HEAD_ARGUMENT0(%r12), %rdi
    mov     VMI_HEAD_ARGUMENT1(%r12), %rsi
    call    *VMI_HEAD_FUNCTION(%r12)
    mov     %rax, %r15
    sub     $32, %rsp                           /* the report; aligned for calls */
    movq    $1, (%rsp)
    mov     %rax, 8(%rsp)
    movq    $0, 16(%rsp)

    cmpq    $VMI_OPERATION_CALL, VMI_HEAD_OPERATION(%r12)
    je      report
    cmpq    $VMI_OPERATION_UNLOAD, VMI_HEAD_OPERATION(%r12)
    je      4f
    test    %r15, %r15
    jz      failed
    mov     %r15, %rdi
    lea     VMI_HEAD_HANDLE_NAME(%r12), %rsi
    call    *VMI_HEAD_DLSYM(%r12)
    test    %rax, %rax
    jz      report
    mov     %r15, (%rax)
    jmp     report
4:  test    %r15d, %r15d
    jz      report

failed:
    call    *VMI_HEAD_DLERROR(%r12)
    test    %rax, %rax
    jz      report
    xor     %edx, %edx
5:  cmpb    $0, (%rax,%rdx)
    je      6f
    inc     %edx
    cmp     $VMI_REPORT_TEXT, %edx
    jb      5b
6:  mov     %rdx, 16(%rsp)
    mov     %rax, %rsi
    mov     VMI_HEAD_REPORT_OFFSET(%r12), %r10
    add     $VMI_REPORT_BYTES, %r10
    mov     VMI_HEAD_CHANNEL(%r12), %rdi
    mov     $SYS_pwrite64, %eax
    syscall

report:
    mov     %rsp, %rsi
    mov     $VMI_REPORT_BYTES, %edx
    mov     VMI_HEAD_REPORT_OFFSET(%r12), %r10
    mov     VMI_HEAD_CHANNEL(%r12), %rdi
    mov     $SYS_pwrite64, %eax
    syscall
    cmpq    $0, VMI_HEAD_CLOSES(%r12)
    je      7f
    mov     VMI_HEAD_CHANNEL(%r12), %rdi
    mov     $SYS_close, %eax
    syscall
7:  mov     %r14d, (%r13)

restore:
    cmpq    $0, VMI_HEAD_HAS_XSAVE(%r12)
    je      8f
    mov     $-1, %eax
    mov     $-1, %edx
    xrstor64 (%rbx)
    jmp     9f
8:  fxrstor64 (%rbx)
9:  mov     %rbp, %rsp
    pop     %rax
    pop     %rcx
    pop     %rdx
    pop     %rbx
    pop     %rbp
    pop     %rsi
    pop     %rdi
    pop     %r8
    pop     %r9
    pop     %r10
    pop     %r11
    pop     %r12
    pop     %r13
    pop     %r14
    pop     %r15
    popfq
    lea     128(%rsp), %rsp
    jmp     *vmi_trampoline_code - VMI_HEAD_BYTES + VMI_HEAD_RESUME_RIP(%rip)
vmi_trampoline_code_end:

    .section .note.GNU-stack, "", @progbits
