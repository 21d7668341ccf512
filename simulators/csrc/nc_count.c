/* Counting events and their fan-out, in 64-bit integers, where they arrive. */
#include "nc_kernel.h"

static int64_t fan_sum(const nc_fanout *table, const uint32_t *idx, size_t count) {
    if (table->fan == NULL) return table->each * (int64_t)count;
    int64_t total = 0;
    for (size_t k = 0; k < count; k++) total += table->fan[idx[k]];
    return total;
}

/* Columns 2 c (unit) and 2 c + 1 (other), c = 0 for the events themselves, then the tables. */
void nc_count_events(const nc_fanout tables[3], const uint32_t *restrict idx,
                     const float *restrict val, size_t count, int64_t *restrict row) {
    if (val == NULL) {
        row[0] += (int64_t)count;
        int64_t sums[3];
        for (size_t c = 0; c < 3; c++) {
            const int same = c > 0 && tables[c].fan != NULL && tables[c].fan == tables[c - 1].fan;
            sums[c] = same ? sums[c - 1] : fan_sum(&tables[c], idx, count);
            row[2 * c + 2] += sums[c];
        }
        return;
    }
    uint32_t units = 0; /* a frame has fewer than 2^32 events */
    for (size_t k = 0; k < count; k++) units += (val[k] == 1.0f) | (val[k] == -1.0f);
    row[0] += units;
    row[1] += (int64_t)count - units;
    int64_t unit = 0, all = 0;
    for (size_t c = 0; c < 3; c++) {
        const uint32_t *restrict fan = tables[c].fan;
        if (fan == NULL) {
            unit = tables[c].each * units;
            all = tables[c].each * (int64_t)count;
        } else if (c == 0 || fan != tables[c - 1].fan) {
            unit = all = 0;
            for (size_t k = 0; k < count; k++) {
                const int64_t each = fan[idx[k]];
                all += each;
                unit += each & -(int64_t)((val[k] == 1.0f) | (val[k] == -1.0f));
            }
        }
        row[2 * c + 2] += unit;
        row[2 * c + 3] += all - unit;
    }
}
