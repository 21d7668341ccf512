/* What the files that run populations share: nc_events.c, nc_step.c, nc_together.c, nc_pooled.c,
 * nc_chunk.c. */
#ifndef NC_STEP_H
#define NC_STEP_H

#include "nc_driver.h"

typedef struct {
    size_t sample, step, frame; /* frame: sample * steps + step */
    size_t base;                /* first step of the chunk */
} nc_moment;
nc_moment nc_moment_of(const nc_run *run, size_t sample, size_t step, size_t base);

/* The events of one frame. */
nc_span nc_span_of(const nc_frames *frames, size_t f);
/* What a node emitted `delay` steps before now: span[W]. Returns all its elements, where its events
 * have values. */
const float *nc_emitted(const nc_worker *w, uint32_t source, nc_moment now, uint32_t delay,
                        nc_span *span);
size_t nc_events_in(const nc_span *span, uint32_t workers);
/* Counts what reaches a projection; the first worker does it. */
size_t nc_arrivals(const nc_worker *w, uint32_t index, size_t sample, size_t first, size_t end,
                   nc_span *span);
void nc_count_arrivals(const nc_worker *w, uint32_t index, nc_moment now, const nc_span *span);
/* The same, whichever worker calls: one does for each step. */
void nc_count_step(const nc_worker *w, uint32_t index, nc_moment now, const nc_span *span);
/* 1 where the steps of a chunk are shared out and this one, `t` from the chunk's first, is the worker's;
 * where it is not, its list of the step is empty. `place` of the step in the lists. */
int nc_takes_step(const nc_worker *w, const nc_node *node, size_t t, size_t place);
/* The worker's counts of a population in a frame: emitted, updates by input, changes. */
int64_t *nc_counts_of(const nc_worker *w, uint32_t index, size_t frame);
/* Something is wrong in a step. Of a chunk, the first step counts, and what is found first in it. */
void nc_fail(const nc_worker *w, nc_status status, uint32_t where, size_t step);
/* 1 where the projection adds its bias in this step; where it does so for the first time. */
int nc_biased(const nc_worker *w, uint32_t index, nc_moment now);
int nc_starts_bias(const nc_worker *w, uint32_t index, nc_moment now);
/* Appends the events of this step to the worker's segment, and records them. `bits` of those that
 * fired, or NULL: flags in the scratch, or values in `dense`. Returns how many. */
size_t nc_emit(const nc_worker *w, uint32_t index, nc_moment now, nc_range range,
               const uint64_t *bits, const float *dense);

/* Where the emissions of this step stand in the history that the next run starts from, or NULL. */
float *nc_history_of(const nc_node *node, const nc_population_run *at, const nc_run *run,
                     nc_moment now);

/* 1 where nothing but ones reaches the projection in this run. */
int nc_feeds_ones(const nc_worker *w, uint32_t index);

/* One step of a population; of any population, the long way. */
void nc_step(const nc_worker *w, uint32_t index, nc_moment now);
void nc_step_population(const nc_worker *w, uint32_t index, nc_moment now);

/* Steps first .. end - 1 of a population that is `fused`, `many_steps` or `turned`. */
void nc_run_fused(const nc_worker *w, uint32_t index, size_t sample, size_t first, size_t end);
void nc_run_many_steps(const nc_worker *w, uint32_t index, size_t sample, size_t first, size_t end);
void nc_run_turned(const nc_worker *w, uint32_t index, size_t sample, size_t first, size_t end);
/* 1 where it is turned, and every sum of these steps is a float sum that marks what it touches. */
int nc_turns(const nc_worker *w, uint32_t index, size_t sample, size_t first, size_t end);
/* The same of a relay of which nc_pools_ones is 1: it passes on what one pool makes of spikes, the pool's
 * windows do not overlap, and its events are all that anybody asks for in this run. */
void nc_run_pooled(const nc_worker *w, uint32_t index, size_t sample, size_t first, size_t end);
int nc_pools_ones(const nc_worker *w, uint32_t index);

#endif
