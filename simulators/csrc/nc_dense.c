/* Dense rows: acc[j] += weights[i][j] * val for every event i. */
#include "nc_kernel.h"

#include <string.h>

/* Row by row: the accumulator is read and written once an event. */
#define NC_DENSE_NAIVE(NAME, W, A)                                                               \
    void NAME(const W *restrict weights, size_t stride, const uint32_t *restrict idx,            \
              const float *restrict val, size_t count, A *restrict acc) {                        \
        for (size_t k = 0; k < count; k++) {                                                     \
            const W *restrict row = weights + (size_t)idx[k] * stride;                           \
            if (val == NULL) {                                                                   \
                for (size_t j = 0; j < stride; j++) acc[j] += (A)row[j];                         \
            } else {                                                                             \
                const A x = (A)val[k];                                                           \
                for (size_t j = 0; j < stride; j++) acc[j] += (A)row[j] * x;                     \
            }                                                                                    \
        }                                                                                        \
    }
NC_DENSE_NAIVE(nc_dense_naive_f32, float, float)
NC_DENSE_NAIVE(nc_dense_i8_i32, int8_t, int32_t)
NC_DENSE_NAIVE(nc_dense_i16_i32, int16_t, int32_t)
NC_DENSE_NAIVE(nc_dense_i8_i64, int8_t, int64_t)
NC_DENSE_NAIVE(nc_dense_i16_i64, int16_t, int64_t)
NC_DENSE_NAIVE(nc_dense_i8_f32, int8_t, float)
NC_DENSE_NAIVE(nc_dense_i16_f32, int16_t, float)

#if defined(__GNUC__)
/* By column block: a block of accumulators stays in registers while all events are added, in vectors
 * as wide as the instructions this file is compiled for. (For integer weights the widening costs
 * more than the accumulator's way through the cache: with 16-byte vectors blocks gain nothing.) */
#if defined(__AVX512F__)
enum { LANES = 16 };
#elif defined(__AVX__)
enum { LANES = 8 };
#else
enum { LANES = 4 };
#endif
typedef float vec_f32 __attribute__((vector_size(4 * LANES), aligned(4), may_alias));

/* `vectors` is a constant at every call, so the inner loops unroll and `a` lives in registers. */
static inline __attribute__((always_inline)) void
columns_f32(const float *weights, size_t stride, const uint32_t *idx, const float *val,
            size_t count, float *acc, const size_t vectors) {
    vec_f32 a[8];
    for (size_t v = 0; v < vectors; v++) a[v] = *(const vec_f32 *)(acc + v * LANES);
    if (val == NULL) {
        for (size_t k = 0; k < count; k++) {
            const float *row = weights + (size_t)idx[k] * stride;
            for (size_t v = 0; v < vectors; v++) a[v] += *(const vec_f32 *)(row + v * LANES);
        }
    } else {
        for (size_t k = 0; k < count; k++) {
            const float *row = weights + (size_t)idx[k] * stride;
            const float x = val[k];
            for (size_t v = 0; v < vectors; v++) a[v] += *(const vec_f32 *)(row + v * LANES) * x;
        }
    }
    for (size_t v = 0; v < vectors; v++) *(vec_f32 *)(acc + v * LANES) = a[v];
}

void nc_dense_f32(const float *restrict weights, size_t stride, const uint32_t *restrict idx,
                  const float *restrict val, size_t count, float *restrict acc) {
    size_t j = 0;
    for (; j + 8 * LANES <= stride; j += 8 * LANES)
        columns_f32(weights + j, stride, idx, val, count, acc + j, 8);
    for (; j + 4 * LANES <= stride; j += 4 * LANES)
        columns_f32(weights + j, stride, idx, val, count, acc + j, 4);
    for (; j + LANES <= stride; j += LANES)
        columns_f32(weights + j, stride, idx, val, count, acc + j, 1);
}
#else
NC_DENSE_NAIVE(nc_dense_f32, float, float)
#endif

/* 1 where the first n_out bits of hit are set. */
static int all_set(const uint64_t *hit, size_t n_out) {
    const size_t whole = n_out / 64, rest = n_out % 64;
    for (size_t k = 0; k < whole; k++)
        if (~hit[k] != 0) return 0;
    return rest == 0 || (~hit[whole] & (((uint64_t)1 << rest) - 1)) == 0;
}

int nc_dense_touch(const uint8_t *restrict row_full, const uint64_t *restrict mask, size_t words,
                   const uint32_t *restrict idx, size_t count, size_t n_out,
                   uint64_t *restrict hit, uint8_t *restrict touched) {
    if (count == 0) return 0;
    for (size_t k = 0; k < count; k++)
        if (row_full[idx[k]] != 0) return 1;
    memset(hit, 0, words * sizeof *hit);
    for (size_t k = 0; k < count; k++) {
        const uint64_t *restrict row = mask + (size_t)idx[k] * words;
        for (size_t j = 0; j < words; j++) hit[j] |= row[j];
    }
    if (all_set(hit, n_out)) return 1;
    for (size_t j = 0; j < n_out; j++) touched[j] |= (uint8_t)((hit[j / 64] >> (j % 64)) & 1);
    return 0;
}
