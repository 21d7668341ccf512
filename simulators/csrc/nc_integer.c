/* The interpreter of integer programs: the reference's operations, block by block. */
#include "nc_integer.h"

#include <string.h>

static inline int32_t wrapped(int64_t value) {
    return (int32_t)(uint32_t)(uint64_t)value;
}
static inline int32_t scaled(int32_t a, int32_t b, int32_t c) {
    const int64_t product = (int64_t)a * b;
    const int64_t size = (product < 0 ? -product : product) >> (c & 31);
    return wrapped(product < 0 ? -size : size);
}

#define NC_EACH(EXPRESSION)                                                                      \
    for (size_t j = 0; j < n; j++) out[j] = (EXPRESSION);                                        \
    break

static void compare(int32_t op, size_t n, int32_t *restrict out, const int32_t *a, const int32_t *b) {
    switch (op) {
    case NC_GT: NC_EACH(a[j] > b[j]);
    case NC_GE: NC_EACH(a[j] >= b[j]);
    case NC_LT: NC_EACH(a[j] < b[j]);
    case NC_LE: NC_EACH(a[j] <= b[j]);
    case NC_EQ: NC_EACH(a[j] == b[j]);
    default: NC_EACH(a[j] != b[j]); /* NC_NE */
    }
}

static void run_instruction(int32_t op, size_t n, int32_t *restrict out, const int32_t *a,
                            const int32_t *b, const int32_t *c) {
    switch (op) {
    case NC_ADD: NC_EACH((int32_t)((uint32_t)a[j] + (uint32_t)b[j]));
    case NC_SUB: NC_EACH((int32_t)((uint32_t)a[j] - (uint32_t)b[j]));
    case NC_MUL: NC_EACH((int32_t)((uint32_t)a[j] * (uint32_t)b[j]));
    case NC_MAX: NC_EACH(a[j] > b[j] ? a[j] : b[j]);
    case NC_MIN: NC_EACH(a[j] < b[j] ? a[j] : b[j]);
    case NC_ABS: NC_EACH(a[j] < 0 ? (int32_t)(0u - (uint32_t)a[j]) : a[j]);
    case NC_NEG: NC_EACH((int32_t)(0u - (uint32_t)a[j]));
    case NC_SELECT: NC_EACH(a[j] != 0 ? b[j] : c[j]);
    case NC_COPY: NC_EACH(a[j]);
    case NC_SHIFT_LEFT: NC_EACH((int32_t)((uint32_t)a[j] << (b[j] & 31)));
    case NC_SHIFT_RIGHT: NC_EACH(a[j] >> (b[j] & 31));
    case NC_SCALE: NC_EACH(scaled(a[j], b[j], c[j]));
    case NC_MOD: NC_EACH(nc_modulo(a[j], b[j]));
    default:
        compare(op, n, out, a, b);
        break;
    }
}

/* Stores one state; marks the neurons whose value differs. */
static void store_state(size_t n, const int32_t *restrict fresh, int32_t *restrict state,
                        uint8_t *restrict changed) {
    for (size_t j = 0; j < n; j++) {
        changed[j] |= (uint8_t)(fresh[j] != state[j]);
        state[j] = fresh[j];
    }
}

static int64_t count_beyond(size_t n, const int32_t *values, int32_t most) {
    int64_t count = 0;
    for (size_t j = 0; j < n; j++) count += values[j] > most || values[j] < -most;
    return count;
}

/* 1 where all of them are small enough for events. */
static int write_values(size_t n, const int32_t *emit, float *emitted) {
    int beyond = 0;
    for (size_t j = 0; j < n; j++) {
        beyond |= emit[j] > NC_MOST_GRADED || emit[j] < -NC_MOST_GRADED;
        emitted[j] = (float)emit[j];
    }
    return !beyond;
}

size_t nc_integer_step(const nc_program *program, const nc_integer *integer, float *const *base,
                       const uint8_t *step, size_t n, float *emitted, uint8_t *fired,
                       int32_t *membrane, int64_t *overflow, int *large) {
    size_t total = 0;
    for (size_t first = 0; first < n; first += NC_BLOCK) {
        const size_t m = n - first < NC_BLOCK ? n - first : NC_BLOCK;
#define NC_AT(r) ((int32_t *)(void *)base[r] + (step[r] != 0 ? first : 0))
        for (uint32_t k = 0; k < program->n_instructions; k++) {
            const nc_instruction *op = program->body + k;
            run_instruction(op->op, m, NC_AT(op->out), NC_AT(op->a), NC_AT(op->b), NC_AT(op->c));
        }
        const int32_t *emit = NC_AT(program->emit);
        for (size_t j = 0; j < m && fired != NULL; j++) fired[first + j] = emit[j] != 0;
        if (emitted != NULL && !write_values(m, emit, emitted + first)) *large = 1;
        for (uint32_t k = 0; k < integer->n_watches; k++)
            overflow[k] += count_beyond(m, NC_AT(integer->watch[k]), integer->most[k]);
        if (membrane != NULL)
            memcpy(membrane + first, NC_AT(program->membrane), m * sizeof *membrane);
        uint8_t changed[NC_BLOCK] = {0};
        for (uint32_t s = 0; s < program->n_states; s++)
            store_state(m, NC_AT(program->next[s]), NC_AT(program->state[s]), changed);
        total += nc_count_u8(m, changed);
#undef NC_AT
    }
    return total;
}

const nc_whole *nc_whole_version(uint32_t version) {
    static const nc_whole *const all[] = {&nc_whole_base, &nc_whole_avx2, &nc_whole_avx512};
    return version < sizeof all / sizeof *all ? all[version] : NULL;
}
