/* Checks at the border of the kernel: damaged input gives a status, never a crash.
 *
 * Linear in the size of the index tables, done once by whoever packs: nc_check_network after packing,
 * nc_check_run before the first step (its network has passed), then nc_list_extents and
 * nc_check_overlap. nc_advance repeats nc_check_call. What cannot be seen from here: how much memory a
 * pointer really leads to (it is taken to be what the declarations say), and the values of weights.
 */
#ifndef NC_CHECK_H
#define NC_CHECK_H

#include "nc_driver.h"

/* cdef begin */
typedef struct {
    const char *part;  /* "network", "population", "projection", "unit", "run", "team", "node", ... */
    uint32_t index;    /* which of these; a node, population or projection of any team */
    const char *field; /* of what structure's field, as it is declared */
} nc_fault;

/* What a status means. */
const char *nc_status_text(nc_status status);
/* Each returns the first fault, and in *fault (which may be NULL) where it is. */
nc_status nc_check_network(const nc_network *network, nc_fault *fault);
nc_status nc_check_run(const nc_network *network, const nc_run *run, nc_fault *fault);
/* The scalars that every call of nc_advance needs. */
nc_status nc_check_call(const nc_network *network, const nc_run *run, double seconds);

typedef struct {
    uintptr_t begin, end; /* addresses */
    int32_t written;
    nc_fault where;
} nc_extent;
/* What a run reads and writes, of a network and run that have passed: fills extents[room], returns how
 * many there are. */
size_t nc_list_extents(const nc_network *network, const nc_run *run, nc_extent *extents, size_t room);
/* NC_OVERLAP where memory that is written is used twice. Sorts extents[n]. */
nc_status nc_check_overlap(size_t n, nc_extent *extents, nc_fault *fault);
/* cdef end */

/* ---- nc_check*.c: a check in progress ---- */
typedef struct {
    nc_status status;
    nc_fault where;
} nc_checking;

/* Returns `holds`; notes the first failure. */
int nc_need(nc_checking *c, int holds, nc_status status, const char *field);
/* `count` elements at a pointer: their size does not overflow, the pointer is not NULL and aligned. */
int nc_there(nc_checking *c, const void *at, size_t align, size_t size, size_t count,
             const char *field);
#define NC_THERE(C, TYPE, AT, COUNT, FIELD)                                                      \
    nc_there((C), (AT), _Alignof(TYPE), sizeof(TYPE), (COUNT), (FIELD))
/* Likewise, but NULL will do. */
#define NC_MAY_BE(C, TYPE, AT, COUNT, FIELD)                                                     \
    ((AT) == NULL || NC_THERE(C, TYPE, AT, COUNT, FIELD))
/* Sizes add and multiply up to SIZE_MAX, and stay there. */
size_t nc_times(size_t a, size_t b);
size_t nc_plus(size_t a, size_t b);
/* a + b where neither is negative nor the sum beyond 63 bits, else -1. */
int64_t nc_counted(int64_t a, int64_t b);

size_t nc_padded(size_t n);
/* 1 where the team is of this batch, and at no sample or at one that has begun and that no team before it
 * is at. */
int nc_share_stands(const nc_run *run, uint32_t team);
/* Rows of nc_population_scratch.bits. */
size_t nc_rows_of_bits(const nc_population *p, const nc_run *run);
size_t nc_weight_bytes(int32_t type);
int64_t nc_fan_of(const nc_fanout *table, size_t source);
/* Events of one frame through each table, all sources firing; -1: beyond 63 bits, or negative. */
int64_t nc_fan_total(const nc_fanout *table, size_t n_in);
int nc_check_projection(nc_checking *c, const nc_projection *p);
/* ---- nc_check_integer.c ---- */
/* How many arguments an operation of integers reads; 0: there is no such operation. */
uint32_t nc_integer_arguments(int32_t op);
/* What an integer population promises: its program has passed. Then its projections. */
int nc_check_integer(nc_checking *c, const nc_population *p);
int nc_check_whole_projection(nc_checking *c, const nc_projection *edge);
/* The arrays of its run: frames are batch * steps. */
int nc_check_integer_run(nc_checking *c, const nc_population *p, const nc_population_run *out,
                         size_t batch, size_t frames, uint32_t workers);

#endif
