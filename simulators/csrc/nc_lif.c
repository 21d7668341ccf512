/* Hot neuron programs, each one fused loop: the same operations in the same order as the program
 * that the interpreter would run (simulators/event/programs.py pairs them), so the same bits. */
#include "nc_kernel.h"

#include <string.h>

static inline uint32_t differs(float a, float b) {
    uint32_t x, y;
    memcpy(&x, &a, sizeof x);
    memcpy(&y, &b, sizeof y);
    return x != y ? 1u : 0u;
}

/* One loop for shared and one for per-neuron parameters. V_NEW and STORED are written in terms of
 * old (the stored membrane), b, th and in (the current that enters the membrane). */
#define NC_LIF_LOOP(PARAMS, V_NEW, STORED)                                                       \
    for (size_t j = 0; j < n; j++) {                                                             \
        const float b = beta[PARAMS], th = theta[PARAMS], old = v[j], in = x[j];                 \
        V_NEW;                                                                                   \
        const uint8_t z = fresh > th ? 1 : 0;                                                    \
        STORED;                                                                                  \
        changed += differs(stored, old);                                                         \
        v[j] = stored;                                                                           \
        fired[j] = z;                                                                            \
    }
#define NC_LIF_BOTH(V_NEW, STORED)                                                               \
    if (per_neuron != 0) {                                                                       \
        NC_LIF_LOOP(j, V_NEW, STORED)                                                            \
    } else {                                                                                     \
        NC_LIF_LOOP(0, V_NEW, STORED)                                                            \
    }                                                                                            \
    break;

#define NC_DRIVEN const float fresh = b * old + in
#define NC_KEEP const float stored = fresh
#define NC_ZERO_SAME const float stored = z != 0 ? 0.0f : fresh
#define NC_SUBTRACT_SAME const float stored = fresh - (float)(fresh > th) * th
#define NC_FIRED_BEFORE const float late = (float)(old > th)
#define NC_ZERO_NEXT                                                                             \
    NC_FIRED_BEFORE;                                                                             \
    const float fresh = b * ((1.0f - late) * old) + in
#define NC_SUBTRACT_NEXT                                                                         \
    NC_FIRED_BEFORE;                                                                             \
    const float fresh = (b * old + in) - late * th
#define NC_ZERO_NEXT_DISCARD                                                                     \
    NC_FIRED_BEFORE;                                                                             \
    const float full = b * old + in;                                                             \
    const float fresh = full - late * full

size_t nc_lif_step(int32_t form, int32_t per_neuron, size_t n, const float *restrict beta,
                   const float *restrict theta, const float *restrict x, float *restrict v,
                   uint8_t *restrict fired) {
    uint32_t changed = 0;
    switch (form) {
    case NC_LIF_ZERO_NEXT:
        NC_LIF_BOTH(NC_ZERO_NEXT, NC_KEEP)
    case NC_LIF_SUBTRACT_NEXT:
        NC_LIF_BOTH(NC_SUBTRACT_NEXT, NC_KEEP)
    case NC_LIF_ZERO_SAME:
        NC_LIF_BOTH(NC_DRIVEN, NC_ZERO_SAME)
    default: /* NC_LIF_SUBTRACT_SAME */
        NC_LIF_BOTH(NC_DRIVEN, NC_SUBTRACT_SAME)
    }
    return changed;
}

#define NC_CUBA_LOOP(PARAMS, V_NEW, STORED)                                                      \
    for (size_t j = 0; j < n; j++) {                                                             \
        const float b = beta[PARAMS], th = theta[PARAMS], old = v[j];                            \
        const float in = alpha[PARAMS] * i[j] + x[j];                                            \
        V_NEW;                                                                                   \
        const uint8_t z = fresh > th ? 1 : 0;                                                    \
        STORED;                                                                                  \
        changed += differs(stored, old) | differs(in, i[j]);                                     \
        i[j] = in;                                                                               \
        v[j] = stored;                                                                           \
        fired[j] = z;                                                                            \
    }
#define NC_CUBA_BOTH(V_NEW, STORED)                                                              \
    if (per_neuron != 0) {                                                                       \
        NC_CUBA_LOOP(j, V_NEW, STORED)                                                           \
    } else {                                                                                     \
        NC_CUBA_LOOP(0, V_NEW, STORED)                                                           \
    }                                                                                            \
    break;

size_t nc_cuba_step(int32_t form, int32_t per_neuron, size_t n, const float *restrict alpha,
                    const float *restrict beta, const float *restrict theta,
                    const float *restrict x, float *restrict i, float *restrict v,
                    uint8_t *restrict fired) {
    uint32_t changed = 0;
    switch (form) {
    case NC_CUBA_SUBTRACT_NEXT:
        NC_CUBA_BOTH(NC_SUBTRACT_NEXT, NC_KEEP)
    case NC_CUBA_ZERO_NEXT_DISCARD:
        NC_CUBA_BOTH(NC_ZERO_NEXT_DISCARD, NC_KEEP)
    default: /* NC_CUBA_ZERO_SAME */
        NC_CUBA_BOTH(NC_DRIVEN, NC_ZERO_SAME)
    }
    return changed;
}
