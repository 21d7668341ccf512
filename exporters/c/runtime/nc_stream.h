/* A network that runs step by step: one step of events in, spikes out, the state stays here.
 *
 * One thread, no allocation, no operating system. The exported network.h gives the sizes and names.
 */
#ifndef NC_STREAM_H
#define NC_STREAM_H

#include "nc_driver.h"

/* What one source emits in a step; all else is 0. */
typedef struct {
    const uint32_t *idx; /* [count] ascending, each below the source's n */
    size_t count;
    const float *values; /* [count], finite, none of them 0; NULL: all are 1 (sources of events) */
} nc_stream_input;

/* ---- what network.c fills ---- */
typedef struct {
    size_t n;
    int64_t *start;      /* [2] */
    float *dense;        /* [n]: all elements, where a maximum over values reads them; else NULL */
    uint32_t depth;      /* steps of the past that are still read */
    int64_t *past_start; /* depth: [depth + 1]; and lists that hold depth full frames, oldest first */
    uint32_t *past_idx;  /* [depth * n] */
    float *past_val;     /* likewise; NULL: a source of events */
    float *past_dense;   /* likewise, where there is dense */
} nc_stream_source;

typedef struct {
    void *at;         /* [n] float, or int32_t in integer networks */
    size_t n;
    const void *rest; /* likewise; NULL: 0 */
} nc_stream_state;

typedef struct {
    const nc_network *network;
    nc_run *run; /* one sample, one step, one worker */
    const nc_stream_source *source; /* [n_sources] */
    const nc_stream_state *state;   /* [n_states] */
    size_t n_states;
    uint32_t *const *late;        /* [n_projections]: steps until its bias begins, or NULL */
    const uint32_t *late_at_rest; /* [n_projections] */
    int64_t (*population_counts)[3]; /* [n_populations]: emitted, updated by input, changed */
    int32_t *const *clock;        /* [n_populations]: steps since the reset, or NULL */
} nc_stream;

/* Back to rest: states, past emissions, counts. To be called once before the first step. */
void nc_stream_reset(const nc_stream *stream);
/* One step. NC_OK; NC_TOO_LARGE where whole numbers are too large for exact sums; NC_PAYLOAD where a
 * neuron of an integer network emits more than an event holds.
 * Undefined for indices that do not ascend or are too large. */
nc_status nc_stream_step(const nc_stream *stream, const nc_stream_input *inputs);
/* Counts of a projection since the reset: (events of -1 and 1, others) x (events, nominal,
 * effective, model synapses). */
const int64_t *nc_stream_projection_counts(const nc_stream *stream, uint32_t projection);
/* Integer networks: what passed the chip's widths since the reset, summed over neurons and steps, as
 * many counts as the population's program watches (integer.n_watches). */
const int64_t *nc_stream_overflow(const nc_stream *stream, uint32_t population);

#endif
