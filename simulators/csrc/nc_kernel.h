/* The event kernel: what one projection and one neuron program do in one step, or in many.
 *
 * C11 with the vector extensions of gcc and clang, freestanding: no allocation, no I/O, no globals but
 * constant tables, nothing from libc but memcpy and memset; little-endian. All buffers belong to the
 * caller, who checks their sizes; nothing here can fail.
 *
 * Words used below
 *   events     idx[count] ascending source indices, each < n_in; val[count] their values, nonzero;
 *              val == NULL means that every value is 1
 *   acc        one accumulator per target, read and written; sources are added in ascending order,
 *              one rounding per addition (compile with -ffp-contract=off)
 *   untouched  a sum is NC_UNTOUCHED (-0) where no event arrived through a nonzero weight: no sum of
 *              floats that starts at -0 and is given anything but -0 ends there
 *   touched    one byte per target, set to 1 where an event arrived through a nonzero weight
 * Suffixes name weights, then accumulators: _f32; _i8_i32, _i16_i32 (exact while the caller keeps
 * count * |w| * |val| below 2^31); _i8_i64, _i16_i64 (below 2^63); _i8_f32, _i16_f32 (each weight is
 * converted to float). Values are converted to the accumulator's type, toward zero.
 * No two arguments of a call may overlap unless a comment says so.
 */
#ifndef NC_KERNEL_H
#define NC_KERNEL_H

#include <stddef.h>
#include <stdint.h>

#define NC_UNTOUCHED (-0.0f)
#define NC_TINY_BITS 0x0D800000 /* of 2^-100: a membrane below it may decay to a subnormal */

/* cdef begin */
#define NC_BLOCK 128       /* neurons the interpreter takes at once */
#define NC_COLUMNS 64      /* columns of a block of a dense matrix, neurons of a block of flags */
#define NC_STEPS 64        /* steps that sparse rows are added for at once */
#define NC_LINE 64         /* bytes of a cache line: what two threads write lies that far apart */
#define NC_SLACK 16        /* elements that an event list may be written beyond its end */
#define NC_CSR_BLOCK 65536 /* targets of a block of a sparse matrix */

enum { NC_F32, NC_I8, NC_I16 };

typedef struct {
    const uint32_t *idx;
    const float *val; /* NULL: ones */
    size_t count;
} nc_span;

/* ---- dense: blocks of 64 columns, in each the rows of all sources: weights[block][n_in][64]; the
 * columns beyond n_out have weight 0. float32: column after column. int8: 32 words of 16 bits, word k
 * holds the weight of column k plus 128 in its low byte and that of column 32 + k in its high byte;
 * int16: likewise, 32 words of 32 bits, 32768. ---- */
typedef struct {
    int32_t type;
    size_t n_in, n_out, blocks;
    float scale;          /* of integer weights, else 1 */
    const void *weights;
    const uint64_t *mask; /* [n_in][blocks] bit k: weight of column k is not 0; NULL: see weights */
    int32_t full;         /* there is a mask, and no weight of the n_out columns is 0 */
} nc_dense;
/* The bits of one row of one block, from the weights. */
uint64_t nc_dense_nonzero(const nc_dense *d, size_t block, size_t source);
/* The plain loops: acc[blocks * 64] += weights * val, natural order of columns. */
void nc_dense_f32(const nc_dense *d, const nc_span *span, float *acc);
void nc_dense_i8_i32(const nc_dense *d, const nc_span *span, int32_t *acc);
void nc_dense_i16_i32(const nc_dense *d, const nc_span *span, int32_t *acc);
void nc_dense_i8_i64(const nc_dense *d, const nc_span *span, int64_t *acc);
void nc_dense_i16_i64(const nc_dense *d, const nc_span *span, int64_t *acc);
void nc_dense_i8_f32(const nc_dense *d, const nc_span *span, float *acc);
void nc_dense_i16_f32(const nc_dense *d, const nc_span *span, float *acc);
/* Bits of the columns of a block that a nonzero weight of some event reaches; those beyond n_out do not
 * count. */
uint64_t nc_dense_reached(const nc_dense *d, size_t block, const nc_span *span, size_t spans);

/* ---- CSR, one block of targets: row i is targets[k], weights[k], k in begin[i] .. end[i];
 * acc[0] is the block's first target. The sums return how many weights they add. ---- */
typedef struct {
    const int64_t *begin, *end;
    const uint16_t *targets;
    const void *weights;
} nc_csr;
int64_t nc_csr_f32(const nc_csr *m, const nc_span *span, float *acc);
int64_t nc_csr_i8_i32(const nc_csr *m, const nc_span *span, int32_t *acc);
int64_t nc_csr_i16_i32(const nc_csr *m, const nc_span *span, int32_t *acc);
int64_t nc_csr_i8_i64(const nc_csr *m, const nc_span *span, int64_t *acc);
int64_t nc_csr_i16_i64(const nc_csr *m, const nc_span *span, int64_t *acc);
int64_t nc_csr_i8_f32(const nc_csr *m, const nc_span *span, float *acc);
int64_t nc_csr_i16_f32(const nc_csr *m, const nc_span *span, float *acc);
/* Every value 1, no weight 0: acc += weight + unit, sum and number of events in one word, which is 0
 * where no event arrived. */
int64_t nc_csr_i8_packed(const nc_csr *m, const nc_span *span, int32_t unit, int32_t *acc);
int64_t nc_csr_i16_packed(const nc_csr *m, const nc_span *span, int32_t unit, int32_t *acc);
/* Sets touched[] of the targets of nonzero weights of this type. */
void nc_csr_touch(const nc_csr *m, int32_t type, const nc_span *span, uint8_t *touched);
/* cut[i]: the first k of row i whose target is not below `target`. */
void nc_csr_cut(const nc_csr *m, size_t n_in, uint32_t target, int64_t *cut);

/* ---- routes: acc[targets[k]] = val, k in indptr[i] .. indptr[i + 1], for zeroed acc[n_out]: every
 * target has one source or none ---- */
void nc_route_f32(const int64_t *indptr, const int32_t *targets, const uint32_t *idx,
                  const float *val, size_t count, float *acc);
void nc_route_touch(const int64_t *indptr, const int32_t *targets, const uint32_t *idx,
                    size_t count, uint8_t *touched);

/* ---- diagonal: weights[n], acc[n] ---- */
void nc_diagonal_f32(const float *weights, const uint32_t *idx, const float *val, size_t count,
                     float *acc);
void nc_diagonal_i8_i32(const int8_t *weights, const uint32_t *idx, const float *val, size_t count,
                        int32_t *acc);
void nc_diagonal_i16_i32(const int16_t *weights, const uint32_t *idx, const float *val,
                         size_t count, int32_t *acc);
void nc_diagonal_i8_i64(const int8_t *weights, const uint32_t *idx, const float *val, size_t count,
                        int64_t *acc);
void nc_diagonal_i16_i64(const int16_t *weights, const uint32_t *idx, const float *val,
                         size_t count, int64_t *acc);
void nc_diagonal_i8_f32(const int8_t *weights, const uint32_t *idx, const float *val, size_t count,
                        float *acc);
void nc_diagonal_i16_f32(const int16_t *weights, const uint32_t *idx, const float *val,
                         size_t count, float *acc);

/* ---- identity: acc[i] = val, for zeroed acc[n]. nonzero[n] as above, NULL: all ---- */
void nc_identity_f32(const uint32_t *idx, const float *val, size_t count, float *acc);
void nc_identity_touch(const uint8_t *nonzero, const uint32_t *idx, size_t count, uint8_t *touched);

/* ---- sliding windows over (channels, h, w) -> (channels_out, oh, ow); one axis has h = 1.
 * Input row y is read by taps row_tap[k] of output rows row_out[k], k in row_start[y] ..
 * row_start[y + 1], outputs ascending; columns likewise. So stride, padding, dilation and borders are
 * in these tables: (h + 1) and (w + 1) starts, at most h * kh and w * kw entries. ---- */
typedef struct {
    uint32_t c, y, x;
} nc_place;
typedef struct {
    uint32_t c_in, h, w, c_out, oh, ow, kh, kw;
    uint32_t groups;       /* c_in and c_out are multiples of it */
    uint32_t out_stride;   /* elements of one (position, group) row: >= c_out / groups, 4 divides it */
    uint32_t runs;         /* 1: one group, and the columns an input reaches follow one another, as do
                              their taps, which are numbered from the right (kw - 1 - tap) */
    const uint32_t *row_start, *row_tap, *row_out;
    const uint32_t *col_start, *col_tap, *col_out;
    uint32_t row_entries, col_entries; /* elements of row_tap and row_out, of col_tap and col_out */
    const nc_place *place; /* [c_in * h * w] */
    const uint32_t *only;  /* pools: [c_in * h * w] the one window that sees an input, or UINT32_MAX;
                              NULL: some input is seen by several */
} nc_window;

/* ---- convolution: weights[c_in][kh][kw][out_stride], columns of taps from the right (channel c of
 * group g holds the weights to the outputs of g); acc[oh * ow][groups][out_stride] and
 * dirty[oh][2] in and out: position-major. Before the first call of a step acc is NC_UNTOUCHED (or 0
 * for integers) and dirty (ow, 0): no column. A flush empties them again; where none follows, the
 * dirty of _sum may be NULL. ----
 * Integer accumulators are the plain loops, for sums that float32 does not hold; so is _naive_f32.
 * Zero weights are -0, so that they leave a sum untouched. */
void nc_conv_naive_f32(const nc_window *g, const float *weights, const nc_span *span, float *acc,
                       uint32_t *dirty);
void nc_conv_i32(const nc_window *g, const float *weights, const nc_span *span, int32_t *acc,
                 uint32_t *dirty);
void nc_conv_i64(const nc_window *g, const float *weights, const nc_span *span, int64_t *acc,
                 uint32_t *dirty);
/* out[c_out][oh * ow] = (float)acc * scale, every element; acc and dirty become empty. */
void nc_conv_flush_i32(const nc_window *g, float scale, int32_t *acc, uint32_t *dirty, float *out);
void nc_conv_flush_i64(const nc_window *g, float scale, int64_t *acc, uint32_t *dirty, float *out);
/* touched[c_out][oh * ow], from the events. */
void nc_conv_touch(const nc_window *g, const float *weights, const uint32_t *idx, size_t count,
                   uint8_t *touched);

/* ---- pooling: c_out == c_in; acc, out, touched [c_out][oh * ow] ---- */
void nc_pool_sum_f32(const nc_window *g, const uint32_t *idx, const float *val, size_t count,
                     float *acc);
void nc_pool_touch(const nc_window *g, const uint32_t *idx, size_t count, uint8_t *touched);
/* Binary events: zeroed out becomes 1 where a window holds one. */
void nc_max_pool_events(const nc_window *g, const uint32_t *idx, size_t count, float *out);
/* Any values x[c_in][h][w]: the first of equals is kept, padding never wins. */
void nc_max_pool_f32(const nc_window *g, const uint32_t *stride, const uint32_t *padding,
                     const uint32_t *dilation, const float *x, float *out);

/* ---- whole vectors of n elements ---- */
void nc_add_f32(size_t n, const float *part, float *total);             /* total += part */
void nc_divide_f32(size_t n, float divisor, float *total);              /* total /= divisor */
void nc_divide_planes_f32(size_t planes, size_t n, const float *divisors, float *total); /* each */
void nc_scale_f32(size_t n, float scale, float *total);                 /* total *= scale */
void nc_scale_i64(size_t n, float scale, const int64_t *acc, float *out); /* (float)acc * scale */
void nc_or_u8(size_t n, const uint8_t *flags, uint8_t *touched);        /* touched |= flags */
size_t nc_count_u8(size_t n, const uint8_t *flags);                     /* how many are 1 */
int nc_at_least_f32(size_t n, const float *val, float limit); /* 1 where every val >= limit and finite */
int nc_within_f32(size_t n, const float *val, float limit); /* 1 where every |val| <= limit */

/* ---- event lists: idx[n], val[n] out; returns the count ---- */
/* How many of n are not 0; touched[n], unless NULL, is set there. */
size_t nc_nonzero_f32(size_t n, const float *x, uint8_t *touched);
uint32_t nc_bits_set(uint64_t bits);
/* One byte, 0 or 1, for each of n bits. */
void nc_bytes_of_bits(size_t n, const uint64_t *flags, uint8_t *bytes);
size_t nc_events_of_u8(size_t n, const uint8_t *fired, uint32_t *idx);

/* ---- counting: fan[n_in] summed over events; NULL: each source has `each`. The entries are unsigned,
 * of `width` 1, 2 or 4 bytes: of tables that events meet here and there, few lines stay in a cache ---- */
typedef struct {
    const void *fan;
    int64_t each;
    uint32_t width;
} nc_fanout;
/* Adds to row[8]: (unit, other) x (events, nominal, effective, model). A unit event is -1 or 1. */
void nc_count_events(const nc_fanout tables[3], const uint32_t *idx, const float *val, size_t count,
                     int64_t *row);
/* The same of unit events, whose fan-outs are `fan` in all by the tables of which `stored` has the bit. */
void nc_count_stored(const nc_fanout tables[3], uint32_t stored, const uint32_t *idx, size_t count,
                     int64_t fan, int64_t *row);

/* ---- neuron programs ---- */
enum {
    NC_ADD, NC_SUB, NC_MUL, NC_GT, NC_GE, NC_SELECT, NC_COPY,
    NC_DIV, NC_MAX, NC_MIN, NC_FLOOR, NC_ABS, NC_NEG, NC_LT, NC_LE, NC_EQ, NC_NE
};
typedef struct {
    int32_t op;
    uint32_t out, a, b, c; /* registers; b and c are 0 where the operation has fewer arguments */
} nc_instruction;
/* registers: base[r] points at neuron 0 (step[r] == 1: one element a neuron) or at a block of
 * NC_BLOCK elements that serves every neuron (step[r] == 0: shared parameters, temporaries).
 * Each register is written once, states are read-only until the end of a block. */
typedef struct {
    uint32_t n_instructions, n_states;
    const nc_instruction *body;
    const uint32_t *state; /* [n_states] register of the state's old value: base is written */
    const uint32_t *next;  /* [n_states] register of its new value, never a state's own register */
    uint32_t emit;
    uint32_t membrane;
    uint32_t winner;       /* register by which the neurons compete, where `competes` */
    int32_t competes;
} nc_program;
/* The place of the largest value, the first of equals; NaN counts as the largest. n > 0. */
size_t nc_first_largest_f32(size_t n, const float *values);
/* One step of n neurons. Where they compete, all but the winner emit +0. Out, each may be NULL: emitted[n], fired[n] (1 where emitted is not 0),
 * membrane[n]. Returns how many neurons have a state whose bits changed. */
size_t nc_program_step(const nc_program *program, float *const *base, const uint8_t *step, size_t n,
                       float *emitted, uint8_t *fired, float *membrane);

/* ---- hot programs: the membrane neurons that are met most, the same bits as the interpreter ---- */
enum { /* how the membrane is reset: one of these, plus the options below */
    NC_NO_RESET,
    NC_ZERO_SAME,     /* in the step of the spike */
    NC_SUBTRACT_SAME,
    NC_ZERO_NEXT,     /* one step later, before the decay */
    NC_SUBTRACT_NEXT,
    NC_ZERO_DISCARD,  /* one step later, with all that arrives then */
    NC_HOT_RESET = 7,
    NC_HOT_CURRENT = 8, /* a synaptic current before the membrane */
    NC_HOT_LEAK = 16,   /* a constant is added every step */
    NC_HOT_EQUAL = 32   /* fires at the threshold too */
};
/* Parameters are one element each, or (per_neuron == 1) one a neuron, padded to whole blocks of 64.
 * still_*: bits of the largest magnitude up to which decay * v is v for every v. */
typedef struct {
    int32_t form;
    int32_t per_neuron;
    const float *alpha, *beta, *theta, *leak;
    const int32_t *still_alpha, *still_beta;
} nc_hot;
/* The largest m <= 2^23 for which decay * (k 2^-149) is k 2^-149 for every k <= m, for decays in 0.5 ..
 * 1; 0 for all others, which is always safe. */
int32_t nc_still(float decay);

/* What is known beforehand of whom the events of a dense run reach: nothing (0), or the bits in `fired`, where
 * there are events, or those and the updates by input, which are in the counts. */
enum { NC_REACHED_BITS = 1, NC_REACHED_COUNTED };

/* A population of hot neurons, fed by one dense projection, over many frames. */
typedef struct {
    const nc_dense *dense;
    const nc_hot *hot;
    size_t n, first, end;      /* neurons; blocks first .. end - 1 of them are run */
    size_t frames, spans;
    size_t eventful;           /* from this frame on nothing arrives */
    const nc_span *span;       /* [frames][spans], all values 1 */
    const float *bias;         /* [blocks * 64] or NULL */
    size_t bias_from;          /* first frame that adds it */
    const uint64_t *always, *always_biased; /* [blocks]: bits of neurons updated whatever arrives,
                                  without and with the bias; NULL: none */
    float *v, *i;              /* [n] */
    int reached;               /* NC_REACHED_... */
    uint64_t *fired;           /* [frames][stride] out; in: see `reached` */
    size_t stride;
    uint32_t *counts;          /* [frames][2] in and out: updates by input, changes */
    size_t *until;             /* in and out: from this frame on nothing is counted, nothing fires */
} nc_dense_run;

/* A population of hot neurons over up to NC_STEPS steps, fed by the sums that csr_steps has left. */
typedef struct {
    const nc_hot *hot;
    size_t n, first, end;      /* neurons; blocks first .. end - 1 of them are run */
    size_t frames;             /* at most NC_STEPS */
    float scale;
    const int16_t *acc;        /* [n][NC_STEPS] */
    const uint64_t *fed;       /* [n] bit t: something arrives in step t */
    const float *bias;         /* further on as nc_dense_run */
    size_t bias_from;
    const uint64_t *always, *always_biased;
    float *v, *i;
    uint64_t *fired;
    size_t stride;
    uint32_t *counts;
} nc_steps_run;

/* Sums of one step and what is made of them, by neuron: packed (see scale_packed), or integers, or floats
 * that are NC_UNTOUCHED where nothing arrived; the others are NULL. */
typedef struct {
    const int32_t *packed, *whole;
    const float *floats;
    float scale;
    uint32_t shift; /* bits of a packed sum */
    const float *bias; /* or NULL */
} nc_sums;

/* One step of a population of hot neurons fed by one convolution, both in position-major order (neuron
 * place * c_out + channel): acc are the convolution's sums, empty again afterwards. */
typedef struct {
    const nc_hot *hot;      /* parameters of single neurons in this order */
    size_t first, end;      /* neurons; first is a multiple of 64, the last end n */
    float scale;
    float *acc;             /* [n, padded] */
    const float *bias;      /* [n, padded] in this order, or NULL */
    const uint64_t *always; /* [n / 64, rounded up] bits of neurons updated whatever arrives, or NULL */
    float *v, *i;           /* [n, padded] in this order; i NULL without a current */
    uint64_t *fired;        /* out */
    size_t *touched, *changed; /* out: how many */
} nc_turned_run;

/* ---- the loops that come in versions for several instruction sets, all giving the same bits ---- */
typedef struct {
    const char *name; /* NULL: not compiled for this processor family */
    void (*dense_sum)(const nc_dense *d, const nc_span *span, size_t spans, size_t first, size_t end,
                      float *out); /* blocks first .. end - 1 of out[blocks * 64] = scale * sums */
    /* nc_dense_reached of blocks first .. end - 1 in each of many frames: span[frames][spans],
     * hit[frames][stride] from block 0 on, and counts[frames][2], unless NULL: how many neurons are reached is
     * added to the first of each. Returns NC_REACHED_..., or 0 and does nothing where there is no gain:
     * without a mask, or where all is reached at once. */
    int (*reached_frames)(const nc_dense *d, size_t first, size_t end, const nc_span *span, size_t spans,
                          size_t frames, uint64_t *hit, size_t stride, uint32_t *counts);
    void (*dense_run)(const nc_dense_run *run);
    /* Neurons first .. end - 1, first a multiple of 64; x[padded to 64], v[], i[] and fired[] start at
     * neuron 0. Returns how many have a state whose bits changed. */
    size_t (*hot_step)(const nc_hot *hot, size_t first, size_t end, const float *x, float *v, float *i,
                       uint64_t *fired);
    /* Output rows first .. end - 1 of acc; `dirty` may be NULL. */
    void (*conv_sum)(const nc_window *g, const float *weights, const nc_span *span, uint32_t first,
                     uint32_t end, float *acc, uint32_t *dirty);
    void (*conv_flush)(const nc_window *g, float scale, float *acc, uint32_t *dirty, float *out);
    /* Untouched sums become +0; returns how many were touched, and sets touched[] unless NULL. */
    size_t (*unmark)(size_t n, float *x, uint8_t *touched);
    /* acc[target][NC_STEPS] += weight in the steps (bits of steps[i]) in which source i fires; fed[target]
     * |= those steps. int8 weights, whose sums 16 bits hold. */
    void (*csr_steps)(const nc_csr *m, size_t n_in, const uint64_t *steps, int16_t *acc, uint64_t *fed);
    void (*steps_run)(const nc_steps_run *run);
    /* out = scale * sum + bias of neurons first .. end - 1; returns how many were touched (whole: 0). */
    size_t (*sums_in)(const nc_sums *sums, size_t first, size_t end, float *out);
    void (*turned_step)(const nc_turned_run *run);
    /* The places and values of what is not zero; returns how many. idx and val have room for NC_SLACK
     * elements more. */
    size_t (*events_of_f32)(size_t n, const float *dense, uint32_t *idx, float *val);
    /* The places of the set bits of flags[words], plus 64 `first`. Room as above. */
    size_t (*events_of_bits)(size_t words, size_t first, const uint64_t *flags, uint32_t *idx);
    void (*scale_i32)(size_t n, float scale, const int32_t *acc, float *out); /* (float)acc * scale */
    /* Packed sums: out = (the low `shift` bits of acc, signed) * scale, or NC_UNTOUCHED where acc is 0. */
    void (*scale_packed)(size_t n, float scale, uint32_t shift, const int32_t *acc, float *out);
} nc_wide;
/* Version 0 is portable; higher ones need more of the processor. NULL: there is none. */
const nc_wide *nc_wide_version(uint32_t version);
/* cdef end */

/* The sum in a packed one; `shift` of 1 .. 30 bits. */
static inline int32_t nc_unpacked(int32_t packed, uint32_t shift) {
    return (int32_t)((uint32_t)packed << (32 - shift)) >> (32 - shift);
}

extern const nc_wide nc_wide_base, nc_wide_avx2, nc_wide_avx512;
#define NC_WIDE_TABLE(NAME, SUFFIX)                                                              \
    {                                                                                            \
        .name = (NAME), .dense_sum = nc_dense_sum_##SUFFIX, .dense_run = nc_dense_run_##SUFFIX,  \
        .reached_frames = nc_reached_frames_##SUFFIX,                                            \
        .hot_step = nc_hot_step_##SUFFIX, .conv_sum = nc_conv_sum_##SUFFIX,                      \
        .conv_flush = nc_conv_flush_##SUFFIX, .unmark = nc_unmark_##SUFFIX,                      \
        .scale_packed = nc_scale_packed_##SUFFIX, .events_of_f32 = nc_events_of_f32_##SUFFIX,    \
        .scale_i32 = nc_scale_i32_##SUFFIX, .csr_steps = nc_csr_steps_##SUFFIX,                  \
        .steps_run = nc_steps_run_##SUFFIX, .sums_in = nc_sums_in_##SUFFIX,                      \
        .events_of_bits = nc_events_of_bits_##SUFFIX, .turned_step = nc_turned_step_##SUFFIX,    \
    }

#endif
