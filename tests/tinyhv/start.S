/* tests/tinyhv/start.S - where iPXE (or any Multiboot loader) enters: 32 bits,
 * no paging. */
#define MAGIC 0x1badb002
#define FLAGS 0x00000002        /* tell us of memory; no modules' alignment */

    .section .multiboot, "a"
    .align 4
    .long MAGIC
    .long FLAGS
    .long -(MAGIC + FLAGS)

    .section .text
    .globl start
start:
    cli
    movl $stack_top, %esp
    pushl %ebx                  /* struct multiboot_info */
    pushl %eax
    call tiny_main
halt:
    hlt
    jmp halt

    .section .bss
    .align 16
    .skip 16384
stack_top:

    .section .note.GNU-stack, "", @progbits
