/* One target a source, of the same index: with a weight, or as it is. */
#include "nc_kernel.h"

#define NC_DIAGONAL(NAME, W, A)                                                                  \
    void NAME(const W *restrict weights, const uint32_t *restrict idx,                           \
              const float *restrict val, size_t count, A *restrict acc) {                        \
        for (size_t k = 0; k < count; k++) {                                                     \
            const A x = val == NULL ? (A)1 : (A)val[k];                                          \
            acc[idx[k]] += (A)weights[idx[k]] * x;                                               \
        }                                                                                        \
    }
NC_DIAGONAL(nc_diagonal_f32, float, float)
NC_DIAGONAL(nc_diagonal_i8_i32, int8_t, int32_t)
NC_DIAGONAL(nc_diagonal_i16_i32, int16_t, int32_t)
NC_DIAGONAL(nc_diagonal_i8_i64, int8_t, int64_t)
NC_DIAGONAL(nc_diagonal_i16_i64, int16_t, int64_t)
NC_DIAGONAL(nc_diagonal_i8_f32, int8_t, float)
NC_DIAGONAL(nc_diagonal_i16_f32, int16_t, float)

void nc_identity_f32(const uint32_t *restrict idx, const float *restrict val, size_t count,
                     float *restrict acc) {
    for (size_t k = 0; k < count; k++) acc[idx[k]] = val == NULL ? 1.0f : val[k];
}

void nc_identity_touch(const uint8_t *restrict nonzero, const uint32_t *restrict idx, size_t count,
                       uint8_t *restrict touched) {
    for (size_t k = 0; k < count; k++) touched[idx[k]] |= nonzero == NULL ? 1 : nonzero[idx[k]];
}
