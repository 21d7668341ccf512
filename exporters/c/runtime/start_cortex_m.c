/* Start of a Cortex-M: vectors, floating-point unit, zeroed memory; cortex_m.ld gives the places. */
#include <stdint.h>

#include "nc_port.h"

extern uint32_t nc_stack_top[], nc_bss_first[], nc_bss_end[];
extern uint32_t nc_data_first[], nc_data_end[], nc_data_stored[];
int main(void);

static void reset(void) {
    volatile uint32_t *const coprocessors = (volatile uint32_t *)0xE000ED88u; /* CPACR */
    *coprocessors |= 0xFu << 20;
    __asm__ volatile("dsb\nisb" ::: "memory");
    for (uint32_t *to = nc_data_first, *from = nc_data_stored; to < nc_data_end;) *to++ = *from++;
    for (uint32_t *to = nc_bss_first; to < nc_bss_end;) *to++ = 0;
    nc_port_close(main());
}

static void fault(void) {
    nc_port_close(3);
}

#define STACK ((void (*)(void))(uintptr_t)nc_stack_top)
__attribute__((section(".vectors"), used)) static void (*const vectors[16])(void) = {
    STACK, reset, fault, fault, fault, fault, fault,
};
