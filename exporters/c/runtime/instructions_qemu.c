/* Counts instructions in QEMU: a RISC-V core has a counter of its own; on the boards MPS2 AN386 and
 * AN500 a timer of 25 MHz follows virtual time, so that one tick is 40 ns and as many instructions. */
#include "nc_instructions.h"

#if defined(__riscv)

uint32_t nc_instructions_error(void) {
    return 0;
}

uint64_t nc_instructions(void) {
#if __riscv_xlen == 64
    uint64_t count;
    __asm__ volatile("csrr %0, minstret" : "=r"(count)::"memory");
    return count;
#else
    uint32_t high, low, again;
    do
        __asm__ volatile("csrr %0, minstreth\n"
                         "csrr %1, minstret\n"
                         "csrr %2, minstreth\n"
                         : "=&r"(high), "=&r"(low), "=&r"(again)::"memory");
    while (high != again);
    return (uint64_t)high << 32 | low;
#endif
}

#elif defined(__ARM_ARCH_PROFILE) && __ARM_ARCH_PROFILE == 'M'

enum { NANOSECONDS_A_TICK = 40 };

uint32_t nc_instructions_error(void) {
    return NANOSECONDS_A_TICK - 1;
}

uint64_t nc_instructions(void) {
    volatile uint32_t *const timer = (volatile uint32_t *)0x40000000u; /* CMSDK timer 0 */
    enum { CONTROL, VALUE, RELOAD };
    if (timer[CONTROL] == 0) {
        timer[RELOAD] = UINT32_MAX;
        timer[VALUE] = UINT32_MAX;
        timer[CONTROL] = 1;
    }
    return (uint64_t)(UINT32_MAX - timer[VALUE]) * NANOSECONDS_A_TICK;
}

#else
#error "no count of instructions for this processor"
#endif
