/* SPDX-License-Identifier: MIT */
/*
 * The switch for x86-64, System V ABI.
 *
 * What a parked context has on its stack, lowest address first:
 *
 *	sp + 0		MXCSR (4 bytes), x87 control word (2), unused (2)
 *	sp + 8		r15
 *	sp + 16		r14
 *	sp + 24		r13
 *	sp + 32		r12
 *	sp + 40		rbx
 *	sp + 48		rbp
 *	sp + 56		where to go on
 *	sp + 64		the caller's frame
 *
 * These are the registers that the ABI (3.2.1, figure 3.4) lets a caller
 * rely on across a call; of MXCSR and the x87 control word that is the
 * control bits. Everything else is the caller's to save, so for the compiler
 * this is a call like any other.
 *
 * The processor predicts a ret from a stack of its own, on which each call
 * puts its return address. Every switch takes off what its call put there,
 * so that the returns that follow are predicted by the calls that led here,
 * and tasks mostly wait the same way (doc/internals/switch.md):
 *
 *	a call is matched by the ret of whoever goes on,
 *	a first run is reached by a jump and leaves the entry of its call,
 *	an end makes no call: the entry returns, and the ret takes that one.
 *
 * The note at the end claims IBT, which a ret does not concern, and does not
 * claim SHSTK: a shadow stack would not follow the switch, and the linker
 * then drops the claim for the whole program.
 */
#if defined(__x86_64__) && defined(__LP64__)

	.text

	.globl	aw__switch_stack
	.hidden	aw__switch_stack
	.type	aw__switch_stack, @function
	.p2align 4
/* void aw__switch_stack(void **ret_sp, void *sp) */
aw__switch_stack:
	.cfi_startproc
	endbr64
	pushq	%rbp
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset rbp, 0
	pushq	%rbx
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset rbx, 0
	pushq	%r12
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset r12, 0
	pushq	%r13
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset r13, 0
	pushq	%r14
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset r14, 0
	pushq	%r15
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset r15, 0
	subq	$8, %rsp
	.cfi_adjust_cfa_offset 8
	stmxcsr	(%rsp)
	fnstcw	4(%rsp)
	movl	(%rsp), %eax
	movzwl	4(%rsp), %edx

	/* The layout is the same on both sides, and so is the CFI. */
	movq	%rsp, (%rdi)
	movq	%rsi, %rsp

	/* Mostly both sides agree, and to load is slower than to look. The
	 * lowest six bits of MXCSR are status, which a call may change. */
	xorl	(%rsp), %eax
	testl	$0xffc0, %eax
	jne	take_up
	cmpw	4(%rsp), %dx
	je	controlled

take_up:
	ldmxcsr	(%rsp)
	fldcw	4(%rsp)
controlled:
	addq	$8, %rsp
	.cfi_adjust_cfa_offset -8
	popq	%r15
	.cfi_adjust_cfa_offset -8
	.cfi_restore r15
	popq	%r14
	.cfi_adjust_cfa_offset -8
	.cfi_restore r14
	popq	%r13
	.cfi_adjust_cfa_offset -8
	.cfi_restore r13
	popq	%r12
	.cfi_adjust_cfa_offset -8
	.cfi_restore r12
	popq	%rbx
	.cfi_adjust_cfa_offset -8
	.cfi_restore rbx
	popq	%rbp
	.cfi_adjust_cfa_offset -8
	.cfi_restore rbp
	leaq	aw__switch_root(%rip), %rcx
	cmpq	%rcx, (%rsp)
	je	first_run
	ret
	.cfi_endproc
	.size	aw__switch_stack, . - aw__switch_stack

/*
 * The outermost frame of a context: r12 is the entry, rbx its argument, rbp
 * is 0. Unwinders stop here, since nothing called it. The entry returns the
 * context to take up for good; its sp is its first word.
 */
	.globl	aw__switch_root
	.hidden	aw__switch_root
	.type	aw__switch_root, @function
	.p2align 4
	.cfi_startproc
	.cfi_undefined rip
	.cfi_undefined rbp
first_run:
	addq	$8, %rsp
aw__switch_root:
	movq	%rbx, %rdi
	callq	*%r12
	movq	(%rax), %rsp
	jmp	take_up
	.cfi_endproc
	.size	aw__switch_root, . - aw__switch_root

/* NT_GNU_PROPERTY_TYPE_0: GNU_PROPERTY_X86_FEATURE_1_AND = IBT. */
	.section .note.gnu.property, "a", @note
	.p2align 3
	.long	4
	.long	16
	.long	5
	.asciz	"GNU"
	.long	0xc0000002
	.long	4
	.long	1
	.long	0

#endif

	.section .note.GNU-stack, "", @progbits
