/* What all checks share, what a status means, and the check of every call. */
#include "nc_check.h"

const char *nc_status_text(nc_status status) {
    static const char *const text[] = {
        [NC_OK] = "all is well",
        [NC_TOO_LARGE] = "a value times the integer weights passes 63 bits",
        [NC_BAD_KIND] = "an operator, operation or dtype that this kernel does not know",
        [NC_NO_THREAD] = "the system gives no further thread",
        [NC_NULL] = "a pointer that is needed is NULL",
        [NC_MISALIGNED] = "a pointer is not aligned for its elements",
        [NC_BAD_SIZE] = "two sizes disagree",
        [NC_BAD_INDEX] = "an index is out of range",
        [NC_NOT_ASCENDING] = "starts or indices do not ascend",
        [NC_BAD_UNITS] = "the units do not list every population once",
        [NC_BAD_ORDER] = "a population reads what is not there yet when its turn comes",
        [NC_BAD_WINDOW] = "a table of windows is wrong",
        [NC_BAD_PROGRAM] = "a neuron program reads or writes a register that it must not",
        [NC_BAD_FLAG] = "a flag promises what does not hold",
        [NC_BAD_DELAY] = "a delay is not within the steps that are kept",
        [NC_BAD_SHARE] = "the teams do not cover the batch once",
        [NC_BAD_RUN] = "steps of a chunk, teams, workers, version or seconds are out of range",
        [NC_NOT_FRESH] = "scratch is not as a run has to find it",
        [NC_OVERLAP] = "memory that is written is used twice",
        [NC_OVERFLOW] = "a product of sizes is too large for this machine",
        [NC_COUNTERS] = "counts could pass 63 bits, or are negative",
        [NC_PAYLOAD] = "an integer population emits a value too large for an event",
    };
    const size_t k = (size_t)status;
    return k < sizeof text / sizeof *text ? text[k] : "a status that this kernel does not know";
}

int nc_need(nc_checking *c, int holds, nc_status status, const char *field) {
    if (!holds && c->status == NC_OK) {
        c->status = status;
        c->where.field = field;
    }
    return holds;
}

size_t nc_times(size_t a, size_t b) {
    size_t product;
    return __builtin_mul_overflow(a, b, &product) ? SIZE_MAX : product;
}

size_t nc_plus(size_t a, size_t b) {
    size_t sum;
    return __builtin_add_overflow(a, b, &sum) ? SIZE_MAX : sum;
}

int64_t nc_counted(int64_t a, int64_t b) {
    int64_t sum;
    return a < 0 || b < 0 || __builtin_add_overflow(a, b, &sum) ? -1 : sum;
}

int nc_there(nc_checking *c, const void *at, size_t align, size_t size, size_t count,
             const char *field) {
    const size_t bytes = nc_times(count, size);
    const uintptr_t address = (uintptr_t)at;
    if (!nc_need(c, bytes <= PTRDIFF_MAX, NC_OVERFLOW, field)) return 0;
    if (count == 0) return 1;
    return nc_need(c, at != NULL, NC_NULL, field) &&
           nc_need(c, address % align == 0, NC_MISALIGNED, field) &&
           nc_need(c, bytes <= UINTPTR_MAX - address, NC_OVERFLOW, field);
}

size_t nc_padded(size_t n) {
    return nc_plus(n, NC_COLUMNS - 1) / NC_COLUMNS * NC_COLUMNS;
}

size_t nc_rows_of_bits(const nc_population *p, const nc_run *run) {
    if (p->fused != 0 || p->many_steps != 0) return run->chunk;
    if (p->turned != 0) return nc_plus(nc_turned_at_once(run), run->workers);
    return p->relay != 0 ? run->workers : 1;
}

size_t nc_weight_bytes(int32_t type) {
    return type == NC_I8 ? 1 : type == NC_I16 ? 2 : 4;
}

int64_t nc_fan_of(const nc_fanout *table, size_t source) {
    if (table->fan == NULL) return table->each;
    if (table->width == 1) return ((const uint8_t *)table->fan)[source];
    if (table->width == 2) return ((const uint16_t *)table->fan)[source];
    return ((const uint32_t *)table->fan)[source];
}

int64_t nc_fan_total(const nc_fanout *table, size_t n_in) {
    if (table->fan == NULL) {
        int64_t total;
        const int64_t n = n_in > (size_t)INT32_MAX * 2 + 1 ? -1 : (int64_t)n_in;
        if (table->each < 0 || n < 0 || __builtin_mul_overflow(table->each, n, &total)) return -1;
        return total;
    }
    if (n_in > (size_t)INT32_MAX) return -1; /* below, no sum of 32-bit entries passes 63 bits */
    int64_t total = 0;
    for (size_t k = 0; k < n_in; k++) total += nc_fan_of(table, k);
    return total;
}

int nc_share_stands(const nc_run *run, uint32_t team) {
    const nc_team *t = run->team + team;
    if (t->batch != run->batch) return 0;
    if (t->at_step == 0) return 1;
    for (uint32_t k = 0; k < team; k++)
        if (run->team[k].at_step != 0 && run->team[k].at_sample == t->at_sample) return 0;
    return t->at_step < run->steps && t->at_sample < run->next_sample;
}

nc_status nc_check_call(const nc_network *network, const nc_run *run, double seconds) {
    if (network == NULL || run == NULL || run->team == NULL) return NC_NULL;
    if (run->teams == 0 || run->workers == 0 || run->chunk == 0) return NC_BAD_RUN;
    if (run->workers > NC_MOST_THREADS || run->teams > NC_MOST_THREADS / run->workers)
        return NC_BAD_RUN;
    if (nc_wide_version(run->version) == NULL || !(seconds >= 0.0)) return NC_BAD_RUN; /* NaN */
    if (run->frames_done < 0 || run->frames_done > INT64_MAX / 2) return NC_BAD_RUN;
    if (run->next_sample > run->batch) return NC_BAD_SHARE;
    for (uint32_t k = 0; k < run->teams; k++) {
        if (run->team[k].chunk < run->chunk || run->team[k].workers != run->workers) return NC_BAD_RUN;
        if (!nc_share_stands(run, k)) return NC_BAD_SHARE;
    }
    return NC_OK;
}
