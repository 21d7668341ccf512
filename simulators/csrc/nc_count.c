/* Counting events and their fan-out, in 64-bit integers, where they arrive. */
#include "nc_kernel.h"

#include <string.h>

/* -1 or 1, told by its bits: cheaper than two comparisons of floats. */
static inline int is_unit(const float *val) {
    uint32_t bits;
    memcpy(&bits, val, sizeof bits);
    return (bits & 0x7fffffffu) == 0x3f800000u;
}

#define NC_FAN_SUMS(T)                                                                           \
    static int64_t sum_##T(const void *table, const uint32_t *restrict idx, size_t count) {      \
        const T *restrict fan = table;                                                           \
        int64_t total = 0;                                                                       \
        for (size_t k = 0; k < count; k++) total += fan[idx[k]];                                 \
        return total;                                                                            \
    }                                                                                            \
    /* ... and what of it are unit events' */                                                    \
    static int64_t valued_##T(const void *table, const uint32_t *restrict idx,                   \
                              const float *restrict val, size_t count, int64_t *unit) {          \
        const T *restrict fan = table;                                                           \
        int64_t total = 0, units = 0;                                                            \
        for (size_t k = 0; k < count; k++) {                                                     \
            const int64_t each = fan[idx[k]];                                                    \
            total += each;                                                                       \
            units += is_unit(val + k) ? each : 0;                                                \
        }                                                                                        \
        *unit = units;                                                                           \
        return total;                                                                            \
    }
NC_FAN_SUMS(uint8_t)
NC_FAN_SUMS(uint16_t)
NC_FAN_SUMS(uint32_t)

static int64_t fan_sum(const nc_fanout *table, const uint32_t *idx, size_t count) {
    if (table->fan == NULL) return table->each * (int64_t)count;
    if (table->width == 1) return sum_uint8_t(table->fan, idx, count);
    if (table->width == 2) return sum_uint16_t(table->fan, idx, count);
    return sum_uint32_t(table->fan, idx, count);
}

/* `units`: how many of the events are unit events. */
static int64_t valued_sum(const nc_fanout *table, const uint32_t *idx, const float *val, size_t count,
                          int64_t units, int64_t *unit) {
    *unit = table->each * units;
    if (table->fan == NULL) return table->each * (int64_t)count;
    if (table->width == 1) return valued_uint8_t(table->fan, idx, val, count, unit);
    if (table->width == 2) return valued_uint16_t(table->fan, idx, val, count, unit);
    return valued_uint32_t(table->fan, idx, val, count, unit);
}

/* 1 where a table is the one before it. */
static int is_known(const nc_fanout *tables, size_t c) {
    return c > 0 && tables[c].fan != NULL && tables[c].fan == tables[c - 1].fan &&
           tables[c].width == tables[c - 1].width;
}

/* Columns 2 c (unit) and 2 c + 1 (other), c = 0 for the events themselves, then the tables. */
void nc_count_events(const nc_fanout tables[3], const uint32_t *restrict idx,
                     const float *restrict val, size_t count, int64_t *restrict row) {
    if (val == NULL) {
        row[0] += (int64_t)count;
        int64_t sums[3];
        for (size_t c = 0; c < 3; c++) {
            sums[c] = is_known(tables, c) ? sums[c - 1] : fan_sum(tables + c, idx, count);
            row[2 * c + 2] += sums[c];
        }
        return;
    }
    uint32_t units = 0; /* a frame has fewer than 2^32 events */
    for (size_t k = 0; k < count; k++) units += (uint32_t)is_unit(val + k);
    row[0] += units;
    row[1] += (int64_t)count - units;
    int64_t unit = 0, all = 0;
    for (size_t c = 0; c < 3; c++) {
        if (!is_known(tables, c)) all = valued_sum(tables + c, idx, val, count, units, &unit);
        row[2 * c + 2] += unit;
        row[2 * c + 3] += all - unit;
    }
}

void nc_count_stored(const nc_fanout tables[3], uint32_t stored, const uint32_t *idx, size_t count,
                     int64_t fan, int64_t *row) {
    row[0] += (int64_t)count;
    for (size_t c = 0; c < 3; c++)
        row[2 * c + 2] += (stored >> c & 1) != 0 ? fan : fan_sum(tables + c, idx, count);
}
