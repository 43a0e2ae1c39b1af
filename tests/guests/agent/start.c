/* Where the kernel enters a program: argc, argv and envp lie on the stack (System V ABI, "Process Initialization"). */
#include "sys.h"

int program(int argc, char **argv, char **envp);

__attribute__((used, noreturn)) static void enter(word *stack)
{
    int argc = (int)stack[0];
    char **argv = (char **)(stack + 1);
    SYS_1(exit_group, program(argc, argv, argv + argc + 1));
    __builtin_unreachable();
}

#if defined(__x86_64__)
__asm__(".globl _start\n_start:\n\txor %ebp, %ebp\n\tmov %rsp, %rdi\n\tand $-16, %rsp\n\tcall enter\n");
#else
__asm__(".globl _start\n_start:\n\txor %ebp, %ebp\n\tmov %esp, %eax\n\tand $-16, %esp\n\tsub $12, %esp\n\tpush %eax\n\tcall enter\n");
#endif
