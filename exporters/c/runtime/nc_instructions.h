/* How many instructions a processor has executed. QEMU has to run with `-icount shift=0`: virtual time
 * then passes by one nanosecond an instruction, whatever the machine under it does. */
#ifndef NC_INSTRUCTIONS_H
#define NC_INSTRUCTIONS_H

#include <stdint.h>

/* By how much a difference of two counts is off at most. */
uint32_t nc_instructions_error(void);
/* Since some moment in the past. On a Cortex-M it starts again after 171 billion. */
uint64_t nc_instructions(void);

#endif
