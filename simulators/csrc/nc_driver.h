/* The driver: every step of every sample of a network, from event lists to spikes and counts.
 *
 * nc_network is the packed network: shared, read-only. nc_run is one run: the caller's buffers,
 * zeroed where it says scratch. `places` of a node: 0 .. n_sources - 1 are sources, then populations
 * in execution order. Shapes name batch B, steps T, chunk K, workers W; all arrays are contiguous,
 * row-major. Buffers that hold n of something per neuron are padded to whole blocks of 64.
 *
 * A team takes a sample, K steps at a time, then the next one that no team has begun. It goes unit by unit: a unit is a population, all K steps of it before the next one, or populations that
 * form a loop, step by step. Within a team each of W workers has a range of every population's neurons
 * and a segment of every event list; they wait for each other after each unit or step. No result
 * depends on teams, workers or K: a neuron's inputs come in the same order.
 */
#ifndef NC_DRIVER_H
#define NC_DRIVER_H

#include "nc_integer.h"

/* cdef begin */
typedef enum {
    NC_OK = 0,
    NC_TOO_LARGE = 1, /* a value times the integer weights of team->at_projection passes 63 bits */
    NC_BAD_KIND = 2,  /* the packed network holds an operator that this kernel does not know */
    NC_NO_THREAD = 3, /* the system gives no further thread */
    /* what nc_check.h finds */
    NC_NULL = 4,      /* a pointer that is needed is NULL */
    NC_MISALIGNED = 5,
    NC_BAD_SIZE = 6,  /* two sizes disagree */
    NC_BAD_INDEX = 7,
    NC_NOT_ASCENDING = 8,
    NC_BAD_UNITS = 9,     /* units do not list every population once */
    NC_BAD_ORDER = 10,    /* a population reads what is not there yet */
    NC_BAD_WINDOW = 11,
    NC_BAD_PROGRAM = 12,
    NC_BAD_FLAG = 13,     /* a flag promises what does not hold */
    NC_BAD_DELAY = 14,
    NC_BAD_SHARE = 15,    /* of a sample that no team or more than one is at */
    NC_BAD_RUN = 16,      /* chunk, teams, workers, version or seconds */
    NC_NOT_FRESH = 17,    /* scratch is not as a run finds it first */
    NC_OVERLAP = 18,
    NC_OVERFLOW = 19,     /* a product of sizes */
    NC_COUNTERS = 20,     /* counts could pass 63 bits */
    NC_PAYLOAD = 21       /* integer population team->at_projection emits more than NC_MOST_GRADED */
} nc_status;
#define NC_MOST_THREADS 256

enum { NC_DENSE, NC_CSR, NC_DIAGONAL, NC_CONV, NC_POOL, NC_MAX_POOL, NC_IDENTITY, NC_ROUTE };

typedef struct {
    int32_t kind;
    int32_t weight_type; /* NC_F32 also where there are no weights */
    int32_t exact;       /* integer weights fed by whole numbers: sums are exact */
    uint32_t source;     /* node */
    uint32_t delay;
    size_t n_in, n_out;
    float scale;         /* of integer weights, else 1 */
    float limit_f32;     /* largest |value| for which float sums are exact; likewise int32, int64 */
    float limit_i32;
    float limit_i64;
    nc_dense dense;
    const void *weights; /* CSR, diagonal, convolution (see nc_window): [stored] */
    size_t stored;       /* and CSR: of local; route: of targets; pools: kernel elements */
    size_t csr_blocks;
    const int64_t *rows; /* CSR [csr_blocks][n_in + 1]: rows of a block follow one another */
    const uint16_t *local; /* CSR [stored]: target within its block, ascending in a row */
    int32_t no_zero;     /* CSR: no stored weight is 0 */
    uint32_t shift;      /* CSR: bits that hold any sum, with its sign; 0: sums and numbers of events do not fit */
    float mark_from;     /* convolution: products of values from here on with nonzero weights are none */
    const int64_t *indptr; /* route [n_in + 1] */
    const int32_t *targets;
    const nc_window *window;
    uint32_t pool_stride[2], pool_padding[2], pool_dilation[2]; /* max pool */
    float divisor;       /* average pool: kernel elements; 0 for a sum or where there are divisors */
    const float *divisors; /* average pool: [oh * ow], or NULL */
    const uint8_t *nonzero;  /* diagonal [n]: flags of the weights; NULL: every weight is nonzero */
    nc_fanout fan[3];    /* nominal, effective, model */
    uint32_t fan_stored; /* CSR of one block: bits of those that are the number of a source's stored weights */
    const float *bias;   /* [n_out, padded] or NULL */
    int32_t bias_full;   /* every bias is nonzero */
    const uint8_t *bias_nonzero; /* [n_out] */
    int32_t lift, exponent; /* integer networks: sums times 2^lift, then 2^exponent, where that is
                               negative rounded down */
} nc_projection;

typedef struct {
    size_t n;
    uint32_t n_ports;
    const uint32_t *first; /* [n_ports + 1]: projections first[p] .. first[p + 1] enter port p */
    nc_program program;
    uint32_t n_registers;
    const uint8_t *step;   /* [n_registers], see nc_program */
    const uint32_t *port;  /* [n_ports] register of each port */
    int32_t is_hot;        /* 1: `hot` is its program */
    nc_hot hot;
    int32_t binary;        /* emits nothing but 0 and 1 */
    int32_t always_full;   /* every neuron has a nonzero leak */
    const uint8_t *always; /* [n] 1 where it has; NULL: none */
    int32_t split;         /* workers may share it: every projection is one by targets */
    int32_t fused;         /* hot, and fed by one dense projection of binary events alone */
    const uint64_t *always_bits, *biased_bits; /* fused, turned, many_steps: see nc_dense_run */
    int32_t turned;        /* hot, and fed by one convolution alone, whose sums have no gaps */
    nc_hot turned_hot;     /* turned: parameters, bias and places in position-major order */
    const float *turned_bias;
    const uint32_t *turned_place; /* [n]: the neuron at each place of that order */
    int32_t many_steps;    /* hot, and fed by one sparse projection alone, of int8 weights whose sums 16
                              bits hold and that has one block of targets */
    int32_t summed;        /* hot, and fed by one sparse projection alone, without zero weights, whose
                              sums of ones are floats or packed */
    int32_t relay;         /* emits what its one port gives, unchanged */
    int32_t whole;         /* of an integer network: `integer` belongs to its program */
    nc_integer integer;
    int32_t is_lif;        /* whole, and `lif` is its program, states u, v, watches input, current,
                              membrane; such a population may be `fused`, without being hot */
    nc_lif lif;
} nc_population;

typedef struct {
    uint32_t n_sources, n_populations, n_projections, n_units;
    const size_t *source_n; /* [n_sources]: elements of each */
    const nc_population *population;
    const nc_projection *projection;
    const uint32_t *unit;   /* [n_units + 1]: members unit[u] .. unit[u + 1] */
    const uint32_t *member; /* [n_populations], in execution order within a unit */
    const uint8_t *loops;   /* [n_units]: 1 where the unit reads its own emissions */
} nc_network;

/* Events of many frames: frame f has idx and val from start[f] to start[f + 1]. start NULL: silence.
 * val NULL: all are 1 and every other element is +0. Else dense may hold all elements of all frames (-0
 * is one, but no event), which a maximum over values needs. */
typedef struct {
    const int64_t *start;
    const uint32_t *idx;
    const float *val;
    const float *dense;
    size_t frames, events; /* start has frames + 1 elements, idx events */
} nc_frames;

/* A worker's part of a population's event lists: depth + K frames, the first depth from before. */
typedef struct {
    uint32_t *idx;  /* [(depth + K) n + NC_SLACK], of any value at first */
    float *val;     /* likewise; NULL for binary populations */
    size_t *start;  /* [depth + K + 1] scratch */
} nc_segment;

/* What a node emitted. Sources read `fed` (B T frames), and `past`, B depth frames from before
 * step 0; populations have segments. */
typedef struct {
    size_t n;
    uint32_t depth;
    nc_frames fed, past;
    nc_segment *segment; /* [W] */
    float *dense;        /* [depth + K][n] scratch, populations that are not binary */
} nc_node;

/* ---- results, shared by all teams ---- */
typedef struct {
    float *const *state;   /* [n_states]: (B, n), initial in, final out */
    float *const *current; /* [n_ports]: (B, T, n) out, each may be NULL */
    uint8_t *spikes;       /* (B, T, n) out, binary populations, or NULL */
    float *values;         /* (B, T, n) out, the others, or NULL */
    float *membrane;       /* (B, T, n) out or NULL */
    uint32_t membrane_state; /* hot, lif: the state that is the membrane */
    float *history;        /* (B, depth, n) out, zeroed: emissions of the last steps, or NULL */
    int64_t *counts;       /* (W, B, T, 3) out, zeroed: to be added up over W */
    int64_t *overflow;     /* whole: (W, B, T, n_watches) likewise */
    const int32_t *clock;  /* whole: [B] steps since rest at step 0; NULL: 0 */
} nc_population_run;

typedef struct {
    const uint32_t *bias_from; /* [B]: the sample's first step with the bias; NULL: 0 */
    const int64_t *cut;        /* CSR: [W - 1][n_in], see nc_csr_cut: where worker 1, 2, ... begins */
    int64_t *counts;           /* (B, T, 8) out, zeroed */
} nc_projection_run;

/* ---- scratch of a team ---- */
enum { NC_QUIET = 1, NC_QUIET_ROWS = 2 };
typedef struct {
    float **base;       /* [W][n_registers], from the worker's first neuron on; the driver sets states */
    float *const *buffer; /* [n_ports]: [n, or the widest projection, padded]; relay: W times n */
    uint8_t *touched;   /* [n] */
    uint8_t *fired;     /* [n] */
    uint64_t *bits;     /* [K if fused or many_steps, nc_turned_at_once + W if turned, W if relay,
                           else 1][n / 64, rounded up] */
    uint32_t *tally;    /* [W][K][2] fused, many_steps */
    uint64_t *when;     /* many_steps: [W][n_in] zeroed: steps in which a source fires */
    int16_t *sums;      /* many_steps: [n][NC_STEPS] zeroed */
    uint64_t *fed;      /* many_steps: [n] zeroed */
    float *turned_state; /* turned: [2][n, padded] */
    uint8_t *quiet;     /* [W][NC_LINE], the first of each: NC_QUIET where the last step had no event
                           and changed nothing in the worker's range, NC_QUIET_ROWS where in its output
                           rows of a `turned` population */
} nc_population_scratch;

typedef struct {
    size_t sums;     /* convolution: elements of acc */
    void *acc;       /* convolution: NC_UNTOUCHED floats, room for 64-bit integers */
    uint32_t *dirty; /* convolution: [oh][2], each (ow, 0) */
} nc_projection_scratch;

typedef struct {
    size_t batch, chunk; /* of the run for which the scratch was made */
    uint32_t workers;    /* likewise */
    size_t at_sample, at_step; /* where the next call goes on; step 0: with the next sample to begin */
    nc_status status;          /* where it is not NC_OK, the team has stopped for good, at at_sample */
    uint32_t at_projection;    /* out, where the status is not NC_OK */
    nc_node *node;
    nc_population_scratch *population;
    nc_projection_scratch *projection;
    float *part;     /* [widest n_out, padded] */
    int64_t *exact;  /* likewise */
    nc_span *span;   /* [W][K][W] */
    /* of the workers' waiting, zero at first; in lines of their own, as all wait for them */
    uint8_t apart[NC_LINE];
    uint32_t arrived;
    uint8_t apart_too[NC_LINE];
    uint32_t round;
    int32_t stop;
    uint8_t beyond[NC_LINE];
} nc_team;

typedef struct {
    size_t batch, steps, chunk;
    uint32_t teams, workers;
    uint32_t version;          /* of the wide loops */
    size_t next_sample;        /* the first that no team has begun; 0 at first; batch after a failure */
    int64_t frames_done;       /* out: (sample, step) pairs finished by all teams, this call included;
                                  chunks that fail are not */
    nc_team *team;
    nc_population_run *population;
    nc_projection_run *projection;
} nc_run;

/* Runs until everything is done (frames_done == batch steps) or, looking after every chunk,
 * `seconds` are over; 0: one chunk a team. What fails is told when no sample before it is going on: of
 * the first sample and step that fail, whatever the teams and chunks. */
nc_status nc_advance(const nc_network *network, nc_run *run, double seconds);
/* Callers may have asked the processor to take subnormals for zero, or to round otherwise: puts that
 * aside for this thread on x86-64 (elsewhere nothing), and returns it for nc_give_back. The driver does
 * so for its own threads and calls. */
uint32_t nc_plain_arithmetic(void);
void nc_give_back(uint32_t before);
/* The best version of the wide loops that this processor runs. */
uint32_t nc_best_version(void);
/* cdef end */

/* ---- nc_project.c, nc_step.c ---- */
typedef struct {
    nc_status status;
    uint32_t where; /* at_projection */
    size_t step;
} nc_trouble;
typedef struct {
    const nc_network *network;
    nc_run *run;
    nc_team *team;
    const nc_wide *wide;
    uint32_t me;              /* which worker */
    void (*wait)(nc_team *, uint32_t workers); /* NULL: the only worker */
    nc_trouble *trouble;      /* the worker's own; NULL: the team is told at once */
} nc_worker;
typedef struct {
    size_t first, end; /* neurons; first is a multiple of 64 */
} nc_range;
/* Where a projection's sums say which targets were touched. */
typedef enum {
    NC_TOUCH_NONE,
    NC_TOUCH_ALL,
    NC_TOUCH_MARKS,
    NC_TOUCH_FLAGS,
    NC_TOUCH_NONZERO /* sums that are not 0 */
} nc_touch;
/* The rows of one block of targets, cut to the worker's range. */
nc_csr nc_rows_of(const nc_worker *w, uint32_t index, nc_range range, size_t block);
/* The sums of the projection of a `summed` population, of ones; with `track`, such as say what was
 * touched. Float sums stand in out. Returns how many weights it added. */
int64_t nc_sparse_sums(const nc_worker *w, uint32_t index, const nc_span *span, nc_range range, int track,
                    float *out, nc_sums *sums);
/* 1 where a convolution's sums of these events are float sums that mark what they touch. */
int nc_conv_marks(const nc_projection *p, const nc_span *span);

nc_range nc_range_of(const nc_population *p, uint32_t worker, uint32_t workers);
/* How many steps of a `turned` population are updated before their spikes are listed: with several
 * workers, which have to wait for one another in between, all of a chunk. */
size_t nc_turned_at_once(const nc_run *run);
/* One projection in one step: targets in `range` of `out`. With `track`, says in *touch how touched
 * targets are marked; NC_TOUCH_MARKS: sums that are NC_UNTOUCHED may stand in `out` (always to be
 * unmarked). `dense` holds all elements of the source where its events have values. */
nc_status nc_project(const nc_worker *w, uint32_t index, const nc_span *span, const float *dense,
                     nc_range range, int track, float *out, uint8_t *touched, nc_touch *touch);
/* The next chunk of the team's sample. */
void nc_run_chunk(const nc_worker *w, size_t sample, size_t first, size_t end);
void nc_begin_sample(const nc_worker *w, size_t sample);

#endif
