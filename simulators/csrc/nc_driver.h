/* The driver: every step of every sample of a network, from event lists to spikes and counts.
 *
 * nc_network is the packed network: shared, read-only. nc_run is one run: the caller's buffers,
 * zeroed where it says scratch. `places` of a node: 0 .. n_sources - 1 are sources, then populations
 * in execution order. Shapes name batch B, steps T; all arrays are contiguous, row-major.
 */
#ifndef NC_DRIVER_H
#define NC_DRIVER_H

#include "nc_kernel.h"

/* cdef begin */
typedef enum {
    NC_OK = 0,
    NC_TOO_LARGE = 1, /* a value times the integer weights of run->at_projection passes 63 bits */
    NC_BAD_KIND = 2   /* the packed network holds an operator that this kernel does not know */
} nc_status;

enum { NC_DENSE, NC_CSR, NC_DIAGONAL, NC_CONV, NC_POOL, NC_MAX_POOL, NC_IDENTITY, NC_ROUTE };
enum { NC_F32, NC_I8, NC_I16 };

typedef struct {
    int32_t kind;
    int32_t weight_type; /* NC_F32 also where there are no weights */
    int32_t exact;       /* integer weights fed by whole numbers: integer accumulators */
    uint32_t source;     /* node */
    uint32_t delay;
    size_t n_out;
    float scale;         /* of integer weights, else 1 */
    float limit_i32;     /* largest |value| for which int32 accumulators are exact; likewise int64 */
    float limit_i64;
    const void *weights; /* dense [n_in][stride], CSR [nnz], diagonal [n], conv: see nc_conv_* */
    size_t stride;       /* dense: elements a row */
    const int64_t *indptr;
    const int32_t *targets;
    const nc_window *window;
    uint32_t pool_stride[2], pool_padding[2], pool_dilation[2]; /* max pool */
    float divisor;       /* average pool: kernel elements; 0 for a sum or where there are divisors */
    const float *divisors; /* average pool: [oh * ow], or NULL */
    const uint8_t *nonzero;  /* flags in the layout of the weights; NULL: every weight is nonzero */
    const uint8_t *row_full; /* dense: [n_in], and the rows' bits [n_in][words] */
    const uint64_t *mask;
    size_t words;
    nc_fanout fan[3];    /* nominal, effective, model */
    const float *bias;   /* [n_out] or NULL */
    int32_t bias_full;   /* every bias is nonzero */
    const uint8_t *bias_nonzero; /* [n_out] */
} nc_projection;

typedef struct {
    size_t n;
    uint32_t n_ports;
    const uint32_t *first; /* [n_ports + 1]: projections first[p] .. first[p + 1] enter port p */
    nc_program program;
    uint32_t n_registers;
    const uint8_t *step;   /* [n_registers], see nc_program */
    const uint32_t *port;  /* [n_ports] register of each port */
    int32_t form;          /* hot form, or NC_FORM_NONE */
    int32_t per_neuron;
    const float *param[3]; /* hot form: its parameters in the order of the function's arguments */
    int32_t binary;        /* emits nothing but 0 and 1 */
    int32_t always_full;   /* every neuron has a nonzero leak */
    const uint8_t *always; /* [n] 1 where it has; NULL: none */
} nc_population;

typedef struct {
    uint32_t n_sources, n_populations;
    const nc_population *population;
    const nc_projection *projection;
} nc_network;

/* Events of many frames: frame f has idx and val from start[f] to start[f + 1]. start NULL: silence.
 * val NULL: all are 1 and every other element is +0. Else dense holds all elements of all frames. */
typedef struct {
    const int64_t *start;
    const uint32_t *idx;
    const float *val;
    const float *dense;
} nc_frames;

/* What a node emitted. Sources read `fed` (B T frames); populations keep a ring of the last
 * depth + 1 steps (scratch): idx[depth + 1][n + 1], count[depth + 1] and, unless the population is
 * binary, val like idx and dense[depth + 1][n]. `past` has B depth frames from before step 0. */
typedef struct {
    size_t n;
    uint32_t depth;
    nc_frames fed, past;
    uint32_t *idx;
    float *val;
    float *dense;
    size_t *count;
} nc_node;

typedef struct {
    float **base;          /* [n_registers]; the driver sets those of the states */
    float *const *state;   /* [n_states]: (B, n), initial in, final out */
    float *const *buffer;  /* [n_ports]: scratch, n_out of the widest padded projection each */
    float *const *current; /* [n_ports]: (B, T, n) out, each may be NULL */
    uint8_t *touched;      /* [n] scratch */
    uint8_t *fired;        /* [n] scratch */
    uint8_t *spikes;       /* (B, T, n) out, binary populations, or NULL */
    float *values;         /* (B, T, n) out, the others, or NULL */
    float *membrane;       /* (B, T, n) out or NULL */
    uint32_t membrane_state; /* hot forms: the state that is the membrane */
    float *history;        /* (B, depth, n) out: emissions of the last steps, or NULL */
    int64_t *counts;       /* (B, T, 3) out */
} nc_population_run;

typedef struct {
    void *acc;       /* convolution: scratch accumulators, as nc_conv_* wants them */
    uint8_t *dirty;
    const uint32_t *bias_from; /* [B]: the sample's first step with the bias; NULL: 0 */
    int64_t *counts; /* (B, T, 8) out */
} nc_projection_run;

typedef struct {
    size_t batch, steps;
    size_t at_sample, at_step; /* where the next call goes on; 0, 0 at first */
    uint32_t at_projection;    /* out, where the status is not NC_OK */
    nc_node *node;
    nc_population_run *population;
    nc_projection_run *projection;
    float *part;     /* scratch, [widest n_out, padded] */
    int64_t *exact;  /* scratch, likewise */
    uint64_t *hit;   /* scratch, [most words] */
} nc_run;

/* Runs up to `frames` (sample, step) pairs; done when run->at_sample == run->batch. */
nc_status nc_advance(const nc_network *network, nc_run *run, size_t frames);
/* cdef end */

/* One projection in one step (nc_projection.c): its contribution to `out`, every element written.
 * touched may be NULL; returns NC_OK, and in *all 1 where every target was touched. */
typedef struct {
    const uint32_t *idx;
    const float *val;   /* NULL: ones */
    size_t count;
    const float *dense; /* all elements where val is not NULL */
} nc_events;
nc_status nc_project(const nc_projection *p, const nc_projection_run *at, nc_events events,
                     nc_run *run, float *out, uint8_t *touched, int *all);

#endif
