/* Packing: matrices as a network holds them -> as the kernel reads them (nc_dense, nc_csr).
 *
 * Each pass takes a range, so that the caller can see signals in between; the ranges of one pass
 * together are the whole matrix, each once. Freestanding, nothing can fail; the caller has checked
 * that rows follow one another and that targets exist and ascend within a row.
 */
#ifndef NC_PACK_H
#define NC_PACK_H

#include "nc_kernel.h"

/* cdef begin */
typedef struct {
    int32_t type;        /* NC_F32, NC_I8, NC_I16 */
    size_t n_in, n_out;
    const void *weights; /* [n_out][n_in] */
    void *packed;        /* [blocks][n_in][64] out, see nc_dense */
    uint64_t *mask;      /* [n_in][blocks] out, or NULL */
    int64_t *fan;        /* [n_in] zeroed: out, the nonzero weights of each source */
} nc_dense_matrix;
/* Blocks first .. end - 1 of 64 targets. Returns the largest sum of |w| over the sources of one target;
 * 0 for float weights. */
int64_t nc_pack_dense(const nc_dense_matrix *m, size_t first, size_t end);

typedef struct {
    int32_t type;
    int32_t drop;           /* zero weights are left out */
    size_t n_in, n_out, blocks; /* blocks of NC_CSR_BLOCK targets */
    const int64_t *indptr;  /* [n_in + 1] */
    const int32_t *targets; /* [nnz] */
    const void *weights;    /* [nnz] */
    int64_t *rows;          /* [blocks][n_in + 1] zeroed: out */
    int64_t *fan;           /* [n_in] out: the nonzero weights of each source */
    uint16_t *local;        /* [kept] out: target within its block */
    void *kept;             /* [kept] out: weights; NULL where they stay as they are */
} nc_sparse_matrix;
/* In this order: counts of every row and block, of sources first .. end - 1; where the rows begin
 * (returns how many weights are kept); the rows themselves. */
void nc_pack_sparse_count(const nc_sparse_matrix *m, size_t first, size_t end);
int64_t nc_pack_sparse_rows(const nc_sparse_matrix *m);
void nc_pack_sparse_fill(const nc_sparse_matrix *m, size_t first, size_t end);
/* Adds to each target of a block the |w| of integer weights, and their number, from sources first ..
 * end - 1 of a packed matrix: rows of this block, its local targets, all weights kept. */
void nc_pack_sparse_sums(int32_t type, const int64_t *rows, const uint16_t *local,
                         const void *weights, size_t first, size_t end, int64_t *sums,
                         int64_t *events);
/* cdef end */

#endif
