/* One projection in one step: the right loop for its operator and dtype, then scale and touch. */
#include "nc_driver.h"

#include <string.h>

#define EV events.idx, events.val, events.count

static void linear_float(const nc_projection *p, nc_events events, float *acc) {
    const void *w = p->weights;
    switch (p->kind * 3 + p->weight_type) {
    case NC_DENSE * 3 + NC_F32:
        nc_dense_f32(w, p->stride, EV, acc);
        break;
    case NC_DENSE * 3 + NC_I8:
        nc_dense_i8_f32(w, p->stride, EV, acc);
        break;
    case NC_DENSE * 3 + NC_I16:
        nc_dense_i16_f32(w, p->stride, EV, acc);
        break;
    case NC_CSR * 3 + NC_F32:
        nc_csr_f32(p->indptr, p->targets, w, EV, acc);
        break;
    case NC_CSR * 3 + NC_I8:
        nc_csr_i8_f32(p->indptr, p->targets, w, EV, acc);
        break;
    case NC_CSR * 3 + NC_I16:
        nc_csr_i16_f32(p->indptr, p->targets, w, EV, acc);
        break;
    case NC_DIAGONAL * 3 + NC_F32:
        nc_diagonal_f32(w, EV, acc);
        break;
    case NC_DIAGONAL * 3 + NC_I8:
        nc_diagonal_i8_f32(w, EV, acc);
        break;
    default:
        nc_diagonal_i16_f32(w, EV, acc);
        break;
    }
}

static void linear_i32(const nc_projection *p, nc_events events, int32_t *acc) {
    const void *w = p->weights;
    const int wide = p->weight_type == NC_I16;
    if (p->kind == NC_DENSE) {
        if (wide) nc_dense_i16_i32(w, p->stride, EV, acc);
        else nc_dense_i8_i32(w, p->stride, EV, acc);
    } else if (p->kind == NC_CSR) {
        if (wide) nc_csr_i16_i32(p->indptr, p->targets, w, EV, acc);
        else nc_csr_i8_i32(p->indptr, p->targets, w, EV, acc);
    } else {
        if (wide) nc_diagonal_i16_i32(w, EV, acc);
        else nc_diagonal_i8_i32(w, EV, acc);
    }
}

static void linear_i64(const nc_projection *p, nc_events events, int64_t *acc) {
    const void *w = p->weights;
    const int wide = p->weight_type == NC_I16;
    if (p->kind == NC_DENSE) {
        if (wide) nc_dense_i16_i64(w, p->stride, EV, acc);
        else nc_dense_i8_i64(w, p->stride, EV, acc);
    } else if (p->kind == NC_CSR) {
        if (wide) nc_csr_i16_i64(p->indptr, p->targets, w, EV, acc);
        else nc_csr_i8_i64(p->indptr, p->targets, w, EV, acc);
    } else {
        if (wide) nc_diagonal_i16_i64(w, EV, acc);
        else nc_diagonal_i8_i64(w, EV, acc);
    }
}

/* The accumulators an integer projection needs for these values: 32 or 64 bits, 0 for more. */
static int bits_needed(const nc_projection *p, nc_events events) {
    if (events.val == NULL) return p->limit_i32 >= 1.0f ? 32 : p->limit_i64 >= 1.0f ? 64 : 0;
    if (nc_within_f32(events.count, events.val, p->limit_i32)) return 32;
    return nc_within_f32(events.count, events.val, p->limit_i64) ? 64 : 0;
}

static size_t padded_out(const nc_projection *p) {
    return p->kind == NC_DENSE ? p->stride : p->n_out;
}

/* Dense, CSR and diagonal. */
static nc_status linear(const nc_projection *p, nc_events events, nc_run *run, float *out) {
    const size_t n = padded_out(p);
    if (!p->exact) {
        memset(out, 0, n * sizeof *out);
        linear_float(p, events, out);
        if (p->weight_type != NC_F32) nc_scale_f32(p->n_out, p->scale, out);
        return NC_OK;
    }
    const int bits = bits_needed(p, events);
    if (bits == 0) return NC_TOO_LARGE;
    if (bits == 32) {
        int32_t *acc = (int32_t *)run->exact;
        memset(acc, 0, n * sizeof *acc);
        linear_i32(p, events, acc);
        nc_scale_i32(p->n_out, p->scale, acc, out);
    } else {
        memset(run->exact, 0, n * sizeof *run->exact);
        linear_i64(p, events, run->exact);
        nc_scale_i64(p->n_out, p->scale, run->exact, out);
    }
    return NC_OK;
}

static void conv_touch(const nc_projection *p, const nc_projection_run *at, nc_events events,
                       uint8_t *touched) {
    if (touched == NULL) return;
    if (p->nonzero == NULL) nc_conv_touch_dirty(p->window, at->dirty, touched);
    else nc_conv_touch(p->window, p->nonzero, events.idx, events.count, touched);
}

static void conv_float(const nc_projection *p, const nc_projection_run *at, nc_events events) {
    const nc_window *g = p->window;
    if (p->weight_type == NC_F32) nc_conv_f32(g, p->weights, EV, at->acc, at->dirty);
    else if (p->weight_type == NC_I8) nc_conv_i8_f32(g, p->weights, EV, at->acc, at->dirty);
    else nc_conv_i16_f32(g, p->weights, EV, at->acc, at->dirty);
}

static nc_status conv(const nc_projection *p, const nc_projection_run *at, nc_events events,
                      float *out, uint8_t *touched) {
    const nc_window *g = p->window;
    const int wide = p->weight_type == NC_I16;
    if (!p->exact) {
        conv_float(p, at, events);
        conv_touch(p, at, events, touched);
        nc_conv_flush_f32(g, p->scale, at->acc, at->dirty, out);
        return NC_OK;
    }
    const int bits = bits_needed(p, events);
    if (bits == 0) return NC_TOO_LARGE;
    if (bits == 32) {
        if (wide) nc_conv_i16_i32(g, p->weights, EV, at->acc, at->dirty);
        else nc_conv_i8_i32(g, p->weights, EV, at->acc, at->dirty);
        conv_touch(p, at, events, touched);
        nc_conv_flush_i32(g, p->scale, at->acc, at->dirty, out);
    } else {
        if (wide) nc_conv_i16_i64(g, p->weights, EV, at->acc, at->dirty);
        else nc_conv_i8_i64(g, p->weights, EV, at->acc, at->dirty);
        conv_touch(p, at, events, touched);
        nc_conv_flush_i64(g, p->scale, at->acc, at->dirty, out);
    }
    return NC_OK;
}

static void pool(const nc_projection *p, nc_events events, float *out) {
    memset(out, 0, p->n_out * sizeof *out);
    nc_pool_sum_f32(p->window, EV, out);
    if (p->divisors != NULL) {
        const size_t positions = (size_t)p->window->oh * p->window->ow;
        nc_divide_planes_f32(p->window->c_out, positions, p->divisors, out);
    } else if (p->divisor != 0.0f) nc_divide_f32(p->n_out, p->divisor, out);
}

static void max_pool(const nc_projection *p, nc_events events, float *out) {
    if (events.val == NULL)
        nc_max_pool_events(p->window, events.idx, events.count, out);
    else
        nc_max_pool_f32(p->window, p->pool_stride, p->pool_padding, p->pool_dilation,
                        events.dense, out);
}

static int touch(const nc_projection *p, nc_events events, nc_run *run, uint8_t *touched) {
    switch (p->kind) {
    case NC_DENSE:
        return nc_dense_touch(p->row_full, p->mask, p->words, events.idx, events.count, p->n_out,
                              run->hit, touched);
    case NC_CSR:
    case NC_ROUTE:
        nc_csr_touch(p->indptr, p->targets, p->nonzero, events.idx, events.count, touched);
        return 0;
    case NC_POOL:
    case NC_MAX_POOL:
        nc_pool_touch(p->window, events.idx, events.count, touched);
        return 0;
    default: /* diagonal, identity */
        nc_identity_touch(p->nonzero, events.idx, events.count, touched);
        return 0;
    }
}

nc_status nc_project(const nc_projection *p, const nc_projection_run *at, nc_events events,
                     nc_run *run, float *out, uint8_t *touched, int *all) {
    nc_status status = NC_OK;
    *all = 0;
    switch (p->kind) {
    case NC_DENSE:
    case NC_CSR:
    case NC_DIAGONAL:
        status = linear(p, events, run, out);
        break;
    case NC_CONV:
        return conv(p, at, events, out, touched);
    case NC_POOL:
        pool(p, events, out);
        break;
    case NC_MAX_POOL:
        max_pool(p, events, out);
        break;
    case NC_IDENTITY:
        memset(out, 0, p->n_out * sizeof *out);
        nc_identity_f32(EV, out);
        break;
    case NC_ROUTE:
        memset(out, 0, p->n_out * sizeof *out);
        nc_route_f32(p->indptr, p->targets, EV, out);
        break;
    default:
        return NC_BAD_KIND;
    }
    if (touched != NULL && status == NC_OK) *all = touch(p, events, run, touched);
    return status;
}
