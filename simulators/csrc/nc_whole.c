/* One projection of an integer network in one step: whole sums and which targets were touched. */
#include "nc_whole.h"

#include <string.h>

typedef struct {
    const nc_projection *p;
    const nc_worker *w;
    uint32_t index;
    const nc_span *span;
    size_t spans;
    nc_range range;
    uint8_t *touched; /* NULL: not asked for */
    int32_t *out;
} job;

static int is_binary(const job *j) {
    for (size_t s = 0; s < j->spans; s++)
        if (j->span[s].val != NULL) return 0;
    return 1;
}

static int within(const job *j, float limit) {
    if (!(limit >= 1.0f)) return 0;
    for (size_t s = 0; s < j->spans; s++)
        if (j->span[s].val != NULL && !nc_within_f32(j->span[s].count, j->span[s].val, limit))
            return 0;
    return 1;
}

/* Bits of the accumulators that these values need, 0 for more than there are. */
static int bits_needed(const job *j) {
    if (within(j, j->p->limit_i32)) return 32;
    return within(j, j->p->limit_i64) ? 64 : 0;
}

static void narrow(const job *j, size_t first, size_t n) {
    const int64_t *wide = j->w->team->exact + first;
    int32_t *out = j->out + first;
    for (size_t k = 0; k < n; k++) out[k] = (int32_t)(uint32_t)(uint64_t)wide[k];
}

/* ---- dense ---- */

static void dense_touch(const job *j, size_t first, size_t end) {
    for (size_t b = first; b < end; b++) {
        const uint64_t hit = nc_dense_reached(&j->p->dense, b, j->span, j->spans);
        const size_t base = b * NC_COLUMNS, left = j->range.end - base;
        for (size_t k = 0; k < NC_COLUMNS && k < left && hit != 0; k++)
            j->touched[base + k] |= (uint8_t)(hit >> k & 1);
    }
}

static nc_status dense(const job *j) {
    static const size_t width[] = {[NC_F32] = 4, [NC_I8] = 1, [NC_I16] = 2};
    const nc_dense *d = &j->p->dense;
    const size_t first = j->range.first / NC_COLUMNS;
    const size_t end = (j->range.end + NC_COLUMNS - 1) / NC_COLUMNS;
    const size_t at = first * NC_COLUMNS, n = (end - first) * NC_COLUMNS;
    const int bits = bits_needed(j);
    nc_dense part = *d;
    part.weights = (const char *)d->weights + at * d->n_in * width[d->type];
    part.blocks = end - first;
    if (j->touched != NULL) dense_touch(j, first, end);
    if (bits == 0) return NC_TOO_LARGE;
    if (bits == 32 && is_binary(j)) {
        nc_whole_version(j->w->run->version)->dense_sum(d, j->span, j->spans, first, end, j->out);
    } else if (bits == 32) {
        memset(j->out + at, 0, n * sizeof *j->out);
        for (size_t s = 0; s < j->spans; s++) {
            if (d->type == NC_I8) nc_dense_i8_i32(&part, j->span + s, j->out + at);
            else nc_dense_i16_i32(&part, j->span + s, j->out + at);
        }
    } else {
        int64_t *wide = j->w->team->exact + at;
        memset(wide, 0, n * sizeof *wide);
        for (size_t s = 0; s < j->spans; s++) {
            if (d->type == NC_I8) nc_dense_i8_i64(&part, j->span + s, wide);
            else nc_dense_i16_i64(&part, j->span + s, wide);
        }
        narrow(j, at, n);
    }
    return NC_OK;
}

/* ---- sparse rows ---- */

static void csr_block(const job *j, int bits, const nc_csr *m, size_t base) {
    const int int8 = j->p->weight_type == NC_I8;
    int64_t *wide = j->w->team->exact + base;
    for (size_t s = 0; s < j->spans; s++) {
        if (bits == 32 && int8) nc_csr_i8_i32(m, j->span + s, j->out + base);
        else if (bits == 32) nc_csr_i16_i32(m, j->span + s, j->out + base);
        else if (int8) nc_csr_i8_i64(m, j->span + s, wide);
        else nc_csr_i16_i64(m, j->span + s, wide);
        if (j->touched != NULL)
            nc_csr_touch(m, j->p->weight_type, j->span + s, j->touched + base);
    }
}

/* Sum and number of events in one word: touched where it is not 0. */
static void csr_packed(const job *j, const nc_csr *m, size_t base) {
    const int32_t unit = (int32_t)1 << j->p->shift;
    for (size_t s = 0; s < j->spans; s++) {
        if (j->p->weight_type == NC_I8) nc_csr_i8_packed(m, j->span + s, unit, j->out + base);
        else nc_csr_i16_packed(m, j->span + s, unit, j->out + base);
    }
}

static nc_status csr(const job *j) {
    const nc_projection *p = j->p;
    const size_t first = j->range.first, end = j->range.end, n = end - first;
    const int bits = bits_needed(j);
    const int packed = bits == 32 && j->touched != NULL && p->no_zero && p->shift != 0 && is_binary(j);
    if (bits == 0) return NC_TOO_LARGE;
    if (bits == 32) memset(j->out + first, 0, n * sizeof *j->out);
    else memset(j->w->team->exact + first, 0, n * sizeof(int64_t));
    for (size_t b = first / NC_CSR_BLOCK; b * NC_CSR_BLOCK < end; b++) {
        const nc_csr m = nc_rows_of(j->w, j->index, j->range, b);
        if (packed) csr_packed(j, &m, b * NC_CSR_BLOCK);
        else csr_block(j, bits, &m, b * NC_CSR_BLOCK);
    }
    if (bits == 64) narrow(j, first, n);
    for (size_t k = first; packed && k < end; k++) {
        j->touched[k] |= (uint8_t)(j->out[k] != 0);
        j->out[k] = nc_unpacked(j->out[k], p->shift);
    }
    return NC_OK;
}

/* ---- convolution ---- */

/* Sums that float32 holds: the wide loops, then whole numbers in the same memory. */
static void conv_floats(const job *j, const nc_projection_scratch *at) {
    const nc_projection *p = j->p;
    float *sums = (float *)(void *)j->out;
    int positive = 1; /* a zero weight is -0: times what is negative it leaves a mark */
    for (size_t s = 0; s < j->spans; s++) {
        j->w->wide->conv_sum(p->window, p->weights, j->span + s, 0, p->window->oh, at->acc,
                             at->dirty);
        positive &= j->span[s].val == NULL ||
                    nc_at_least_f32(j->span[s].count, j->span[s].val, 1.0f);
    }
    j->w->wide->conv_flush(p->window, 1.0f, at->acc, at->dirty, sums);
    j->w->wide->unmark(p->n_out, sums, positive ? j->touched : NULL);
    for (size_t k = 0; k < p->n_out; k++) {
        float sum;
        memcpy(&sum, j->out + k, sizeof sum);
        j->out[k] = (int32_t)sum;
    }
    for (size_t s = 0; s < j->spans && !positive && j->touched != NULL; s++)
        nc_conv_touch(p->window, p->weights, j->span[s].idx, j->span[s].count, j->touched);
}

/* All others: integers in the accumulators' memory, which are empty again afterwards. */
static nc_status conv_integers(const job *j, const nc_projection_scratch *at) {
    const nc_window *g = j->p->window;
    const size_t positions = (size_t)g->oh * g->ow, width = (size_t)g->groups * g->out_stride;
    const uint32_t in_group = g->c_out / g->groups;
    const int bits = bits_needed(j);
    if (bits == 0) return NC_TOO_LARGE;
    int32_t *small = at->acc;
    int64_t *large = at->acc;
    memset(large, 0, positions * width * sizeof *large);
    for (size_t s = 0; s < j->spans; s++) {
        if (bits == 32) nc_conv_i32(g, j->p->weights, j->span + s, small, at->dirty);
        else nc_conv_i64(g, j->p->weights, j->span + s, large, at->dirty);
        if (j->touched != NULL)
            nc_conv_touch(g, j->p->weights, j->span[s].idx, j->span[s].count, j->touched);
    }
    for (uint32_t channel = 0; channel < g->c_out; channel++) {
        const size_t row = (size_t)(channel / in_group) * g->out_stride + channel % in_group;
        int32_t *out = j->out + channel * positions;
        for (size_t k = 0; k < positions; k++)
            out[k] = bits == 32 ? small[k * width + row]
                                : (int32_t)(uint32_t)(uint64_t)large[k * width + row];
    }
    float *empty = at->acc;
    for (size_t k = 0; k < positions * width; k++) empty[k] = NC_UNTOUCHED;
    for (uint32_t y = 0; y < g->oh; y++) {
        at->dirty[2 * y] = g->ow;
        at->dirty[2 * y + 1] = 0;
    }
    return NC_OK;
}

static nc_status conv(const job *j) {
    const nc_projection_scratch *at = j->w->team->projection + j->index;
    if (!within(j, j->p->limit_f32)) return conv_integers(j, at);
    conv_floats(j, at);
    return NC_OK;
}

/* ---- one to one, routes ---- */

static int32_t weight_at(const nc_projection *p, uint32_t i) {
    if (p->kind != NC_DIAGONAL) return 1;
    return p->weight_type == NC_I8 ? ((const int8_t *)p->weights)[i] : ((const int16_t *)p->weights)[i];
}

/* A source has one target, of the same number. |w val| < 2^40. */
static void one_to_one(const job *j) {
    memset(j->out + j->range.first, 0, (j->range.end - j->range.first) * sizeof *j->out);
    for (size_t s = 0; s < j->spans; s++) {
        for (size_t k = 0; k < j->span[s].count; k++) {
            const uint32_t i = j->span[s].idx[k];
            if (i < j->range.first || i >= j->range.end) continue;
            const int64_t value = j->span[s].val == NULL ? 1 : (int64_t)j->span[s].val[k];
            const int32_t weight = weight_at(j->p, i);
            j->out[i] = (int32_t)(uint32_t)(uint64_t)(weight * value);
            if (j->touched != NULL && weight != 0) j->touched[i] = 1;
        }
    }
}

static void route(const job *j) {
    const nc_projection *p = j->p;
    memset(j->out, 0, p->n_out * sizeof *j->out);
    for (size_t s = 0; s < j->spans; s++) {
        for (size_t k = 0; k < j->span[s].count; k++) {
            const size_t i = j->span[s].idx[k];
            const int32_t value = j->span[s].val == NULL ? 1 : (int32_t)j->span[s].val[k];
            for (int64_t e = p->indptr[i]; e < p->indptr[i + 1]; e++) {
                j->out[p->targets[e]] = value;
                if (j->touched != NULL) j->touched[p->targets[e]] = 1;
            }
        }
    }
}

nc_status nc_project_whole(const nc_worker *w, uint32_t index, const nc_span *span, nc_range range,
                           uint8_t *touched, int32_t *out) {
    const nc_projection *p = w->network->projection + index;
    const job j = {.p = p, .w = w, .index = index, .span = span, .spans = w->run->workers,
                   .range = range, .touched = touched, .out = out};
    switch (p->kind) {
    case NC_DENSE:
        return dense(&j);
    case NC_CSR:
        return csr(&j);
    case NC_CONV:
        return conv(&j);
    case NC_DIAGONAL:
    case NC_IDENTITY:
        one_to_one(&j);
        return NC_OK;
    default: /* NC_ROUTE: the check lets no other pass */
        route(&j);
        return NC_OK;
    }
}
