/* One watched instruction per function, at the label vmipl_NAME_site, so that a test knows its address. First and second argument:
 * RDI and RSI; EAX and EDX on i386, whose kernel is compiled with -mregparm=3. Interrupts are off in all of them. */
#include <linux/linkage.h>
#include <linux/objtool.h>

#ifdef CONFIG_X86_64
#define FIRST %rdi
#define SECOND %rsi
#define WORK %rax
#else
#define FIRST %eax
#define SECOND %edx
#define WORK %ecx
#endif

.macro SITE name:req
	.globl vmipl_\name\()_site
vmipl_\name\()_site:
	ANNOTATE_NOENDBR	/* its address is only told */
.endm

/* (descriptor of the table) */
SYM_FUNC_START(vmipl_lidt)
	SITE lidt
	lidt (FIRST)
	RET
SYM_FUNC_END(vmipl_lidt)

SYM_FUNC_START(vmipl_lgdt)
	SITE lgdt
	lgdt (FIRST)
	RET
SYM_FUNC_END(vmipl_lgdt)

/* () */
SYM_FUNC_START(vmipl_cr0)
	mov %cr0, WORK
	SITE cr0
	mov WORK, %cr0
	RET
SYM_FUNC_END(vmipl_cr0)

SYM_FUNC_START(vmipl_cr3)
	mov %cr3, WORK
	SITE cr3
	mov WORK, %cr3
	RET
SYM_FUNC_END(vmipl_cr3)

SYM_FUNC_START(vmipl_cr4)
	mov %cr4, WORK
	SITE cr4
	mov WORK, %cr4
	RET
SYM_FUNC_END(vmipl_cr4)

/* (number, value of less than 32 bits) */
SYM_FUNC_START(vmipl_wrmsr)
#ifdef CONFIG_X86_64
	mov %edi, %ecx
	mov %esi, %eax
#else
	mov %eax, %ecx
	mov %edx, %eax
#endif
	xor %edx, %edx
	SITE wrmsr
	wrmsr
	RET
SYM_FUNC_END(vmipl_wrmsr)

/* (address, word) */
SYM_FUNC_START(vmipl_store)
	SITE store
	mov SECOND, (FIRST)
	RET
SYM_FUNC_END(vmipl_store)
