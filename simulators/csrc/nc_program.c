/* The generic interpreter of neuron programs: one operation at a time over a block of neurons. */
#include "nc_kernel.h"

#include <string.h>

/* Floats of this magnitude and more are whole numbers; below it they fit an int32. */
#define ALL_WHOLE 8388608.0f

/* Without <math.h>; the sign of zero stays, as do infinities and NaN. */
static inline float floor_of(float x) {
    if (!(x > -ALL_WHOLE && x < ALL_WHOLE)) return x;
    const float whole = (float)(int32_t)x; /* toward zero */
    return whole == x ? x : whole > x ? whole - 1.0f : whole;
}

static inline float without_sign(float x) {
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    bits &= 0x7FFFFFFFu;
    memcpy(&x, &bits, sizeof x);
    return x;
}

static void compare(int32_t op, size_t n, float *restrict out, const float *a, const float *b) {
    switch (op) {
    case NC_GT:
        for (size_t j = 0; j < n; j++) out[j] = a[j] > b[j] ? 1.0f : 0.0f;
        break;
    case NC_GE:
        for (size_t j = 0; j < n; j++) out[j] = a[j] >= b[j] ? 1.0f : 0.0f;
        break;
    case NC_LT:
        for (size_t j = 0; j < n; j++) out[j] = a[j] < b[j] ? 1.0f : 0.0f;
        break;
    case NC_LE:
        for (size_t j = 0; j < n; j++) out[j] = a[j] <= b[j] ? 1.0f : 0.0f;
        break;
    case NC_EQ:
        for (size_t j = 0; j < n; j++) out[j] = a[j] == b[j] ? 1.0f : 0.0f;
        break;
    default: /* NC_NE */
        for (size_t j = 0; j < n; j++) out[j] = a[j] != b[j] ? 1.0f : 0.0f;
        break;
    }
}

static void run_instruction(int32_t op, size_t n, float *restrict out, const float *a,
                            const float *b, const float *c) {
    switch (op) {
    case NC_ADD:
        for (size_t j = 0; j < n; j++) out[j] = a[j] + b[j];
        break;
    case NC_SUB:
        for (size_t j = 0; j < n; j++) out[j] = a[j] - b[j];
        break;
    case NC_MUL:
        for (size_t j = 0; j < n; j++) out[j] = a[j] * b[j];
        break;
    case NC_DIV:
        for (size_t j = 0; j < n; j++) out[j] = a[j] / b[j];
        break;
    case NC_MAX:
        for (size_t j = 0; j < n; j++) out[j] = a[j] > b[j] ? a[j] : b[j];
        break;
    case NC_MIN:
        for (size_t j = 0; j < n; j++) out[j] = a[j] < b[j] ? a[j] : b[j];
        break;
    case NC_FLOOR:
        for (size_t j = 0; j < n; j++) out[j] = floor_of(a[j]);
        break;
    case NC_ABS:
        for (size_t j = 0; j < n; j++) out[j] = without_sign(a[j]);
        break;
    case NC_NEG:
        for (size_t j = 0; j < n; j++) out[j] = -a[j];
        break;
    case NC_SELECT:
        for (size_t j = 0; j < n; j++) out[j] = a[j] != 0.0f ? b[j] : c[j];
        break;
    case NC_COPY:
        for (size_t j = 0; j < n; j++) out[j] = a[j];
        break;
    default:
        compare(op, n, out, a, b);
        break;
    }
}

static inline uint32_t bits_of(const float *p) {
    uint32_t bits;
    memcpy(&bits, p, sizeof bits);
    return bits;
}

/* Stores one state; marks the neurons whose bits differ. */
static void store_state(size_t n, const float *restrict fresh, float *restrict state,
                        uint8_t *restrict changed) {
    for (size_t j = 0; j < n; j++) {
        changed[j] |= (uint8_t)(bits_of(fresh + j) != bits_of(state + j));
        state[j] = fresh[j];
    }
}

/* 1 where a wins over b, which comes first. */
static inline int wins(float a, float b) {
    return a > b || (a != a && b == b);
}

size_t nc_first_largest_f32(size_t n, const float *restrict values) {
    size_t best = 0;
    for (size_t j = 1; j < n; j++)
        if (wins(values[j], values[best])) best = j;
    return best;
}

/* The winner's emission stays. */
static void silence_others(size_t n, size_t winner, float *emitted, uint8_t *fired) {
    for (size_t j = 0; j < n && emitted != NULL; j++)
        if (j != winner) emitted[j] = 0.0f;
    for (size_t j = 0; j < n && fired != NULL; j++)
        if (j != winner) fired[j] = 0;
}

static void write_results(const float *emit, size_t n, float *emitted, uint8_t *fired) {
    if (emitted != NULL) memcpy(emitted, emit, n * sizeof *emit);
    if (fired != NULL)
        for (size_t j = 0; j < n; j++) fired[j] = emit[j] != 0.0f ? 1 : 0;
}

size_t nc_program_step(const nc_program *program, float *const *base, const uint8_t *step, size_t n,
                       float *emitted, uint8_t *fired, float *membrane) {
    size_t total = 0, winner = 0;
    float largest = 0.0f;
    for (size_t first = 0; first < n; first += NC_BLOCK) {
        const size_t m = n - first < NC_BLOCK ? n - first : NC_BLOCK;
#define NC_AT(r) (base[r] + (step[r] != 0 ? first : 0))
        for (uint32_t k = 0; k < program->n_instructions; k++) {
            const nc_instruction *op = program->body + k;
            run_instruction(op->op, m, NC_AT(op->out), NC_AT(op->a), NC_AT(op->b), NC_AT(op->c));
        }
        write_results(NC_AT(program->emit), m, emitted == NULL ? NULL : emitted + first,
                      fired == NULL ? NULL : fired + first);
        if (program->competes) {
            const float *values = NC_AT(program->winner);
            const size_t place = nc_first_largest_f32(m, values);
            if (first == 0 || wins(values[place], largest)) {
                winner = first + place;
                largest = values[place];
            }
        }
        if (membrane != NULL)
            memcpy(membrane + first, NC_AT(program->membrane), m * sizeof *membrane);
        uint8_t changed[NC_BLOCK] = {0};
        for (uint32_t s = 0; s < program->n_states; s++)
            store_state(m, NC_AT(program->next[s]), NC_AT(program->state[s]), changed);
        total += nc_count_u8(m, changed);
#undef NC_AT
    }
    if (program->competes) silence_others(n, winner, emitted, fired);
    return total;
}
