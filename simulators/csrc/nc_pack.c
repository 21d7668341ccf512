/* Packing of dense and sparse matrices: each weight is read once or twice, in the order of the file. */
#include "nc_pack.h"

#include <string.h>

enum { HALF = NC_COLUMNS / 2, TILE = 64 };

/* Where column j of a block of integer weights stands: the two halves alternate. */
static size_t place_of(size_t j) {
    return j < HALF ? 2 * j : 2 * (j - HALF) + 1;
}

/* Which weights of sources first .. first + count - 1 are not 0. */
static void keep_bits(const nc_dense_matrix *m, size_t block, size_t first, size_t count,
                      const uint64_t *bits) {
    const size_t blocks = (m->n_out + NC_COLUMNS - 1) / NC_COLUMNS;
    for (size_t k = 0; k < count && m->mask != NULL; k++)
        m->mask[(first + k) * blocks + block] = bits[k];
}

/* A tile of sources at a time: 64 short pieces of rows are read, and one piece of memory is written
 * that the first-level cache holds. LIFT: what is added to the weights of the first half. */
#define NC_PACK_DENSE(NAME, W, U, LIFT)                                                          \
    static int64_t NAME(const nc_dense_matrix *m, size_t block) {                                \
        const size_t n_in = m->n_in, row = block * NC_COLUMNS;                                   \
        const size_t rows = m->n_out - row < NC_COLUMNS ? m->n_out - row : NC_COLUMNS;           \
        const W *weights = (const W *)m->weights + row * n_in;                                   \
        int64_t sums[NC_COLUMNS] = {0}, worst = 0;                                               \
        for (size_t i = 0; i < n_in; i += TILE) {                                                \
            const size_t t = n_in - i < TILE ? n_in - i : TILE;                                  \
            U *tile = (U *)m->packed + (block * n_in + i) * NC_COLUMNS;                          \
            uint64_t bits[TILE] = {0};                                                           \
            for (size_t j = 0; j < NC_COLUMNS; j++) {                                            \
                U *restrict out = tile + place_of(j);                                            \
                const U lift = (U)(j < HALF ? LIFT : 0);                                         \
                if (j >= rows) {                                                                 \
                    for (size_t k = 0; k < t; k++) out[k * NC_COLUMNS] = lift;                   \
                    continue;                                                                    \
                }                                                                                \
                const W *restrict w = weights + j * n_in + i;                                    \
                for (size_t k = 0; k < t; k++) out[k * NC_COLUMNS] = (U)((U)w[k] + lift);        \
                for (size_t k = 0; k < t; k++) bits[k] |= (uint64_t)(w[k] != 0) << j;            \
                int32_t sum = 0;                                                                 \
                for (size_t k = 0; k < t; k++) sum += NC_WHOLE(w[k]);                            \
                sums[j] += sum;                                                                  \
            }                                                                                    \
            for (size_t k = 0; k < t; k++) m->fan[i + k] += nc_bits_set(bits[k]);                \
            keep_bits(m, block, i, t, bits);                                                     \
        }                                                                                        \
        for (size_t j = 0; j < NC_COLUMNS; j++)                                                  \
            if (sums[j] > worst) worst = sums[j];                                                \
        return worst;                                                                            \
    }
#define NC_WHOLE(w) ((w) < 0 ? -(int32_t)(w) : (int32_t)(w))
NC_PACK_DENSE(dense_i8, int8_t, uint8_t, 128)
NC_PACK_DENSE(dense_i16, int16_t, uint16_t, 32768)

static void dense_f32(const nc_dense_matrix *m, size_t block) {
    const size_t n_in = m->n_in, row = block * NC_COLUMNS;
    const size_t rows = m->n_out - row < NC_COLUMNS ? m->n_out - row : NC_COLUMNS;
    const float *weights = (const float *)m->weights + row * n_in;
    for (size_t i = 0; i < n_in; i += TILE) {
        const size_t t = n_in - i < TILE ? n_in - i : TILE;
        float *tile = (float *)m->packed + (block * n_in + i) * NC_COLUMNS;
        uint64_t bits[TILE] = {0};
        for (size_t j = 0; j < NC_COLUMNS; j++) {
            float *restrict out = tile + j;
            const float *restrict w = weights + j * n_in + i;
            for (size_t k = 0; k < t; k++) out[k * NC_COLUMNS] = j < rows ? w[k] : 0.0f;
            for (size_t k = 0; k < t && j < rows; k++) bits[k] |= (uint64_t)(w[k] != 0.0f) << j;
        }
        for (size_t k = 0; k < t; k++) m->fan[i + k] += nc_bits_set(bits[k]);
        keep_bits(m, block, i, t, bits);
    }
}

int64_t nc_pack_dense(const nc_dense_matrix *m, size_t first, size_t end) {
    int64_t worst = 0;
    for (size_t block = first; block < end; block++) {
        int64_t sum = 0;
        if (m->type == NC_I8) sum = dense_i8(m, block);
        else if (m->type == NC_I16) sum = dense_i16(m, block);
        else dense_f32(m, block);
        if (sum > worst) worst = sum;
    }
    return worst;
}

/* ---- sparse ---- */

/* Targets of a row ascend, so that each of its blocks is one run. */
#define NC_COUNT(NAME, W)                                                                        \
    static void NAME(const nc_sparse_matrix *m, size_t first, size_t end) {                      \
        const W *restrict weights = m->weights;                                                  \
        for (size_t i = first; i < end; i++) {                                                   \
            int64_t live = 0;                                                                    \
            for (int64_t k = m->indptr[i]; k < m->indptr[i + 1];) {                              \
                const size_t block = (size_t)m->targets[k] / NC_CSR_BLOCK;                       \
                const size_t limit = (block + 1) * NC_CSR_BLOCK;                                 \
                int64_t kept = 0;                                                                \
                for (; k < m->indptr[i + 1] && (size_t)m->targets[k] < limit; k++) {             \
                    live += weights[k] != 0;                                                     \
                    kept += !m->drop || weights[k] != 0;                                         \
                }                                                                                \
                m->rows[block * (m->n_in + 1) + i + 1] = kept;                                   \
            }                                                                                    \
            m->fan[i] = live;                                                                    \
        }                                                                                        \
    }
NC_COUNT(count_i8, int8_t)
NC_COUNT(count_i16, int16_t)
NC_COUNT(count_f32, float)

void nc_pack_sparse_count(const nc_sparse_matrix *m, size_t first, size_t end) {
    if (m->type == NC_I8) count_i8(m, first, end);
    else if (m->type == NC_I16) count_i16(m, first, end);
    else count_f32(m, first, end);
}

int64_t nc_pack_sparse_rows(const nc_sparse_matrix *m) {
    int64_t at = 0;
    for (size_t block = 0; block < m->blocks; block++) {
        int64_t *row = m->rows + block * (m->n_in + 1);
        row[0] = at;
        for (size_t i = 1; i <= m->n_in; i++) row[i] = at += row[i];
    }
    return at;
}

#define NC_FILL(NAME, W)                                                                         \
    static void NAME(const nc_sparse_matrix *m, size_t first, size_t end) {                      \
        const W *restrict weights = m->weights;                                                  \
        W *restrict kept = m->kept;                                                              \
        for (size_t i = first; i < end; i++) {                                                   \
            uint32_t block = 0;                                                                  \
            int64_t at = m->rows[i];                                                             \
            for (int64_t k = m->indptr[i]; k < m->indptr[i + 1]; k++) {                          \
                const uint32_t target = (uint32_t)m->targets[k];                                 \
                if (m->drop && weights[k] == 0) continue;                                        \
                if (target / NC_CSR_BLOCK != block) {                                            \
                    block = target / NC_CSR_BLOCK;                                               \
                    at = m->rows[block * (m->n_in + 1) + i];                                     \
                }                                                                                \
                m->local[at] = (uint16_t)(target % NC_CSR_BLOCK);                                \
                if (kept != NULL) kept[at] = weights[k];                                         \
                at++;                                                                            \
            }                                                                                    \
        }                                                                                        \
    }
NC_FILL(fill_i8, int8_t)
NC_FILL(fill_i16, int16_t)
NC_FILL(fill_f32, float)

void nc_pack_sparse_fill(const nc_sparse_matrix *m, size_t first, size_t end) {
    if (m->type == NC_I8) fill_i8(m, first, end);
    else if (m->type == NC_I16) fill_i16(m, first, end);
    else fill_f32(m, first, end);
}

#define NC_SUMS(W)                                                                               \
    do {                                                                                         \
        const W *restrict w = weights;                                                           \
        for (int64_t k = rows[first]; k < rows[end]; k++) {                                      \
            sums[local[k]] += NC_WHOLE(w[k]);                                                    \
            events[local[k]]++;                                                                  \
        }                                                                                        \
    } while (0)

void nc_pack_sparse_sums(int32_t type, const int64_t *restrict rows, const uint16_t *restrict local,
                         const void *weights, size_t first, size_t end, int64_t *restrict sums,
                         int64_t *restrict events) {
    if (type == NC_I8) NC_SUMS(int8_t);
    else NC_SUMS(int16_t);
}
