/* Start of a RISC-V core in machine mode: stack, floating-point unit, zeroed memory; riscv.ld gives
 * the places. Other cores sleep. */
    .section .vectors, "ax"
    .globl _start
_start:
    csrr t0, mhartid
    bnez t0, sleep
    la t0, fault
    csrw mtvec, t0
    li t0, 0x2000 /* mstatus.FS: initial */
    csrs mstatus, t0
    fscsr zero
    la sp, nc_stack_top
    la t0, nc_bss_first
    la t1, nc_bss_end
clear:
    bgeu t0, t1, go
    sw zero, 0(t0)
    addi t0, t0, 4
    j clear
go:
    call main
    call nc_port_close
sleep:
    wfi
    j sleep
    .balign 4
fault:
    li a0, 3
    call nc_port_close
