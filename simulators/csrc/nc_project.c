/* One projection in one step: the right loop for its operator and dtype, then scale and touch. */
#include "nc_driver.h"

#include <string.h>

typedef struct {
    const nc_projection *p;
    const nc_worker *w;
    uint32_t index;
    const nc_span *span;
    size_t spans;
    nc_range range;
    int track;
    float *out;
    uint8_t *touched;
} job;

static int is_binary(const job *j) {
    for (size_t s = 0; s < j->spans; s++)
        if (j->span[s].val != NULL) return 0;
    return 1;
}

static int is_silent(const job *j) {
    for (size_t s = 0; s < j->spans; s++)
        if (j->span[s].count != 0) return 0;
    return 1;
}

static int within(const job *j, float limit) {
    if (!(limit >= 1.0f)) return 0;
    for (size_t s = 0; s < j->spans; s++)
        if (j->span[s].val != NULL && !nc_within_f32(j->span[s].count, j->span[s].val, limit))
            return 0;
    return 1;
}

/* 1 where no value has a fraction; an integer accumulator would drop it. Values are within int32. */
static int whole(const job *j) {
    for (size_t s = 0; s < j->spans; s++)
        for (size_t k = 0; j->span[s].val != NULL && k < j->span[s].count; k++)
            if ((float)(int32_t)j->span[s].val[k] != j->span[s].val[k]) return 0;
    return 1;
}

/* 1 where sums of the integer weights are exact: as integers, or as floats that hold them. */
static int is_exact(const job *j) {
    return j->p->exact || (j->p->weight_type != NC_F32 && is_binary(j) && j->p->limit_f32 >= 1.0f);
}

/* 1 where no product of a nonzero weight is zero, and a zero weight's is -0 like the weight. */
static int leaves_marks(const job *j) {
    for (size_t s = 0; s < j->spans; s++)
        if (j->span[s].val != NULL &&
            !nc_at_least_f32(j->span[s].count, j->span[s].val, j->p->mark_from))
            return 0;
    return 1;
}

/* 1 where a sum that is not 0, of integer weights times any numbers, may be -0 once it is scaled: it
 * must not be taken for NC_UNTOUCHED. */
static int may_vanish(const job *j) {
    return !j->p->exact && !(j->p->scale >= 1.0f) && !is_binary(j);
}

/* The accumulators an integer projection needs for these values: 32 or 64 bits, 0 for more. */
static int bits_needed(const job *j) {
    if (within(j, j->p->limit_i32)) return 32;
    return within(j, j->p->limit_i64) ? 64 : 0;
}

/* The events whose index lies in the range, of a list that ascends. */
static nc_span clip(const nc_span *span, nc_range range) {
    size_t first = 0, end = span->count;
    while (first < span->count && span->idx[first] < range.first) first++;
    while (end > first && span->idx[end - 1] >= range.end) end--;
    return (nc_span){.idx = span->idx + first,
                     .val = span->val == NULL ? NULL : span->val + first,
                     .count = end - first};
}

/* 32-bit accumulators, by neuron. They lie in the worker's own part of the 64-bit ones: another worker
 * may be at another projection, with sums of another width. */
static int32_t *narrow_of(const job *j) {
    return (int32_t *)(j->w->team->exact + j->range.first) - j->range.first;
}

/* ---- dense ---- */

static nc_dense blocks_of(const nc_dense *d, size_t first, size_t end) {
    static const size_t width[] = {[NC_F32] = 4, [NC_I8] = 1, [NC_I16] = 2};
    nc_dense part = *d;
    part.weights = (const char *)d->weights + first * d->n_in * NC_COLUMNS * width[d->type];
    part.blocks = end - first;
    part.mask = NULL; /* its rows have all blocks */
    return part;
}

static void dense_float(const nc_dense *d, const nc_span *span, float *acc) {
    if (d->type == NC_F32) nc_dense_f32(d, span, acc);
    else if (d->type == NC_I8) nc_dense_i8_f32(d, span, acc);
    else nc_dense_i16_f32(d, span, acc);
}

/* Values other than 1, or sums that may pass 32 bits: the plain loops. */
static nc_status dense_plain(const job *j, const nc_dense *d, float *out) {
    const size_t n = d->blocks * NC_COLUMNS, first = (size_t)(out - j->out);
    if (!j->p->exact) {
        memset(out, 0, n * sizeof *out);
        for (size_t s = 0; s < j->spans; s++) dense_float(d, j->span + s, out);
        if (d->type != NC_F32) nc_scale_f32(n, d->scale, out);
        return NC_OK;
    }
    const int bits = bits_needed(j);
    if (bits == 0) return NC_TOO_LARGE;
    int64_t *wide = j->w->team->exact + first;
    memset(wide, 0, n * sizeof *wide);
    if (bits == 32) {
        int32_t *acc = (int32_t *)wide;
        for (size_t s = 0; s < j->spans; s++) {
            if (d->type == NC_I8) nc_dense_i8_i32(d, j->span + s, acc);
            else nc_dense_i16_i32(d, j->span + s, acc);
        }
        j->w->wide->scale_i32(n, d->scale, acc, out);
        return NC_OK;
    }
    for (size_t s = 0; s < j->spans; s++) {
        if (d->type == NC_I8) nc_dense_i8_i64(d, j->span + s, wide);
        else nc_dense_i16_i64(d, j->span + s, wide);
    }
    nc_scale_i64(n, d->scale, wide, out);
    return NC_OK;
}

static nc_status dense(const job *j, nc_touch *touch) {
    const nc_dense *d = &j->p->dense;
    const size_t first = j->range.first / NC_COLUMNS;
    const size_t end = (j->range.end + NC_COLUMNS - 1) / NC_COLUMNS;
    if (d->type == NC_F32 || (is_binary(j) && is_exact(j) && j->p->limit_i32 >= 1.0f)) {
        j->w->wide->dense_sum(d, j->span, j->spans, first, end, j->out);
    } else {
        const nc_dense part = blocks_of(d, first, end);
        const nc_status status = dense_plain(j, &part, j->out + first * NC_COLUMNS);
        if (status != NC_OK) return status;
    }
    if (!j->track) return NC_OK;
    const int flags = may_vanish(j);
    *touch = NC_TOUCH_ALL;
    for (size_t b = first; b < end; b++) {
        const size_t left = j->range.end - b * NC_COLUMNS;
        const uint64_t there = left >= 64 ? ~(uint64_t)0 : ((uint64_t)1 << left) - 1;
        const uint64_t hit = nc_dense_reached(d, b, j->span, j->spans);
        if (flags) {
            uint8_t *touched = j->touched + b * NC_COLUMNS;
            for (size_t k = 0; k < 64 && k < left; k++) touched[k] |= (uint8_t)(hit >> k & 1);
            *touch = NC_TOUCH_FLAGS;
            continue;
        }
        if ((hit & there) == there) continue;
        *touch = NC_TOUCH_MARKS;
        for (size_t k = 0; k < 64; k++)
            if ((hit >> k & 1) == 0) j->out[b * NC_COLUMNS + k] = NC_UNTOUCHED;
    }
    return NC_OK;
}

/* ---- sparse rows ---- */

nc_csr nc_rows_of(const nc_worker *w, uint32_t index, nc_range range, size_t block) {
    const nc_projection *p = w->network->projection + index;
    const int64_t *rows = p->rows + block * (p->n_in + 1);
    const int64_t *cut = w->run->projection[index].cut;
    const size_t base = block * NC_CSR_BLOCK;
    nc_csr m = {.begin = rows, .end = rows + 1, .targets = p->local, .weights = p->weights};
    if (range.first > base) m.begin = cut + (size_t)(w->me - 1) * p->n_in;
    if (range.end < p->n_out && range.end < base + NC_CSR_BLOCK)
        m.end = cut + (size_t)w->me * p->n_in;
    return m;
}

static int64_t csr_float(const nc_csr *m, int32_t type, const nc_span *span, float *acc) {
    if (type == NC_F32) return nc_csr_f32(m, span, acc);
    return type == NC_I8 ? nc_csr_i8_f32(m, span, acc) : nc_csr_i16_f32(m, span, acc);
}

static int64_t csr_i32(const nc_csr *m, int32_t type, const nc_span *span, int32_t *acc) {
    return type == NC_I8 ? nc_csr_i8_i32(m, span, acc) : nc_csr_i16_i32(m, span, acc);
}

static int64_t csr_i64(const nc_csr *m, int32_t type, const nc_span *span, int64_t *acc) {
    return type == NC_I8 ? nc_csr_i8_i64(m, span, acc) : nc_csr_i16_i64(m, span, acc);
}

static int64_t csr_packed(const nc_csr *m, int32_t type, int32_t unit, const nc_span *span,
                          int32_t *acc) {
    return type == NC_I8 ? nc_csr_i8_packed(m, span, unit, acc)
                         : nc_csr_i16_packed(m, span, unit, acc);
}

enum { CSR_FLOAT, CSR_I32, CSR_I64, CSR_PACKED };

static int64_t csr_sums(const job *j, int how, size_t base, const nc_csr *m) {
    const nc_projection *p = j->p;
    const int32_t type = p->weight_type, unit = (int32_t)1 << p->shift;
    int32_t *narrow = narrow_of(j);
    int64_t stored = 0;
    for (size_t s = 0; s < j->spans; s++) {
        const nc_span *span = j->span + s;
        if (how == CSR_FLOAT) stored += csr_float(m, type, span, j->out + base);
        else if (how == CSR_I32) stored += csr_i32(m, type, span, narrow + base);
        else if (how == CSR_I64) stored += csr_i64(m, type, span, j->w->team->exact + base);
        else stored += csr_packed(m, type, unit, span, narrow + base);
    }
    return stored;
}

static void csr_scale(const job *j, int how) {
    const nc_projection *p = j->p;
    const size_t first = j->range.first, n = j->range.end - first;
    const int32_t *narrow = narrow_of(j) + first;
    float *out = j->out + first;
    if (how == CSR_I32) j->w->wide->scale_i32(n, p->scale, narrow, out);
    else if (how == CSR_I64) nc_scale_i64(n, p->scale, j->w->team->exact + first, out);
    else if (how == CSR_PACKED) j->w->wide->scale_packed(n, p->scale, p->shift, narrow, out);
    else if (p->weight_type != NC_F32) nc_scale_f32(n, p->scale, out);
}

static void empty_floats(float *out, nc_range range) {
    for (size_t k = range.first; k < range.end; k++) out[k] = NC_UNTOUCHED;
}

int64_t nc_sparse_sums(const nc_worker *w, uint32_t index, const nc_span *span, nc_range range, int track,
                       float *out, nc_sums *sums) {
    const nc_projection *p = w->network->projection + index;
    const job j = {.p = p, .w = w, .index = index, .span = span, .spans = w->run->workers,
                   .range = range, .out = out};
    const int how = p->weight_type == NC_F32 ? CSR_FLOAT : track ? CSR_PACKED : CSR_I32;
    int32_t *narrow = narrow_of(&j);
    *sums = (nc_sums){.scale = p->scale, .shift = p->shift};
    if (how == CSR_FLOAT) {
        sums->floats = out;
        empty_floats(out, range);
    } else {
        if (track) sums->packed = narrow;
        else sums->whole = narrow;
        memset(narrow + range.first, 0, (range.end - range.first) * sizeof *narrow);
    }
    int64_t stored = 0;
    for (size_t b = range.first / NC_CSR_BLOCK; b * NC_CSR_BLOCK < range.end; b++) {
        const nc_csr m = nc_rows_of(w, index, range, b);
        stored += csr_sums(&j, how, b * NC_CSR_BLOCK, &m);
    }
    return stored;
}

static nc_status csr(const job *j, nc_touch *touch) {
    const nc_projection *p = j->p;
    const size_t first = j->range.first, end = j->range.end, n = end - first;
    const int plain = is_binary(j) && p->no_zero;
    int how = CSR_FLOAT;
    if (is_exact(j)) {
        const int bits = bits_needed(j);
        if (bits == 0) return NC_TOO_LARGE;
        how = bits == 64 ? CSR_I64 : CSR_I32;
        if (j->track && plain && p->shift != 0) how = CSR_PACKED;
    }
    const int marks = j->track && plain && (how == CSR_PACKED || p->weight_type == NC_F32);
    if (how == CSR_I64) memset(j->w->team->exact + first, 0, n * sizeof(int64_t));
    else if (how != CSR_FLOAT) memset(narrow_of(j) + first, 0, n * sizeof(int32_t));
    else if (marks) empty_floats(j->out, j->range);
    else memset(j->out + first, 0, n * sizeof *j->out);
    if (j->track) *touch = marks ? NC_TOUCH_MARKS : NC_TOUCH_FLAGS;
    for (size_t b = first / NC_CSR_BLOCK; b * NC_CSR_BLOCK < end; b++) {
        const size_t base = b * NC_CSR_BLOCK;
        const nc_csr m = nc_rows_of(j->w, j->index, j->range, b);
        csr_sums(j, how, base, &m);
        for (size_t s = 0; s < j->spans && j->track && !marks; s++)
            nc_csr_touch(&m, p->weight_type, j->span + s, j->touched + base);
    }
    csr_scale(j, how);
    return NC_OK;
}

/* ---- one to one ---- */

static nc_status diagonal(const job *j) {
    const nc_projection *p = j->p;
    const void *w = p->weights;
    const size_t first = j->range.first, n = j->range.end - first;
    const int bits = p->exact ? bits_needed(j) : 0, wide = p->weight_type == NC_I16;
    if (p->exact && bits == 0) return NC_TOO_LARGE;
    int32_t *narrow = narrow_of(j);
    int64_t *large = j->w->team->exact;
    if (!p->exact) memset(j->out + first, 0, n * sizeof *j->out);
    else if (bits == 32) memset(narrow + first, 0, n * sizeof *narrow);
    else memset(large + first, 0, n * sizeof *large);
    for (size_t s = 0; s < j->spans; s++) {
        const nc_span e = clip(j->span + s, j->range);
        if (p->weight_type == NC_F32) nc_diagonal_f32(w, e.idx, e.val, e.count, j->out);
        else if (!p->exact && wide) nc_diagonal_i16_f32(w, e.idx, e.val, e.count, j->out);
        else if (!p->exact) nc_diagonal_i8_f32(w, e.idx, e.val, e.count, j->out);
        else if (bits == 32 && wide) nc_diagonal_i16_i32(w, e.idx, e.val, e.count, narrow);
        else if (bits == 32) nc_diagonal_i8_i32(w, e.idx, e.val, e.count, narrow);
        else if (wide) nc_diagonal_i16_i64(w, e.idx, e.val, e.count, large);
        else nc_diagonal_i8_i64(w, e.idx, e.val, e.count, large);
    }
    if (p->weight_type == NC_F32) return NC_OK;
    if (!p->exact) nc_scale_f32(n, p->scale, j->out + first);
    else if (bits == 32) j->w->wide->scale_i32(n, p->scale, narrow + first, j->out + first);
    else nc_scale_i64(n, p->scale, large + first, j->out + first);
    return NC_OK;
}

static void one_to_one_touch(const job *j) {
    for (size_t s = 0; s < j->spans; s++) {
        const nc_span e = clip(j->span + s, j->range);
        nc_identity_touch(j->p->nonzero, e.idx, e.count, j->touched);
    }
}

static void identity(const job *j) {
    const size_t n = j->range.end - j->range.first;
    memset(j->out + j->range.first, 0, n * sizeof *j->out);
    for (size_t s = 0; s < j->spans; s++) {
        const nc_span e = clip(j->span + s, j->range);
        nc_identity_f32(e.idx, e.val, e.count, j->out);
    }
}

static void route(const job *j) {
    const nc_projection *p = j->p;
    memset(j->out, 0, p->n_out * sizeof *j->out);
    for (size_t s = 0; s < j->spans; s++) {
        const nc_span *e = j->span + s;
        nc_route_f32(p->indptr, p->targets, e->idx, e->val, e->count, j->out);
        if (j->track) nc_route_touch(p->indptr, p->targets, e->idx, e->count, j->touched);
    }
}

/* ---- windows: never shared out, so one worker has all targets ---- */

static void empty(const nc_window *g, float *acc) {
    const size_t n = (size_t)g->oh * g->ow * g->groups * g->out_stride;
    for (size_t k = 0; k < n; k++) acc[k] = NC_UNTOUCHED;
}

/* Sums that float32 does not hold exactly: integer accumulators in the same memory. */
static nc_status conv_integer(const job *j, float *acc, uint32_t *dirty) {
    const nc_window *g = j->p->window;
    const size_t n = (size_t)g->oh * g->ow * g->groups * g->out_stride;
    const int bits = bits_needed(j);
    if (bits == 0) return NC_TOO_LARGE;
    memset(acc, 0, n * sizeof(int64_t));
    for (size_t s = 0; s < j->spans; s++) {
        if (bits == 32) nc_conv_i32(g, j->p->weights, j->span + s, (int32_t *)acc, dirty);
        else nc_conv_i64(g, j->p->weights, j->span + s, (int64_t *)acc, dirty);
    }
    if (bits == 32) nc_conv_flush_i32(g, j->p->scale, (int32_t *)acc, dirty, j->out);
    else nc_conv_flush_i64(g, j->p->scale, (int64_t *)acc, dirty, j->out);
    empty(g, acc);
    return NC_OK;
}

int nc_conv_marks(const nc_projection *p, const nc_span *span) {
    const job j = {.p = p, .span = span, .spans = 1};
    return (p->exact ? within(&j, p->limit_f32) && whole(&j) : !may_vanish(&j)) && leaves_marks(&j);
}

static nc_status conv(const job *j, nc_touch *touch) {
    const nc_projection *p = j->p;
    const nc_projection_scratch *at = j->w->team->projection + j->index;
    const int floats = !p->exact || (within(j, p->limit_f32) && whole(j));
    const int marks = floats && !may_vanish(j) && leaves_marks(j);
    *touch = marks ? NC_TOUCH_MARKS : j->track ? NC_TOUCH_FLAGS : NC_TOUCH_NONE;
    if (floats) {
        for (size_t s = 0; s < j->spans; s++)
            j->w->wide->conv_sum(p->window, p->weights, j->span + s, 0, p->window->oh, at->acc,
                                 at->dirty);
        j->w->wide->conv_flush(p->window, marks ? p->scale : 1.0f, at->acc, at->dirty, j->out);
    } else {
        const nc_status status = conv_integer(j, at->acc, at->dirty);
        if (status != NC_OK) return status;
    }
    if (floats && !marks) { /* what is -0 now is a sum of zeros; what scaling makes -0 stays */
        j->w->wide->unmark(p->n_out, j->out, NULL);
        nc_scale_f32(p->n_out, p->scale, j->out);
    }
    for (size_t s = 0; s < j->spans && j->track && !marks; s++)
        nc_conv_touch(p->window, p->weights, j->span[s].idx, j->span[s].count, j->touched);
    return NC_OK;
}

static void pool(const job *j) {
    const nc_projection *p = j->p;
    memset(j->out, 0, p->n_out * sizeof *j->out);
    for (size_t s = 0; s < j->spans; s++)
        nc_pool_sum_f32(p->window, j->span[s].idx, j->span[s].val, j->span[s].count, j->out);
    if (p->divisors != NULL) {
        const size_t positions = (size_t)p->window->oh * p->window->ow;
        nc_divide_planes_f32(p->window->c_out, positions, p->divisors, j->out);
    } else if (p->divisor != 0.0f) nc_divide_f32(p->n_out, p->divisor, j->out);
}

static void max_pool(const job *j, const float *dense) {
    const nc_projection *p = j->p;
    if (!is_binary(j)) {
        nc_max_pool_f32(p->window, p->pool_stride, p->pool_padding, p->pool_dilation, dense, j->out);
        return;
    }
    memset(j->out, 0, p->n_out * sizeof *j->out);
    for (size_t s = 0; s < j->spans; s++)
        nc_max_pool_events(p->window, j->span[s].idx, j->span[s].count, j->out);
}

static void window_touch(const job *j) {
    for (size_t s = 0; s < j->spans; s++)
        nc_pool_touch(j->p->window, j->span[s].idx, j->span[s].count, j->touched);
}

/* 1 where zeros give +0: not those of either sign of which a maximum is taken, nor by divisors that may be
 * negative. */
static int zeros_are_plain(const nc_projection *p) {
    if (p->kind == NC_MAX_POOL) return 0;
    return p->kind != NC_POOL || (p->divisors == NULL && !(p->divisor < 0.0f));
}

nc_status nc_project(const nc_worker *w, uint32_t index, const nc_span *span, const float *dense_in,
                     nc_range range, int track, float *out, uint8_t *touched, nc_touch *touch) {
    const nc_projection *p = w->network->projection + index;
    const job j = {.p = p, .w = w, .index = index, .span = span, .spans = w->run->workers,
                   .range = range, .track = track, .out = out, .touched = touched};
    *touch = NC_TOUCH_NONE;
    if (is_silent(&j) && zeros_are_plain(p)) { /* +0 whatever the weights; nothing is touched */
        memset(out + range.first, 0, (range.end - range.first) * sizeof *out);
        return NC_OK;
    }
    nc_status status = NC_OK;
    switch (p->kind) {
    case NC_DENSE:
        return dense(&j, touch);
    case NC_CSR:
        return csr(&j, touch);
    case NC_CONV:
        return conv(&j, touch);
    case NC_DIAGONAL:
        status = diagonal(&j);
        if (track && status == NC_OK) one_to_one_touch(&j);
        break;
    case NC_IDENTITY:
        identity(&j);
        if (track) one_to_one_touch(&j);
        break;
    case NC_ROUTE:
        route(&j);
        break;
    case NC_POOL:
        pool(&j);
        if (track && is_binary(&j)) { /* sums of ones: touched where they are not zero */
            *touch = NC_TOUCH_NONZERO;
            return NC_OK;
        }
        if (track) window_touch(&j);
        break;
    case NC_MAX_POOL:
        max_pool(&j, dense_in);
        if (track) window_touch(&j);
        break;
    default:
        return NC_BAD_KIND;
    }
    if (track) *touch = NC_TOUCH_FLAGS;
    return status;
}
