/* Convolution by scatter: an event adds one short row of output channels per tap it is seen by.
 *
 * Accumulators are position-major, so that a row is contiguous; the flush brings the positions that
 * were hit into the (channel, position) order of the network. For a given source and target there is
 * one tap, so ascending events are ascending sources at every accumulator.
 */
#include "nc_kernel.h"

#include <string.h>

typedef struct {
    uint32_t c, y, x;
} place;

static inline place place_of(const nc_window *g, uint32_t i) {
    const uint32_t plane = g->h * g->w, inside = i % plane;
    return (place){.c = i / plane, .y = inside / g->w, .x = inside % g->w};
}

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

#define NC_CONV(NAME, W, A)                                                                      \
    void NAME(const nc_window *restrict g, const W *restrict weights,                            \
              const uint32_t *restrict idx, const float *restrict val, size_t count,             \
              A *restrict acc, uint8_t *restrict dirty) {                                        \
        const size_t wide = g->out_stride;                                                       \
        for (size_t k = 0; k < count; k++) {                                                     \
            const place at = place_of(g, idx[k]);                                                \
            const A x = val == NULL ? (A)1 : (A)val[k];                                          \
            NC_FOR_TAPS(g, at, {                                                                 \
                const W *restrict row = weights + t * wide;                                      \
                A *restrict sum = acc + slot * wide;                                             \
                for (size_t o = 0; o < wide; o++) sum[o] += (A)row[o] * x;                       \
                dirty[slot] = 1;                                                                 \
            });                                                                                  \
        }                                                                                        \
    }
NC_CONV(nc_conv_f32, float, float)
NC_CONV(nc_conv_i8_i32, int8_t, int32_t)
NC_CONV(nc_conv_i16_i32, int16_t, int32_t)
NC_CONV(nc_conv_i8_i64, int8_t, int64_t)
NC_CONV(nc_conv_i16_i64, int16_t, int64_t)
NC_CONV(nc_conv_i8_f32, int8_t, float)
NC_CONV(nc_conv_i16_f32, int16_t, float)

#define NC_CONV_FLUSH(NAME, A)                                                                   \
    void NAME(const nc_window *restrict g, float scale, A *restrict acc,                         \
              uint8_t *restrict dirty, float *restrict out) {                                    \
        const size_t places = (size_t)g->oh * g->ow, per_group = g->c_out / g->groups;           \
        const float silent = 0.0f * scale;                                                       \
        for (size_t j = 0; j < places * g->c_out; j++) out[j] = silent;                          \
        for (size_t p = 0; p < places; p++) {                                                    \
            for (size_t group = 0; group < g->groups; group++) {                                 \
                const size_t slot = p * g->groups + group;                                       \
                if (dirty[slot] == 0) continue;                                                  \
                dirty[slot] = 0;                                                                 \
                A *restrict sum = acc + slot * g->out_stride;                                    \
                float *restrict column = out + group * per_group * places + p;                   \
                for (size_t o = 0; o < per_group; o++)                                           \
                    column[o * places] = (float)sum[o] * scale;                                  \
                memset(sum, 0, g->out_stride * sizeof *sum);                                     \
            }                                                                                    \
        }                                                                                        \
    }
NC_CONV_FLUSH(nc_conv_flush_f32, float)
NC_CONV_FLUSH(nc_conv_flush_i32, int32_t)
NC_CONV_FLUSH(nc_conv_flush_i64, int64_t)

void nc_conv_touch_dirty(const nc_window *restrict g, const uint8_t *restrict dirty,
                         uint8_t *restrict touched) {
    const size_t places = (size_t)g->oh * g->ow, per_group = g->c_out / g->groups;
    for (size_t p = 0; p < places; p++) {
        for (size_t group = 0; group < g->groups; group++) {
            if (dirty[p * g->groups + group] == 0) continue;
            uint8_t *restrict column = touched + group * per_group * places + p;
            for (size_t o = 0; o < per_group; o++) column[o * places] = 1;
        }
    }
}

void nc_conv_touch(const nc_window *restrict g, const uint8_t *restrict nonzero,
                   const uint32_t *restrict idx, size_t count, uint8_t *restrict touched) {
    const size_t places = (size_t)g->oh * g->ow, per_group = g->c_out / g->groups;
    for (size_t k = 0; k < count; k++) {
        const place at = place_of(g, idx[k]);
        NC_FOR_TAPS(g, at, {
            const uint8_t *restrict row = nonzero + t * g->out_stride;
            uint8_t *restrict column =
                touched + (slot % g->groups) * per_group * places + slot / g->groups;
            for (size_t o = 0; o < per_group; o++) column[o * places] |= row[o];
        });
    }
}
