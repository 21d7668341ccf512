/* The event kernel: what one projection and one neuron program do in one step.
 *
 * C11, freestanding: no allocation, no I/O, no globals, nothing from libc but memcpy and memset.
 * All buffers belong to the caller, who checks their sizes; nothing here can fail.
 *
 * Words used below
 *   events     idx[count] ascending source indices, each < n_in; val[count] their values, nonzero;
 *              val == NULL means that every value is 1
 *   acc        one accumulator per target, read and written; sources are added in ascending order,
 *              one rounding per addition (compile with -ffp-contract=off)
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

/* cdef begin */
#define NC_BLOCK 128      /* neurons the interpreter takes at once */
#define NC_ROW_MULTIPLE 16 /* dense rows and their accumulators are padded to this many elements */

/* ---- dense: weights[n_in][stride], stored by source; stride a multiple of NC_ROW_MULTIPLE.
 * acc[stride] in and out. The columns beyond n_out are padding (weights 0). ---- */
void nc_dense_f32(const float *weights, size_t stride, const uint32_t *idx, const float *val,
                  size_t count, float *acc);
void nc_dense_i8_i32(const int8_t *weights, size_t stride, const uint32_t *idx, const float *val,
                     size_t count, int32_t *acc);
void nc_dense_i16_i32(const int16_t *weights, size_t stride, const uint32_t *idx, const float *val,
                      size_t count, int32_t *acc);
void nc_dense_i8_i64(const int8_t *weights, size_t stride, const uint32_t *idx, const float *val,
                     size_t count, int64_t *acc);
void nc_dense_i16_i64(const int16_t *weights, size_t stride, const uint32_t *idx, const float *val,
                      size_t count, int64_t *acc);
void nc_dense_i8_f32(const int8_t *weights, size_t stride, const uint32_t *idx, const float *val,
                     size_t count, float *acc);
void nc_dense_i16_f32(const int16_t *weights, size_t stride, const uint32_t *idx, const float *val,
                      size_t count, float *acc);
/* nc_dense_f32 row by row: the plain statement of what its blocks must give. */
void nc_dense_naive_f32(const float *weights, size_t stride, const uint32_t *idx, const float *val,
                        size_t count, float *acc);
/* row_full[n_in]: 1 where every weight of the row is nonzero; mask[n_in][words]: bit j of a row is
 * set where weight j is nonzero; hit[words] scratch. Adds to touched[n_out].
 * Returns 1 where every target was touched (touched is then left as it was), else 0. */
int nc_dense_touch(const uint8_t *row_full, const uint64_t *mask, size_t words, const uint32_t *idx,
                   size_t count, size_t n_out, uint64_t *hit, uint8_t *touched);

/* ---- CSR: targets[k] < n_out and weights[k] for k in indptr[i] .. indptr[i + 1] ---- */
void nc_csr_f32(const int64_t *indptr, const int32_t *targets, const float *weights,
                const uint32_t *idx, const float *val, size_t count, float *acc);
void nc_csr_i8_i32(const int64_t *indptr, const int32_t *targets, const int8_t *weights,
                   const uint32_t *idx, const float *val, size_t count, int32_t *acc);
void nc_csr_i16_i32(const int64_t *indptr, const int32_t *targets, const int16_t *weights,
                    const uint32_t *idx, const float *val, size_t count, int32_t *acc);
void nc_csr_i8_i64(const int64_t *indptr, const int32_t *targets, const int8_t *weights,
                   const uint32_t *idx, const float *val, size_t count, int64_t *acc);
void nc_csr_i16_i64(const int64_t *indptr, const int32_t *targets, const int16_t *weights,
                    const uint32_t *idx, const float *val, size_t count, int64_t *acc);
void nc_csr_i8_f32(const int64_t *indptr, const int32_t *targets, const int8_t *weights,
                   const uint32_t *idx, const float *val, size_t count, float *acc);
void nc_csr_i16_f32(const int64_t *indptr, const int32_t *targets, const int16_t *weights,
                    const uint32_t *idx, const float *val, size_t count, float *acc);
/* nonzero[nnz]: 1 where the weight is not zero; NULL where none is zero. Adds to touched[n_out]. */
void nc_csr_touch(const int64_t *indptr, const int32_t *targets, const uint8_t *nonzero,
                  const uint32_t *idx, size_t count, uint8_t *touched);

/* acc[targets[k]] = val, for zeroed acc[n_out]: every target has one source or none. */
void nc_route_f32(const int64_t *indptr, const int32_t *targets, const uint32_t *idx,
                  const float *val, size_t count, float *acc);

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
 * row_start[y + 1], ascending; columns likewise. So stride, padding, dilation and borders are in
 * these tables: (h + 1) and (w + 1) starts, at most h * kh and w * kw entries. ---- */
typedef struct {
    uint32_t c_in, h, w, c_out, oh, ow, kh, kw;
    uint32_t groups;       /* c_in and c_out are multiples of it */
    uint32_t out_stride;   /* elements of one (position, group) row: >= c_out / groups */
    const uint32_t *row_start, *row_tap, *row_out;
    const uint32_t *col_start, *col_tap, *col_out;
} nc_window;

/* ---- convolution: weights[c_in][kh][kw][out_stride] (channel c of group g holds the weights
 * to the outputs of g); acc[oh * ow][groups][out_stride] and dirty[oh * ow][groups] in and out:
 * position-major, zero before the first call of a step; nc_conv_flush_* empties them again. ---- */
void nc_conv_f32(const nc_window *g, const float *weights, const uint32_t *idx, const float *val,
                 size_t count, float *acc, uint8_t *dirty);
void nc_conv_i8_i32(const nc_window *g, const int8_t *weights, const uint32_t *idx,
                    const float *val, size_t count, int32_t *acc, uint8_t *dirty);
void nc_conv_i16_i32(const nc_window *g, const int16_t *weights, const uint32_t *idx,
                     const float *val, size_t count, int32_t *acc, uint8_t *dirty);
void nc_conv_i8_i64(const nc_window *g, const int8_t *weights, const uint32_t *idx,
                    const float *val, size_t count, int64_t *acc, uint8_t *dirty);
void nc_conv_i16_i64(const nc_window *g, const int16_t *weights, const uint32_t *idx,
                     const float *val, size_t count, int64_t *acc, uint8_t *dirty);
void nc_conv_i8_f32(const nc_window *g, const int8_t *weights, const uint32_t *idx,
                    const float *val, size_t count, float *acc, uint8_t *dirty);
void nc_conv_i16_f32(const nc_window *g, const int16_t *weights, const uint32_t *idx,
                     const float *val, size_t count, float *acc, uint8_t *dirty);
/* out[c_out][oh * ow] = (float)acc * scale, every element; acc and dirty become zero. */
void nc_conv_flush_f32(const nc_window *g, float scale, float *acc, uint8_t *dirty, float *out);
void nc_conv_flush_i32(const nc_window *g, float scale, int32_t *acc, uint8_t *dirty, float *out);
void nc_conv_flush_i64(const nc_window *g, float scale, int64_t *acc, uint8_t *dirty, float *out);
/* Every weight nonzero: dirty positions are touched. Call it before the flush. */
void nc_conv_touch_dirty(const nc_window *g, const uint8_t *dirty, uint8_t *touched);
/* Some weight zero: nonzero[c_in][kh][kw][out_stride] says which; works from the events. */
void nc_conv_touch(const nc_window *g, const uint8_t *nonzero, const uint32_t *idx, size_t count,
                   uint8_t *touched);

/* ---- pooling: c_out == c_in; acc, out, touched [c_out][oh * ow] ---- */
void nc_pool_sum_f32(const nc_window *g, const uint32_t *idx, const float *val, size_t count,
                     float *acc);
void nc_pool_touch(const nc_window *g, const uint32_t *idx, size_t count, uint8_t *touched);
/* Binary events: out is 1 where a window holds one, else 0. */
void nc_max_pool_events(const nc_window *g, const uint32_t *idx, size_t count, float *out);
/* Any values x[c_in][h][w]: the first of equals is kept, padding never wins. */
void nc_max_pool_f32(const nc_window *g, const uint32_t *stride, const uint32_t *padding,
                     const uint32_t *dilation, const float *x, float *out);

/* ---- whole vectors of n elements ---- */
void nc_add_f32(size_t n, const float *part, float *total);             /* total += part */
void nc_divide_f32(size_t n, float divisor, float *total);              /* total /= divisor */
void nc_divide_planes_f32(size_t planes, size_t n, const float *divisors, float *total); /* each */
void nc_scale_f32(size_t n, float scale, float *total);                 /* total *= scale */
void nc_scale_i32(size_t n, float scale, const int32_t *acc, float *out); /* (float)acc * scale */
void nc_scale_i64(size_t n, float scale, const int64_t *acc, float *out);
void nc_or_u8(size_t n, const uint8_t *flags, uint8_t *touched);        /* touched |= flags */
size_t nc_count_u8(size_t n, const uint8_t *flags);                     /* how many are 1 */
int nc_within_f32(size_t n, const float *val, float limit); /* 1 where every |val| <= limit */

/* ---- event lists: idx[n], val[n] out; returns the count ---- */
size_t nc_events_of_u8(size_t n, const uint8_t *fired, uint32_t *idx);
size_t nc_events_of_f32(size_t n, const float *dense, uint32_t *idx, float *val);

/* ---- counting: fan[n_in] summed over events; NULL: each source has `each` ---- */
typedef struct {
    const int64_t *fan;
    int64_t each;
} nc_fanout;
/* row[8] out: (unit, other) x (events, nominal, effective, model). A unit event is -1 or 1. */
void nc_count_events(const nc_fanout tables[3], const uint32_t *idx, const float *val, size_t count,
                     int64_t *row);

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

/* Hot programs, hand-written; the same bits as the interpreter. The parameters are one float each
 * (per_neuron == 0) or n (per_neuron == 1). Port x[n]; v[n], i[n] in and out; fired[n] out. */
enum {
    NC_FORM_NONE, /* not hot: use the interpreter */
    NC_LIF_ZERO_NEXT,
    NC_LIF_SUBTRACT_NEXT,
    NC_LIF_ZERO_SAME,
    NC_LIF_SUBTRACT_SAME,
    NC_CUBA_SUBTRACT_NEXT,
    NC_CUBA_ZERO_NEXT_DISCARD,
    NC_CUBA_ZERO_SAME
};
size_t nc_lif_step(int32_t form, int32_t per_neuron, size_t n, const float *beta,
                   const float *theta, const float *x, float *v, uint8_t *fired);
size_t nc_cuba_step(int32_t form, int32_t per_neuron, size_t n, const float *alpha,
                    const float *beta, const float *theta, const float *x, float *i, float *v,
                    uint8_t *fired);
/* cdef end */

#endif
