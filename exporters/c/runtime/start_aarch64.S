/* Start of an AArch64 program whose memory and stack a system has set up (user mode). */
    .globl _start
_start:
    bl main
    bl nc_port_close
