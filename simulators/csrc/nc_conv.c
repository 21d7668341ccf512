/* Convolution by scatter, the plain loops: an event adds one short row of output channels per tap it is
 * seen by.
 *
 * Accumulators are position-major, so that a row is contiguous; the flush brings the columns that were
 * hit into the (channel, position) order of the network. For a given source and target there is one
 * tap, so ascending events are ascending sources at every accumulator.
 */
#include "nc_kernel.h"

#include <string.h>

/* Runs BODY for every tap that sees the event at `at`; `t` is the tap's index in the weights
 * [c_in][kh][kw] and `slot` the accumulator row in [oh * ow][groups]. */
#define NC_FOR_TAPS(g, at, BODY)                                                                 \
    do {                                                                                         \
        const size_t group = (at).c / ((g)->c_in / (g)->groups);                                 \
        for (uint32_t r = (g)->row_start[(at).y]; r < (g)->row_start[(at).y + 1]; r++) {         \
            const size_t tap_row = ((size_t)(at).c * (g)->kh + (g)->row_tap[r]) * (g)->kw;       \
            const size_t out_row = (size_t)(g)->row_out[r] * (g)->ow;                            \
            for (uint32_t q = (g)->col_start[(at).x]; q < (g)->col_start[(at).x + 1]; q++) {     \
                const size_t t = tap_row + (g)->col_tap[q];                                      \
                const size_t slot = (out_row + (g)->col_out[q]) * (g)->groups + group;           \
                BODY                                                                             \
            }                                                                                    \
        }                                                                                        \
    } while (0)

static void widen(const nc_window *g, size_t slot, uint32_t *dirty) {
    const uint32_t place = (uint32_t)(slot / g->groups), y = place / g->ow, x = place % g->ow;
    if (x < dirty[2 * y]) dirty[2 * y] = x;
    if (x >= dirty[2 * y + 1]) dirty[2 * y + 1] = x + 1;
}

#define NC_CONV(NAME, A)                                                                         \
    void NAME(const nc_window *g, const float *restrict weights, const nc_span *span,            \
              A *restrict acc, uint32_t *restrict dirty) {                                       \
        const size_t wide = g->out_stride;                                                       \
        for (size_t k = 0; k < span->count; k++) {                                               \
            const nc_place at = g->place[span->idx[k]];                                          \
            const A x = span->val == NULL ? (A)1 : (A)span->val[k];                              \
            NC_FOR_TAPS(g, at, {                                                                 \
                const float *restrict row = weights + t * wide;                                  \
                A *restrict sum = acc + slot * wide;                                             \
                for (size_t o = 0; o < wide; o++) sum[o] += (A)row[o] * x;                       \
                widen(g, slot, dirty);                                                           \
            });                                                                                  \
        }                                                                                        \
    }
NC_CONV(nc_conv_naive_f32, float)
NC_CONV(nc_conv_i32, int32_t)
NC_CONV(nc_conv_i64, int64_t)

#define NC_CONV_FLUSH(NAME, A)                                                                   \
    void NAME(const nc_window *g, float scale, A *restrict acc, uint32_t *restrict dirty,        \
              float *restrict out) {                                                             \
        const size_t places = (size_t)g->oh * g->ow, per_group = g->c_out / g->groups;           \
        const float silent = 0.0f * scale;                                                       \
        for (size_t j = 0; j < places * g->c_out; j++) out[j] = silent;                          \
        for (size_t p = 0; p < places; p++) {                                                    \
            const size_t y = p / g->ow, x = p % g->ow;                                           \
            if (x < dirty[2 * y] || x >= dirty[2 * y + 1]) continue;                             \
            for (size_t group = 0; group < g->groups; group++) {                                 \
                A *restrict sum = acc + (p * g->groups + group) * g->out_stride;                 \
                float *restrict column = out + group * per_group * places + p;                   \
                for (size_t o = 0; o < per_group; o++)                                           \
                    column[o * places] = (float)sum[o] * scale;                                  \
                memset(sum, 0, g->out_stride * sizeof *sum);                                     \
            }                                                                                    \
        }                                                                                        \
        for (size_t y = 0; y < g->oh; y++) {                                                     \
            dirty[2 * y] = g->ow;                                                                \
            dirty[2 * y + 1] = 0;                                                                \
        }                                                                                        \
    }
NC_CONV_FLUSH(nc_conv_flush_i32, int32_t)
NC_CONV_FLUSH(nc_conv_flush_i64, int64_t)

void nc_conv_touch(const nc_window *g, const float *restrict weights, const uint32_t *restrict idx,
                   size_t count, uint8_t *restrict touched) {
    const size_t places = (size_t)g->oh * g->ow, per_group = g->c_out / g->groups;
    for (size_t k = 0; k < count; k++) {
        const nc_place at = g->place[idx[k]];
        NC_FOR_TAPS(g, at, {
            const float *restrict row = weights + t * g->out_stride;
            uint8_t *restrict column =
                touched + (slot % g->groups) * per_group * places + slot / g->groups;
            for (size_t o = 0; o < per_group; o++) column[o * places] |= (uint8_t)(row[o] != 0.0f);
        });
    }
}
