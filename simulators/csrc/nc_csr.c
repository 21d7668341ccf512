/* Compressed sparse rows, stored by source: acc[targets[k]] += weights[k] * val. */
#include "nc_kernel.h"

#if defined(__GNUC__)
#define NC_PREFETCH(address) __builtin_prefetch(address)
#else
#define NC_PREFETCH(address) ((void)0)
#endif
enum { ROWS_AHEAD = 8 };

/* The first lines of a row to come are fetched while this one is added: rows lie far apart. */
#define NC_CSR(NAME, W, A)                                                                       \
    void NAME(const int64_t *restrict indptr, const int32_t *restrict targets,                   \
              const W *restrict weights, const uint32_t *restrict idx, const float *restrict val, \
              size_t count, A *restrict acc) {                                                   \
        for (size_t k = 0; k < count; k++) {                                                     \
            if (k + ROWS_AHEAD < count) {                                                        \
                const int64_t ahead = indptr[idx[k + ROWS_AHEAD]];                               \
                NC_PREFETCH(targets + ahead);                                                    \
                NC_PREFETCH(weights + ahead);                                                    \
            }                                                                                    \
            const int64_t end = indptr[(size_t)idx[k] + 1];                                      \
            if (val == NULL) {                                                                   \
                for (int64_t p = indptr[idx[k]]; p < end; p++) acc[targets[p]] += (A)weights[p]; \
            } else {                                                                             \
                const A x = (A)val[k];                                                           \
                for (int64_t p = indptr[idx[k]]; p < end; p++)                                   \
                    acc[targets[p]] += (A)weights[p] * x;                                        \
            }                                                                                    \
        }                                                                                        \
    }
NC_CSR(nc_csr_f32, float, float)
NC_CSR(nc_csr_i8_i32, int8_t, int32_t)
NC_CSR(nc_csr_i16_i32, int16_t, int32_t)
NC_CSR(nc_csr_i8_i64, int8_t, int64_t)
NC_CSR(nc_csr_i16_i64, int16_t, int64_t)
NC_CSR(nc_csr_i8_f32, int8_t, float)
NC_CSR(nc_csr_i16_f32, int16_t, float)

void nc_route_f32(const int64_t *restrict indptr, const int32_t *restrict targets,
                  const uint32_t *restrict idx, const float *restrict val, size_t count,
                  float *restrict acc) {
    for (size_t k = 0; k < count; k++) {
        const int64_t end = indptr[(size_t)idx[k] + 1];
        const float x = val == NULL ? 1.0f : val[k];
        for (int64_t p = indptr[idx[k]]; p < end; p++) acc[targets[p]] = x;
    }
}

void nc_csr_touch(const int64_t *restrict indptr, const int32_t *restrict targets,
                  const uint8_t *restrict nonzero, const uint32_t *restrict idx, size_t count,
                  uint8_t *restrict touched) {
    for (size_t k = 0; k < count; k++) {
        const int64_t end = indptr[(size_t)idx[k] + 1];
        if (nonzero == NULL) {
            for (int64_t p = indptr[idx[k]]; p < end; p++) touched[targets[p]] = 1;
        } else {
            for (int64_t p = indptr[idx[k]]; p < end; p++) touched[targets[p]] |= nonzero[p];
        }
    }
}
