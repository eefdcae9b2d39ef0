/* SPDX-License-Identifier: MIT */
/*
 * The switch for 64-bit ARM, AAPCS64, little endian.
 *
 * What a parked context has on its stack, lowest address first:
 *
 *	sp + 0		x19, x20
 *	sp + 16		x21, x22
 *	sp + 32		x23, x24
 *	sp + 48		x25, x26
 *	sp + 64		x27, x28
 *	sp + 80		x29 (frame pointer), x30 (where to go on)
 *	sp + 96		d8 ... d15 (the ABI keeps the low halves of v8-v15)
 *	sp + 160	FPCR
 *	sp + 168	unused: sp is a multiple of 16
 *	sp + 176	the caller's frame
 *
 * The way out is ret and not br: a br to the instruction behind a bl faults
 * on pages with branch target identification, and there is no prefix that
 * lifts this. A first run is reached by a branch and an end makes no call,
 * so that predicted returns match their calls: see switch_x86_64.S. FPCR is
 * written only if it differs, since the write stalls the pipeline on most
 * cores. The note at the end claims BTI only; a pointer authentication key
 * signs return addresses with sp, and sp is the same at both ends of a
 * caller's life on one stack, so signed callers work too.
 */
#if defined(__aarch64__) && defined(__LP64__)

	.text

	.globl	aw__switch_stack
	.hidden	aw__switch_stack
	.type	aw__switch_stack, %function
	.p2align 4
/* void aw__switch_stack(void **ret_sp, void *sp) */
aw__switch_stack:
	.cfi_startproc
	hint	34			/* bti c */
	sub	sp, sp, #176
	.cfi_adjust_cfa_offset 176
	stp	x19, x20, [sp, #0]
	.cfi_rel_offset x19, 0
	.cfi_rel_offset x20, 8
	stp	x21, x22, [sp, #16]
	.cfi_rel_offset x21, 16
	.cfi_rel_offset x22, 24
	stp	x23, x24, [sp, #32]
	.cfi_rel_offset x23, 32
	.cfi_rel_offset x24, 40
	stp	x25, x26, [sp, #48]
	.cfi_rel_offset x25, 48
	.cfi_rel_offset x26, 56
	stp	x27, x28, [sp, #64]
	.cfi_rel_offset x27, 64
	.cfi_rel_offset x28, 72
	stp	x29, x30, [sp, #80]
	.cfi_rel_offset x29, 80
	.cfi_rel_offset x30, 88
	stp	d8, d9, [sp, #96]
	.cfi_rel_offset d8, 96
	.cfi_rel_offset d9, 104
	stp	d10, d11, [sp, #112]
	.cfi_rel_offset d10, 112
	.cfi_rel_offset d11, 120
	stp	d12, d13, [sp, #128]
	.cfi_rel_offset d12, 128
	.cfi_rel_offset d13, 136
	stp	d14, d15, [sp, #144]
	.cfi_rel_offset d14, 144
	.cfi_rel_offset d15, 152
	mrs	x2, fpcr
	str	x2, [sp, #160]

	/* The layout is the same on both sides, and so is the CFI. */
	mov	x3, sp
	str	x3, [x0]
	mov	sp, x1

take_up:
	ldr	x3, [sp, #160]
	cmp	x2, x3
	b.eq	1f
	msr	fpcr, x3
1:	ldp	d14, d15, [sp, #144]
	ldp	d12, d13, [sp, #128]
	ldp	d10, d11, [sp, #112]
	ldp	d8, d9, [sp, #96]
	ldp	x29, x30, [sp, #80]
	ldp	x27, x28, [sp, #64]
	ldp	x25, x26, [sp, #48]
	ldp	x23, x24, [sp, #32]
	ldp	x21, x22, [sp, #16]
	ldp	x19, x20, [sp, #0]
	add	sp, sp, #176
	.cfi_def_cfa_offset 0
	adr	x3, aw__switch_root
	cmp	x3, x30
	b.eq	aw__switch_root
	ret
	.cfi_endproc
	.size	aw__switch_stack, . - aw__switch_stack

/*
 * The outermost frame of a context: x20 is the entry, x19 its argument, x29
 * is 0. Unwinders stop here, since nothing called it. The nop is for those
 * that look up the byte before a return address. The entry returns the
 * context to take up for good; its sp is its first word.
 */
	.globl	aw__switch_root
	.hidden	aw__switch_root
	.type	aw__switch_root, %function
	.p2align 4
	.cfi_startproc
	.cfi_undefined x30
	.cfi_undefined x29
	nop
aw__switch_root:
	mov	x0, x19
	blr	x20
	ldr	x1, [x0]
	mov	sp, x1
	mrs	x2, fpcr
	b	take_up
	.cfi_endproc
	.size	aw__switch_root, . - aw__switch_root

/* NT_GNU_PROPERTY_TYPE_0: GNU_PROPERTY_AARCH64_FEATURE_1_AND = BTI. */
	.section .note.gnu.property, "a"
	.p2align 3
	.word	4
	.word	16
	.word	5
	.asciz	"GNU"
	.word	0xc0000000
	.word	4
	.word	1
	.word	0

#endif

	.section .note.GNU-stack, "", %progbits
