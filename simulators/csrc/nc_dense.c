/* Dense matrices in blocks of columns: the plain loops, and which columns are reached. */
#include "nc_kernel.h"

#include <string.h>

enum { HALF = NC_COLUMNS / 2 };

/* The two weights of word `k` of a row: those of columns k and 32 + k (float32: of column k alone). */
static inline int32_t low_i8(const uint8_t *row, size_t k) {
    return (int32_t)row[2 * k] - 128;
}
static inline int32_t high_i8(const uint8_t *row, size_t k) {
    int8_t weight;
    memcpy(&weight, row + 2 * k + 1, 1);
    return weight;
}
static inline int32_t low_i16(const uint16_t *row, size_t k) {
    return (int32_t)row[2 * k] - 32768;
}
static inline int32_t high_i16(const uint16_t *row, size_t k) {
    int16_t weight;
    memcpy(&weight, row + 2 * k + 1, 2);
    return weight;
}

#define NC_DENSE(NAME, W, A, LOW, HIGH)                                                          \
    void NAME(const nc_dense *d, const nc_span *span, A *restrict acc) {                         \
        for (size_t b = 0; b < d->blocks; b++, acc += NC_COLUMNS) {                              \
            const W *block = (const W *)d->weights + b * d->n_in * NC_COLUMNS;                   \
            for (size_t k = 0; k < span->count; k++) {                                           \
                const W *restrict row = block + (size_t)span->idx[k] * NC_COLUMNS;               \
                const A x = span->val == NULL ? (A)1 : (A)span->val[k];                          \
                for (size_t j = 0; j < HALF; j++) acc[j] += (A)LOW(row, j) * x;                  \
                for (size_t j = 0; j < HALF; j++) acc[HALF + j] += (A)HIGH(row, j) * x;          \
            }                                                                                    \
        }                                                                                        \
    }
NC_DENSE(nc_dense_i8_i32, uint8_t, int32_t, low_i8, high_i8)
NC_DENSE(nc_dense_i16_i32, uint16_t, int32_t, low_i16, high_i16)
NC_DENSE(nc_dense_i8_i64, uint8_t, int64_t, low_i8, high_i8)
NC_DENSE(nc_dense_i16_i64, uint16_t, int64_t, low_i16, high_i16)
NC_DENSE(nc_dense_i8_f32, uint8_t, float, low_i8, high_i8)
NC_DENSE(nc_dense_i16_f32, uint16_t, float, low_i16, high_i16)

void nc_dense_f32(const nc_dense *d, const nc_span *span, float *restrict acc) {
    for (size_t b = 0; b < d->blocks; b++, acc += NC_COLUMNS) {
        const float *block = (const float *)d->weights + b * d->n_in * NC_COLUMNS;
        for (size_t k = 0; k < span->count; k++) {
            const float *restrict row = block + (size_t)span->idx[k] * NC_COLUMNS;
            const float x = span->val == NULL ? 1.0f : span->val[k];
            for (size_t j = 0; j < NC_COLUMNS; j++) acc[j] += row[j] * x;
        }
    }
}

uint64_t nc_dense_nonzero(const nc_dense *d, size_t block, size_t source) {
    const size_t at = (block * d->n_in + source) * NC_COLUMNS;
    uint64_t bits = 0;
    if (d->type == NC_F32) {
        const float *row = (const float *)d->weights + at;
        for (size_t j = 0; j < NC_COLUMNS; j++) bits |= (uint64_t)(row[j] != 0.0f) << j;
        return bits;
    }
    for (size_t j = 0; j < HALF; j++) {
        int32_t low, high;
        if (d->type == NC_I8) {
            low = low_i8((const uint8_t *)d->weights + at, j);
            high = high_i8((const uint8_t *)d->weights + at, j);
        } else {
            low = low_i16((const uint16_t *)d->weights + at, j);
            high = high_i16((const uint16_t *)d->weights + at, j);
        }
        bits |= (uint64_t)(low != 0) << j | (uint64_t)(high != 0) << (HALF + j);
    }
    return bits;
}

uint64_t nc_dense_reached(const nc_dense *d, size_t block, const nc_span *span, size_t spans) {
    const uint64_t *mask = d->mask == NULL ? NULL : d->mask + block;
    const size_t left = d->n_out - block * NC_COLUMNS;
    const uint64_t beyond = left >= NC_COLUMNS ? 0 : ~(uint64_t)0 << left;
    uint64_t hit = 0;
    for (size_t s = 0; s < spans; s++) {
        if (d->full != 0 && span[s].count != 0) return ~(uint64_t)0;
        for (size_t k = 0; k < span[s].count; k++) {
            const uint32_t i = span[s].idx[k];
            hit |= mask == NULL ? nc_dense_nonzero(d, block, i) : mask[i * d->blocks];
            if ((hit | beyond) == ~(uint64_t)0) return ~(uint64_t)0;
        }
    }
    return hit;
}
