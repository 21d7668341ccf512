/* Compressed sparse rows, stored by source, one block of targets: acc[targets[k]] += weights[k] * val. */
#include "nc_kernel.h"

#if defined(__GNUC__)
#define NC_PREFETCH(address) __builtin_prefetch(address)
/* A function that does nothing but fetch seems to do nothing: its calls would be left out. */
#define NC_FETCHES static inline __attribute__((always_inline))
#else
#define NC_PREFETCH(address) ((void)0)
#define NC_FETCHES static inline
#endif
enum { STARTS_AHEAD = 16, ROWS_AHEAD = 8 };

/* The lines of a row to come are fetched while earlier ones are added: rows lie far apart. No line beyond
 * the row: it may be another worker's part, and would cost as much memory bandwidth as a useful one. */
NC_FETCHES void fetch(const char *first, const char *end) {
    NC_PREFETCH(first);
    if (end - first > NC_LINE) NC_PREFETCH(first + NC_LINE);
    if (end - first > 2 * NC_LINE) NC_PREFETCH(first + 2 * NC_LINE);
    NC_PREFETCH(end - 1);
}
NC_FETCHES void fetch_row(const nc_csr *m, int64_t width, uint32_t i) {
    const int64_t first = m->begin[i], end = m->end[i];
    const char *weights = m->weights;
    if (first == end) return;
    fetch((const char *)(m->targets + first), (const char *)(m->targets + end));
    fetch(weights + width * first, weights + width * end);
}
NC_FETCHES void fetch_start(const nc_csr *m, uint32_t i) {
    NC_PREFETCH(m->begin + i);
    if (m->end != m->begin + 1) NC_PREFETCH(m->end + i);
}
/* What the loop over the events would have fetched before its first one. */
NC_FETCHES void fetch_first(const nc_csr *m, int64_t width, const nc_span *span) {
    for (size_t k = 0; k < STARTS_AHEAD && k < span->count; k++) fetch_start(m, span->idx[k]);
    for (size_t k = 0; k < ROWS_AHEAD && k < span->count; k++) fetch_row(m, width, span->idx[k]);
}

/* ADD adds weight p of the row to its target; targets of a row differ. Counts the weights in `stored`. */
#define NC_ROWS(W, ADD)                                                                          \
    do {                                                                                         \
        const uint16_t *restrict targets = m->targets;                                           \
        const W *restrict weights = m->weights;                                                  \
        const uint32_t *restrict idx = span->idx;                                                \
        const size_t count = span->count;                                                        \
        fetch_first(m, sizeof(W), span);                                                         \
        for (size_t k = 0; k < count; k++) {                                                     \
            if (k + STARTS_AHEAD < count) fetch_start(m, idx[k + STARTS_AHEAD]);                 \
            if (k + ROWS_AHEAD < count) fetch_row(m, sizeof(W), idx[k + ROWS_AHEAD]);            \
            const int64_t end = m->end[idx[k]];                                                  \
            int64_t p = m->begin[idx[k]];                                                        \
            stored += end - p;                                                                   \
            for (; p + 4 <= end; p += 4) {                                                       \
                ADD(p);                                                                          \
                ADD(p + 1);                                                                      \
                ADD(p + 2);                                                                      \
                ADD(p + 3);                                                                      \
            }                                                                                    \
            for (; p < end; p++) ADD(p);                                                         \
        }                                                                                        \
    } while (0)

#define NC_CSR(NAME, W, A)                                                                       \
    int64_t NAME(const nc_csr *m, const nc_span *span, A *restrict acc) {                        \
        int64_t stored = 0;                                                                      \
        if (span->val == NULL) {                                                                 \
            NC_ROWS(W, NC_ADD_ONE_##A);                                                          \
        } else {                                                                                 \
            NC_ROWS(W, NC_ADD_VALUE_##A);                                                        \
        }                                                                                        \
        return stored;                                                                           \
    }
#define NC_ADD_ONE_float(p) acc[targets[p]] += (float)weights[p]
#define NC_ADD_ONE_int32_t(p) acc[targets[p]] += (int32_t)weights[p]
#define NC_ADD_ONE_int64_t(p) acc[targets[p]] += (int64_t)weights[p]
#define NC_ADD_VALUE_float(p) acc[targets[p]] += (float)weights[p] * span->val[k]
#define NC_ADD_VALUE_int32_t(p) acc[targets[p]] += (int32_t)weights[p] * (int32_t)span->val[k]
#define NC_ADD_VALUE_int64_t(p) acc[targets[p]] += (int64_t)weights[p] * (int64_t)span->val[k]
NC_CSR(nc_csr_f32, float, float)
NC_CSR(nc_csr_i8_i32, int8_t, int32_t)
NC_CSR(nc_csr_i16_i32, int16_t, int32_t)
NC_CSR(nc_csr_i8_i64, int8_t, int64_t)
NC_CSR(nc_csr_i16_i64, int16_t, int64_t)
NC_CSR(nc_csr_i8_f32, int8_t, float)
NC_CSR(nc_csr_i16_f32, int16_t, float)

#define NC_ADD_PACKED(p) acc[targets[p]] += (int32_t)weights[p] + unit
int64_t nc_csr_i8_packed(const nc_csr *m, const nc_span *span, int32_t unit, int32_t *restrict acc) {
    int64_t stored = 0;
    NC_ROWS(int8_t, NC_ADD_PACKED);
    return stored;
}
int64_t nc_csr_i16_packed(const nc_csr *m, const nc_span *span, int32_t unit, int32_t *restrict acc) {
    int64_t stored = 0;
    NC_ROWS(int16_t, NC_ADD_PACKED);
    return stored;
}

void nc_csr_touch(const nc_csr *m, int32_t type, const nc_span *span, uint8_t *restrict touched) {
    for (size_t k = 0; k < span->count; k++) {
        const int64_t end = m->end[span->idx[k]];
        for (int64_t p = m->begin[span->idx[k]]; p < end; p++) {
            const int live = type == NC_F32  ? ((const float *)m->weights)[p] != 0.0f
                             : type == NC_I8 ? ((const int8_t *)m->weights)[p] != 0
                                             : ((const int16_t *)m->weights)[p] != 0;
            touched[m->targets[p]] |= (uint8_t)live;
        }
    }
}

void nc_csr_cut(const nc_csr *m, size_t n_in, uint32_t target, int64_t *restrict cut) {
    for (size_t i = 0; i < n_in; i++) {
        int64_t low = m->begin[i], high = m->end[i];
        while (low < high) {
            const int64_t middle = low + (high - low) / 2;
            if (m->targets[middle] < target) low = middle + 1;
            else high = middle;
        }
        cut[i] = low;
    }
}

void nc_route_f32(const int64_t *restrict indptr, const int32_t *restrict targets,
                  const uint32_t *restrict idx, const float *restrict val, size_t count,
                  float *restrict acc) {
    for (size_t k = 0; k < count; k++) {
        const int64_t end = indptr[(size_t)idx[k] + 1];
        const float x = val == NULL ? 1.0f : val[k];
        for (int64_t p = indptr[idx[k]]; p < end; p++) acc[targets[p]] = x;
    }
}

void nc_route_touch(const int64_t *restrict indptr, const int32_t *restrict targets,
                    const uint32_t *restrict idx, size_t count, uint8_t *restrict touched) {
    for (size_t k = 0; k < count; k++) {
        const int64_t end = indptr[(size_t)idx[k] + 1];
        for (int64_t p = indptr[idx[k]]; p < end; p++) touched[targets[p]] = 1;
    }
}
