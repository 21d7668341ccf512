/* Threads that stay between runs: nc_crew.c. POSIX. */
#ifndef NC_CREW_H
#define NC_CREW_H

#include <stdint.h>

/* Seconds of a clock that never goes back. */
double nc_now(void);
/* One turn of a loop that waits for another thread: short at first, then the processor is offered to
 * others. */
void nc_pause(uint32_t turn);

/* Lets other threads do work(argument[k]), k from 0, each one of them; returns how many are doing it, fewer
 * than `count` where the system gives no more threads, or where other callers have so many of the
 * NC_MOST_THREADS that there are; of these it waits until `least` are free. *left counts down to 0 as they end; it has to stay
 * until nc_crew_wait has returned. Any thread may call this at any time, a forked process too. */
uint32_t nc_crew_start(uint32_t count, uint32_t least, void (*work)(void *), void *const *argument,
                       uint32_t *left);
void nc_crew_wait(const uint32_t *left);

#endif
