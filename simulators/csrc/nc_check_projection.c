/* One projection: its sizes, tables and indices. */
#include "nc_check.h"

/* count + 1 starts that begin at 0, do not fall and end at `end`. */
static int starts64(nc_checking *c, const int64_t *start, size_t count, size_t end,
                    const char *field) {
    if (!NC_THERE(c, int64_t, start, nc_plus(count, 1), field)) return 0;
    int falls = start[0] != 0;
    for (size_t k = 0; k < count; k++) falls |= start[k + 1] < start[k];
    return nc_need(c, !falls, NC_NOT_ASCENDING, field) &&
           nc_need(c, (uint64_t)start[count] == end, NC_BAD_SIZE, field);
}

static int weights_are_there(nc_checking *c, const nc_projection *p) {
    const size_t bytes = nc_weight_bytes(p->weight_type);
    return nc_there(c, p->weights, bytes, bytes, p->stored, "weights");
}

/* ---- dense, CSR, one to one, routes ---- */

/* As `full` promises. */
static int is_full(const nc_dense *d) {
    if (d->mask == NULL) return 0;
    for (size_t k = 0; k < d->n_in * d->blocks; k++) {
        const size_t left = d->n_out - k % d->blocks * NC_COLUMNS;
        const uint64_t beyond = left >= NC_COLUMNS ? 0 : ~(uint64_t)0 << left;
        if ((d->mask[k] | beyond) != ~(uint64_t)0) return 0;
    }
    return 1;
}

static int dense(nc_checking *c, const nc_projection *p) {
    const nc_dense *d = &p->dense;
    const size_t bytes = nc_weight_bytes(p->weight_type), rows = nc_times(d->blocks, d->n_in);
    const size_t align = bytes == 1 ? 1 : 4; /* int16 is read in words of two weights */
    return nc_need(c, d->type == p->weight_type, NC_BAD_KIND, "dense.type") &&
           nc_need(c, d->n_in == p->n_in, NC_BAD_SIZE, "dense.n_in") &&
           nc_need(c, d->n_out == p->n_out, NC_BAD_SIZE, "dense.n_out") &&
           nc_need(c, d->blocks == nc_padded(p->n_out) / NC_COLUMNS, NC_BAD_SIZE, "dense.blocks") &&
           nc_there(c, d->weights, align, bytes, nc_times(rows, NC_COLUMNS), "dense.weights") &&
           NC_MAY_BE(c, uint64_t, d->mask, rows, "dense.mask") &&
           nc_need(c, d->full == 0 || is_full(d), NC_BAD_FLAG, "dense.full");
}

/* The targets of a row ascend, so the last is the largest. */
static nc_status csr_row(const uint16_t *local, int64_t first, int64_t end, size_t width) {
    int falls = 0;
    for (int64_t k = first + 1; k < end; k++) falls |= local[k] <= local[k - 1];
    if (falls) return NC_NOT_ASCENDING;
    return first < end && local[end - 1] >= width ? NC_BAD_INDEX : NC_OK;
}

static int csr_block(nc_checking *c, const nc_projection *p, size_t block, int64_t *at) {
    const int64_t *rows = p->rows + block * (p->n_in + 1), most = (int64_t)p->stored;
    const size_t left = p->n_out - block * NC_CSR_BLOCK;
    const size_t width = left < NC_CSR_BLOCK ? left : NC_CSR_BLOCK;
    if (!nc_need(c, rows[0] == *at, NC_NOT_ASCENDING, "rows")) return 0;
    for (size_t i = 0; i < p->n_in; i++) {
        if (!nc_need(c, rows[i] <= rows[i + 1], NC_NOT_ASCENDING, "rows") ||
            !nc_need(c, rows[i + 1] <= most, NC_BAD_INDEX, "rows"))
            return 0;
        const nc_status status = csr_row(p->local, rows[i], rows[i + 1], width);
        if (!nc_need(c, status == NC_OK, status, "local")) return 0;
    }
    *at = rows[p->n_in];
    return 1;
}

static int csr(nc_checking *c, const nc_projection *p) {
    const size_t blocks = p->n_out / NC_CSR_BLOCK + (p->n_out % NC_CSR_BLOCK != 0);
    const size_t starts = nc_times(p->csr_blocks, nc_plus(p->n_in, 1));
    if (!nc_need(c, p->csr_blocks == (blocks == 0 ? 1 : blocks), NC_BAD_SIZE, "csr_blocks") ||
        !NC_THERE(c, int64_t, p->rows, starts, "rows") ||
        !NC_THERE(c, uint16_t, p->local, p->stored, "local") || !weights_are_there(c, p) ||
        !nc_need(c, p->shift < 31 && (p->shift == 0 || p->weight_type != NC_F32), NC_BAD_SIZE,
                 "shift"))
        return 0;
    int64_t at = 0;
    for (size_t b = 0; b < p->csr_blocks; b++)
        if (!csr_block(c, p, b, &at)) return 0;
    return nc_need(c, (uint64_t)at == p->stored, NC_BAD_SIZE, "stored");
}

static int one_to_one(nc_checking *c, const nc_projection *p) {
    return nc_need(c, p->n_in == p->n_out, NC_BAD_SIZE, "n_in");
}

static int diagonal(nc_checking *c, const nc_projection *p) {
    return one_to_one(c, p) && nc_need(c, p->stored == p->n_in, NC_BAD_SIZE, "stored") &&
           weights_are_there(c, p);
}

static int route(nc_checking *c, const nc_projection *p) {
    if (!starts64(c, p->indptr, p->n_in, p->stored, "indptr") ||
        !NC_THERE(c, int32_t, p->targets, p->stored, "targets"))
        return 0;
    int beyond = 0;
    for (size_t k = 0; k < p->stored; k++)
        beyond |= p->targets[k] < 0 || (size_t)p->targets[k] >= p->n_out;
    return nc_need(c, !beyond, NC_BAD_INDEX, "targets");
}

/* ---- windows ---- */

typedef struct {
    uint32_t size, out, kernel, entries;
    const uint32_t *start, *tap, *place;
    const char *start_name, *tap_name, *place_name;
} axis;

static int axis_starts(nc_checking *c, const axis *a) {
    if (!NC_THERE(c, uint32_t, a->start, (size_t)a->size + 1, a->start_name)) return 0;
    int falls = a->start[0] != 0;
    for (size_t y = 0; y < a->size; y++) falls |= a->start[y + 1] < a->start[y];
    return nc_need(c, !falls, NC_NOT_ASCENDING, a->start_name) &&
           nc_need(c, a->start[a->size] == a->entries, NC_BAD_SIZE, a->start_name);
}

static int axis_entries(nc_checking *c, const axis *a) {
    if (!NC_THERE(c, uint32_t, a->tap, a->entries, a->tap_name) ||
        !NC_THERE(c, uint32_t, a->place, a->entries, a->place_name))
        return 0;
    int taps = 0, places = 0, falls = 0;
    for (uint32_t k = 0; k < a->entries; k++) {
        taps |= a->tap[k] >= a->kernel;
        places |= a->place[k] >= a->out;
    }
    for (size_t y = 0; y < a->size; y++)
        for (size_t k = (size_t)a->start[y] + 1; k < a->start[y + 1]; k++)
            falls |= a->place[k] <= a->place[k - 1];
    return nc_need(c, !taps, NC_BAD_WINDOW, a->tap_name) &&
           nc_need(c, !places, NC_BAD_WINDOW, a->place_name) &&
           nc_need(c, !falls, NC_NOT_ASCENDING, a->place_name);
}

static int places(nc_checking *c, const nc_window *g, size_t n_in) {
    if (!NC_THERE(c, nc_place, g->place, n_in, "window.place")) return 0;
    int wrong = 0;
    const nc_place *at = g->place;
    for (uint32_t channel = 0; channel < g->c_in; channel++)
        for (uint32_t y = 0; y < g->h; y++)
            for (uint32_t x = 0; x < g->w; x++, at++)
                wrong |= at->c != channel || at->y != y || at->x != x;
    return nc_need(c, !wrong, NC_BAD_WINDOW, "window.place");
}

/* The promise of nc_window.runs. */
static int runs(nc_checking *c, const nc_window *g) {
    int apart = g->groups != 1;
    for (size_t x = 0; x < g->w; x++)
        for (size_t k = (size_t)g->col_start[x] + 1; k < g->col_start[x + 1]; k++)
            apart |= g->col_out[k] != g->col_out[k - 1] + 1 || g->col_tap[k] != g->col_tap[k - 1] + 1;
    return nc_need(c, g->runs == 0 || !apart, NC_BAD_FLAG, "window.runs");
}

static int window(nc_checking *c, const nc_projection *p) {
    const nc_window *g = p->window;
    if (!NC_THERE(c, nc_window, g, 1, "window")) return 0;
    const axis rows = {g->h, g->oh, g->kh, g->row_entries, g->row_start, g->row_tap, g->row_out,
                       "window.row_start", "window.row_tap", "window.row_out"};
    const axis columns = {g->w, g->ow, g->kw, g->col_entries, g->col_start, g->col_tap, g->col_out,
                          "window.col_start", "window.col_tap", "window.col_out"};
    const size_t n_in = nc_times(nc_times(g->c_in, g->h), g->w);
    const size_t n_out = nc_times(nc_times(g->c_out, g->oh), g->ow);
    return nc_need(c, n_in == p->n_in && n_in != 0, NC_BAD_SIZE, "window.c_in") &&
           nc_need(c, n_out == p->n_out && n_out != 0, NC_BAD_SIZE, "window.c_out") && axis_starts(c, &rows) &&
           axis_entries(c, &rows) && axis_starts(c, &columns) && axis_entries(c, &columns) &&
           places(c, g, n_in);
}

static int conv(nc_checking *c, const nc_projection *p) {
    const nc_window *g = p->window;
    if (!window(c, p) ||
        !nc_need(c, g->groups != 0 && g->c_in % g->groups == 0 && g->c_out % g->groups == 0,
                 NC_BAD_WINDOW, "window.groups"))
        return 0;
    const size_t taps = nc_times(nc_times(g->c_in, g->kh), g->kw);
    const size_t sums = nc_times(nc_times(nc_times(g->oh, g->ow), g->groups), g->out_stride);
    return nc_need(c, g->out_stride % 4 == 0 && g->out_stride >= g->c_out / g->groups, NC_BAD_WINDOW,
                   "window.out_stride") &&
           nc_need(c, p->stored == nc_times(taps, g->out_stride), NC_BAD_SIZE, "stored") &&
           NC_THERE(c, float, p->weights, p->stored, "weights") &&
           nc_need(c, nc_times(sums, sizeof(int64_t)) <= PTRDIFF_MAX, NC_OVERFLOW,
                   "window.out_stride") &&
           runs(c, g);
}

static int any_pool(nc_checking *c, const nc_projection *p) {
    if (!window(c, p)) return 0;
    if (!NC_MAY_BE(c, uint32_t, p->window->only, p->n_in, "window.only")) return 0;
    for (size_t k = 0; p->window->only != NULL && k < p->n_in; k++)
        if (!nc_need(c, p->window->only[k] < p->n_out || p->window->only[k] == UINT32_MAX,
                     NC_BAD_WINDOW, "window.only"))
            return 0;
    const nc_window *g = p->window;
    return nc_need(c, g->c_in == g->c_out, NC_BAD_SIZE, "window.c_out") &&
           nc_need(c, p->stored == nc_times(g->kh, g->kw), NC_BAD_SIZE, "stored") &&
           NC_MAY_BE(c, float, p->divisors, nc_times(g->oh, g->ow), "divisors");
}

/* ---- any operator ---- */

static int operator_of(nc_checking *c, const nc_projection *p) {
    switch (p->kind) {
    case NC_DENSE:
        return dense(c, p);
    case NC_CSR:
        return csr(c, p);
    case NC_DIAGONAL:
        return diagonal(c, p);
    case NC_CONV:
        return conv(c, p);
    case NC_POOL:
    case NC_MAX_POOL:
        return any_pool(c, p);
    case NC_IDENTITY:
        return one_to_one(c, p);
    case NC_ROUTE:
        return route(c, p);
    default:
        return nc_need(c, 0, NC_BAD_KIND, "kind");
    }
}

/* Sums are exact up to the limits only where values below them convert to the accumulator's type. */
static int limits(nc_checking *c, const nc_projection *p) {
    return nc_need(c, p->limit_f32 >= 0.0f && p->limit_f32 <= 0x1p24f, NC_BAD_SIZE, "limit_f32") &&
           nc_need(c, p->limit_i32 >= 0.0f && p->limit_i32 < 0x1p31f, NC_BAD_SIZE, "limit_i32") &&
           nc_need(c, p->limit_i64 >= 0.0f && p->limit_i64 < 0x1p63f, NC_BAD_SIZE, "limit_i64");
}

/* The promise of `fan_stored`. */
static int stored_fanouts(nc_checking *c, const nc_projection *p) {
    if (!nc_need(c, p->kind == NC_CSR && p->csr_blocks == 1 && p->fan_stored < 8, NC_BAD_FLAG, "fan_stored"))
        return 0;
    int differ = 0;
    for (size_t k = 0; k < 3; k++)
        for (size_t i = 0; i < p->n_in && (p->fan_stored >> k & 1) != 0; i++)
            differ |= nc_fan_of(p->fan + k, i) != p->rows[i + 1] - p->rows[i];
    return nc_need(c, !differ, NC_BAD_FLAG, "fan_stored");
}

static int fanouts(nc_checking *c, const nc_projection *p) {
    for (size_t k = 0; k < 3; k++) {
        const nc_fanout *f = p->fan + k;
        const size_t width = f->width;
        if (f->fan != NULL &&
            (!nc_need(c, width == 1 || width == 2 || width == 4, NC_BAD_SIZE, "fan.width") ||
             !nc_there(c, f->fan, width, width, p->n_in, "fan")))
            return 0;
        if (!nc_need(c, nc_fan_total(f, p->n_in) >= 0, NC_COUNTERS, "fan")) return 0;
    }
    return p->fan_stored == 0 || stored_fanouts(c, p);
}

static int bias(nc_checking *c, const nc_projection *p) {
    return p->bias == NULL || (NC_THERE(c, float, p->bias, nc_padded(p->n_out), "bias") &&
                               NC_THERE(c, uint8_t, p->bias_nonzero, p->n_out, "bias_nonzero"));
}

int nc_check_projection(nc_checking *c, const nc_projection *p) {
    return nc_need(c, p->n_in <= UINT32_MAX, NC_BAD_SIZE, "n_in") &&
           nc_need(c, p->weight_type >= NC_F32 && p->weight_type <= NC_I16, NC_BAD_KIND,
                   "weight_type") &&
           nc_need(c, p->exact == 0 || p->weight_type != NC_F32, NC_BAD_FLAG, "exact") &&
           limits(c, p) && operator_of(c, p) && fanouts(c, p) && bias(c, p);
}
