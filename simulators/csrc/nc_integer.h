/* Integer networks: programs of int32 registers, Loihi's LIF as loops of its own, whole sums.
 *
 * Every result is taken modulo 2^32, as two's complement has it. Events keep their values as floats,
 * which hold whole numbers up to 2^24 in magnitude. Buffers, states, currents and membranes of integer
 * populations hold int32 where the declarations in nc_driver.h say float.
 */
#ifndef NC_INTEGER_H
#define NC_INTEGER_H

#include "nc_kernel.h"

/* cdef begin */
#define NC_MOST_GRADED 16777216 /* the largest magnitude of an event's value */
#define NC_FULL_DECAY 4096

/* Operations that floats do not have; DIV and FLOOR are not for integers. Numbers of places are taken
 * modulo 32. */
enum {
    NC_SHIFT_LEFT = 32, /* a 2^b */
    NC_SHIFT_RIGHT,     /* floor(a / 2^b) */
    NC_SCALE,           /* a b / 2^c toward zero, the product in 64 bits */
    NC_MOD              /* a - b floor(a / b); 0 where b is 0 */
};

/* What an integer program has beside what nc_program says. */
typedef struct {
    uint32_t n_watches;
    const uint32_t *watch; /* [n_watches] registers */
    const int32_t *most;   /* [n_watches] magnitudes beyond it are counted; not negative */
    int32_t has_clock;
    uint32_t clock;        /* register of one block for all neurons: steps since rest, this one too */
} nc_integer;
/* One step of n neurons, as nc_program_step. overflow[n_watches] is added to; *large becomes 1 where a
 * value is too large for an event. */
size_t nc_integer_step(const nc_program *program, const nc_integer *integer, float *const *base,
                       const uint8_t *step, size_t n, float *emitted, uint8_t *fired,
                       int32_t *membrane, int64_t *overflow, int *large);

/* programs/loihi_lif.py and loihi_lif_reset.py. Parameters are one element each, or (per_neuron == 1) one
 * a neuron, padded to whole blocks of 64. */
typedef struct {
    int32_t per_neuron;
    const int32_t *keep_u, *keep_v; /* 4096 - decay: 0 .. 4096 */
    const int32_t *theta, *bias;    /* at full scale */
    int32_t interval, offset; /* u = v = 0 first where steps mod interval is offset; interval 0: never */
} nc_lif;

/* A population of them, fed by one dense projection, over many frames: as nc_dense_run. */
typedef struct {
    const nc_dense *dense;
    const nc_lif *lif;
    int32_t exponent;          /* sums times 2^exponent; where it is negative, rounded down */
    int32_t clock;             /* steps since rest, of the first frame */
    size_t n, first, end;      /* neurons; blocks first .. end - 1 of them are run */
    size_t frames, spans;
    const nc_span *span;       /* [frames][spans], all values 1 */
    const uint64_t *always;    /* [blocks] bits of neurons updated whatever arrives; NULL: none */
    int32_t *u, *v;            /* [n] */
    int reached;               /* NC_REACHED_... */
    uint64_t *fired;           /* [frames][stride] out; in: see `reached` */
    size_t stride;
    uint32_t *counts;          /* [frames][2] in and out: updates by input, changes */
    int64_t *overflow;         /* [frames][3] in and out: inputs beyond 16 bits, currents and membranes
                                  beyond 24 */
} nc_lif_run;

/* One step of neurons first .. end - 1, first a multiple of 64; a[padded to 64], u[], v[] and fired[] start
 * at neuron 0. */
typedef struct {
    const nc_lif *lif;
    int32_t clock;
    size_t first, end;
    const int32_t *a;
    int32_t *u, *v;
    uint64_t *fired;           /* out */
    int64_t *overflow;         /* [3] in and out */
} nc_lif_step;

/* The loops that come in versions, as nc_wide. */
typedef struct {
    /* Blocks first .. end - 1 of out[blocks * 64] = sums of the rows of events whose values are all 1. */
    void (*dense_sum)(const nc_dense *d, const nc_span *span, size_t spans, size_t first, size_t end,
                      int32_t *out);
    void (*lif_run)(const nc_lif_run *run);
    size_t (*lif_step)(const nc_lif_step *step); /* returns how many have a state that changed */
} nc_whole;
/* Of a version that nc_wide_version knows. */
const nc_whole *nc_whole_version(uint32_t version);
/* cdef end */

extern const nc_whole nc_whole_base, nc_whole_avx2, nc_whole_avx512;
#define NC_WHOLE_TABLE(SUFFIX)                                                                   \
    {                                                                                            \
        .dense_sum = nc_whole_dense_sum_##SUFFIX, .lif_run = nc_lif_run_##SUFFIX,                \
        .lif_step = nc_lif_step_##SUFFIX,                                                        \
    }

static inline int32_t nc_shifted(int32_t value, int32_t exponent) { /* -31 .. 31 */
    return exponent >= 0 ? (int32_t)((uint32_t)value << exponent) : value >> -exponent;
}
static inline int32_t nc_modulo(int32_t a, int32_t b) {
    if (b == 0) return 0;
    const int64_t rest = (int64_t)a % b;
    return (int32_t)(rest != 0 && (rest < 0) != (b < 0) ? rest + b : rest);
}
static inline int nc_clears(const nc_lif *lif, int32_t clock) {
    return lif->interval != 0 && nc_modulo(clock, lif->interval) == lif->offset;
}

#endif
