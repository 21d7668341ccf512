/* Pooling: window sums and maxima of events, and maxima of currents. */
#include "nc_kernel.h"

#include <string.h>

/* Runs BODY for every window that holds event i; `j` is the window's flat output index. */
#define NC_FOR_WINDOWS(g, i, BODY)                                                               \
    do {                                                                                         \
        const nc_place at = (g)->place[i];                                                       \
        const size_t first = (size_t)at.c * (g)->oh;                                             \
        for (uint32_t r = (g)->row_start[at.y]; r < (g)->row_start[at.y + 1]; r++) {             \
            for (uint32_t q = (g)->col_start[at.x]; q < (g)->col_start[at.x + 1]; q++) {         \
                const size_t j = (first + (g)->row_out[r]) * (g)->ow + (g)->col_out[q];          \
                BODY                                                                             \
            }                                                                                    \
        }                                                                                        \
    } while (0)

void nc_pool_sum_f32(const nc_window *restrict g, const uint32_t *restrict idx,
                     const float *restrict val, size_t count, float *restrict acc) {
    if (g->only != NULL) { /* windows that do not overlap */
        for (size_t k = 0; k < count; k++) {
            const uint32_t j = g->only[idx[k]];
            if (j != UINT32_MAX) acc[j] += val == NULL ? 1.0f : val[k];
        }
        return;
    }
    for (size_t k = 0; k < count; k++) {
        const float value = val == NULL ? 1.0f : val[k];
        NC_FOR_WINDOWS(g, idx[k], { acc[j] += value; });
    }
}

void nc_pool_touch(const nc_window *restrict g, const uint32_t *restrict idx, size_t count,
                   uint8_t *restrict touched) {
    for (size_t k = 0; k < count; k++) NC_FOR_WINDOWS(g, idx[k], { touched[j] = 1; });
}

void nc_max_pool_events(const nc_window *restrict g, const uint32_t *restrict idx, size_t count,
                        float *restrict out) {
    for (size_t k = 0; k < count; k++) NC_FOR_WINDOWS(g, idx[k], { out[j] = 1.0f; });
}

/* The element that a tap sees, or -inf on padding (rows and columns wrap to large numbers there). */
static inline float seen(const nc_window *g, const float *plane, uint32_t y, uint32_t x) {
    const uint32_t lowest = 0xFF800000u; /* -inf, without <math.h> */
    float nothing;
    memcpy(&nothing, &lowest, sizeof nothing);
    return y < g->h && x < g->w ? plane[(size_t)y * g->w + x] : nothing;
}

static float window_max(const nc_window *g, const uint32_t *dilation, const float *plane,
                        uint32_t y0, uint32_t x0) {
    float best = seen(g, plane, y0, x0);
    for (uint32_t ky = 0; ky < g->kh; ky++) {
        for (uint32_t kx = 0; kx < g->kw; kx++) {
            const float value = seen(g, plane, y0 + ky * dilation[0], x0 + kx * dilation[1]);
            best = value > best ? value : best;
        }
    }
    return best;
}

void nc_max_pool_f32(const nc_window *restrict g, const uint32_t *restrict stride,
                     const uint32_t *restrict padding, const uint32_t *restrict dilation,
                     const float *restrict x, float *restrict out) {
    size_t j = 0;
    for (size_t c = 0; c < g->c_out; c++) {
        const float *plane = x + c * g->h * g->w;
        for (uint32_t oy = 0; oy < g->oh; oy++)
            for (uint32_t ox = 0; ox < g->ow; ox++)
                out[j++] = window_max(g, dilation, plane, oy * stride[0] - padding[0],
                                      ox * stride[1] - padding[1]);
    }
}
