/* Whether memory that a run writes is used twice. */
#include "nc_check.h"

typedef struct {
    nc_extent *to;
    size_t room, count;
    nc_fault where;
} list;

static void add(list *l, const void *at, size_t count, size_t size, int written, const char *field) {
    const uintptr_t begin = (uintptr_t)at, end = begin + count * size;
    if (at == NULL || count == 0) return;
    if (l->count < l->room) {
        nc_extent *e = l->to + l->count;
        *e = (nc_extent){begin, end, written, l->where};
        e->where.field = field;
    }
    l->count++;
}
#define NC_READ(AT, COUNT, FIELD) add(l, (AT), (COUNT), sizeof *(AT), 0, (FIELD))
#define NC_WRITTEN(AT, COUNT, FIELD) add(l, (AT), (COUNT), sizeof *(AT), 1, (FIELD))

/* ---- the network ---- */

static void window(list *l, const nc_projection *p) {
    const nc_window *g = p->window;
    NC_READ(g->row_start, (size_t)g->h + 1, "window.row_start");
    NC_READ(g->col_start, (size_t)g->w + 1, "window.col_start");
    NC_READ(g->row_tap, g->row_entries, "window.row_tap");
    NC_READ(g->row_out, g->row_entries, "window.row_out");
    NC_READ(g->col_tap, g->col_entries, "window.col_tap");
    NC_READ(g->col_out, g->col_entries, "window.col_out");
    NC_READ(g->place, p->n_in, "window.place");
    NC_READ(g->only, p->n_in, "window.only");
    NC_READ(p->divisors, (size_t)g->oh * g->ow, "divisors");
}

static void projection(list *l, const nc_projection *p) {
    const nc_dense *d = &p->dense;
    const size_t bytes = nc_weight_bytes(p->weight_type);
    if (p->kind == NC_DENSE) {
        const size_t rows = d->blocks * d->n_in;
        add(l, d->weights, rows * NC_COLUMNS, bytes, 0, "dense.weights");
        NC_READ(d->mask, rows, "dense.mask");
    } else if (p->kind == NC_CSR) {
        NC_READ(p->rows, p->csr_blocks * (p->n_in + 1), "rows");
        NC_READ(p->local, p->stored, "local");
    } else if (p->kind == NC_ROUTE) {
        NC_READ(p->indptr, p->n_in + 1, "indptr");
        NC_READ(p->targets, p->stored, "targets");
    } else if (p->window != NULL) {
        window(l, p);
    }
    if (p->kind == NC_CSR || p->kind == NC_DIAGONAL || p->kind == NC_CONV)
        add(l, p->weights, p->stored, bytes, 0, "weights");
    if (p->kind == NC_DIAGONAL) NC_READ(p->nonzero, p->n_in, "nonzero");
    for (size_t k = 0; k < 3; k++) add(l, p->fan[k].fan, p->n_in, p->fan[k].width, 0, "fan");
    NC_READ(p->bias, nc_padded(p->n_out), "bias");
    NC_READ(p->bias_nonzero, p->n_out, "bias_nonzero");
}

static void population(list *l, const nc_population *p) {
    const size_t n = p->hot.per_neuron != 0 ? nc_padded(p->n) : 1;
    NC_READ(p->always, p->n, "always");
    NC_READ(p->always_bits, nc_padded(p->n) / 64, "always_bits");
    NC_READ(p->biased_bits, nc_padded(p->n) / 64, "biased_bits");
    if (p->turned != 0) {
        NC_READ(p->turned_place, p->n, "turned_place");
        NC_READ(p->turned_bias, nc_padded(p->n), "turned_bias");
    }
    if (p->is_lif != 0) {
        const size_t own = p->lif.per_neuron != 0 ? nc_padded(p->n) : 1;
        NC_READ(p->lif.keep_u, own, "lif.keep_u");
        NC_READ(p->lif.keep_v, own, "lif.keep_v");
        NC_READ(p->lif.theta, own, "lif.theta");
        NC_READ(p->lif.bias, own, "lif.bias");
    }
    if (p->is_hot == 0) return;
    NC_READ(p->hot.alpha, n, "hot.alpha");
    NC_READ(p->hot.beta, n, "hot.beta");
    NC_READ(p->hot.theta, n, "hot.theta");
    NC_READ(p->hot.leak, n, "hot.leak");
}

/* ---- the run ---- */

static void frames(list *l, const nc_frames *f, size_t count, size_t n) {
    if (f->start == NULL) return;
    NC_READ(f->start, count + 1, "start");
    NC_READ(f->idx, f->events, "idx");
    NC_READ(f->val, f->events, "val");
    NC_READ(f->dense, count * n, "dense");
}

static void node(list *l, const nc_run *run, const nc_node *at) {
    const size_t slots = run->chunk + at->depth;
    frames(l, &at->past, run->batch * at->depth, at->n);
    if (at->segment == NULL) {
        frames(l, &at->fed, run->batch * run->steps, at->n);
        return;
    }
    for (uint32_t k = 0; k < run->workers; k++) {
        NC_WRITTEN(at->segment[k].idx, slots * at->n + NC_SLACK, "segment.idx");
        NC_WRITTEN(at->segment[k].val, slots * at->n + NC_SLACK, "segment.val");
        NC_WRITTEN(at->segment[k].start, slots + 1, "segment.start");
    }
    NC_WRITTEN(at->dense, slots * at->n, "dense");
}

static int is_port_or_state(const nc_population *p, uint32_t reg) {
    for (uint32_t k = 0; k < p->n_ports; k++)
        if (p->port[k] == reg) return 1;
    for (uint32_t k = 0; k < p->program.n_states; k++)
        if (p->program.state[k] == reg) return 1;
    return 0;
}

static void registers(list *l, const nc_run *run, const nc_population *p, float *const *base) {
    for (uint32_t w = 0; w < run->workers; w++, base += p->n_registers) {
        const nc_range range = nc_range_of(p, w, run->workers);
        if (range.first == range.end) continue;
        for (uint32_t k = 0; k < p->program.n_instructions; k++)
            NC_WRITTEN(base[p->program.body[k].out], NC_BLOCK, "base");
        for (uint32_t k = 0; k < p->n_registers; k++) {
            int result = is_port_or_state(p, k);
            for (uint32_t i = 0; i < p->program.n_instructions; i++)
                result |= p->program.body[i].out == k;
            if (p->whole != 0 && p->integer.has_clock != 0 && k == p->integer.clock) {
                NC_WRITTEN(base[k], NC_BLOCK, "base");
                continue;
            }
            if (!result) NC_READ(base[k], p->step[k] != 0 ? range.end - range.first : NC_BLOCK, "base");
        }
    }
}

static void population_scratch(list *l, const nc_network *network, const nc_run *run,
                               const nc_population *p, const nc_population_scratch *s) {
    const size_t words = nc_padded(p->n) / 64;
    const size_t parts = p->relay != 0 ? run->workers : 1;
    for (uint32_t k = 0; k < p->n_ports; k++)
        NC_WRITTEN(s->buffer[k], parts * nc_padded(p->n), "buffer");
    NC_WRITTEN(s->touched, p->n, "touched");
    NC_WRITTEN(s->fired, p->n, "fired");
    NC_WRITTEN(s->bits, nc_rows_of_bits(p, run) * words, "bits");
    if (p->fused != 0 || p->many_steps != 0)
        NC_WRITTEN(s->tally, run->workers * run->chunk * 2, "tally");
    if (p->turned != 0) NC_WRITTEN(s->turned_state, 2 * nc_padded(p->n), "turned_state");
    if (p->many_steps != 0) {
        NC_WRITTEN(s->when, run->workers * network->projection[p->first[0]].n_in, "when");
        NC_WRITTEN(s->sums, p->n * NC_STEPS, "sums");
        NC_WRITTEN(s->fed, p->n, "fed");
    }
    NC_WRITTEN(s->quiet, run->workers * NC_LINE, "quiet");
    if (p->is_hot == 0) registers(l, run, p, s->base);
}

static void team(list *l, const nc_network *network, const nc_run *run, const nc_team *t) {
    size_t widest = 0;
    for (uint32_t k = 0; k < network->n_sources + network->n_populations; k++) {
        l->where = (nc_fault){"node", k, NULL};
        node(l, run, t->node + k);
    }
    for (uint32_t k = 0; k < network->n_populations; k++) {
        l->where = (nc_fault){"population", k, NULL};
        population_scratch(l, network, run, network->population + k, t->population + k);
    }
    for (uint32_t k = 0; k < network->n_projections; k++) {
        const nc_projection *p = network->projection + k;
        if (p->n_out > widest) widest = p->n_out;
        if (p->kind != NC_CONV) continue;
        const nc_window *g = p->window;
        l->where = (nc_fault){"projection", k, NULL};
        add(l, t->projection[k].acc, (size_t)g->oh * g->ow * g->groups * g->out_stride,
            sizeof(int64_t), 1, "acc");
        NC_WRITTEN(t->projection[k].dirty, (size_t)g->oh * 2, "dirty");
    }
    l->where = (nc_fault){"team", (uint32_t)(t - run->team), NULL};
    NC_WRITTEN(t->part, nc_padded(widest), "part");
    NC_WRITTEN(t->exact, nc_padded(widest), "exact");
    NC_WRITTEN(t->span, run->workers * run->chunk * run->workers, "span");
}

static void results(list *l, const nc_run *run, const nc_population *p, const nc_population_run *out,
                    size_t depth) {
    const size_t own = run->batch * p->n, frames_done = run->batch * run->steps;
    for (uint32_t k = 0; k < p->program.n_states; k++) NC_WRITTEN(out->state[k], own, "state");
    for (uint32_t k = 0; k < p->n_ports; k++)
        NC_WRITTEN(out->current[k], frames_done * p->n, "current");
    NC_WRITTEN(out->spikes, frames_done * p->n, "spikes");
    NC_WRITTEN(out->values, frames_done * p->n, "values");
    NC_WRITTEN(out->membrane, frames_done * p->n, "membrane");
    NC_WRITTEN(out->history, own * depth, "history");
    NC_WRITTEN(out->counts, run->workers * frames_done * 3, "counts");
    if (p->whole == 0) return;
    NC_WRITTEN(out->overflow, run->workers * frames_done * p->integer.n_watches, "overflow");
    NC_READ(out->clock, run->batch, "clock");
}

size_t nc_list_extents(const nc_network *network, const nc_run *run, nc_extent *extents,
                       size_t room) {
    list all = {extents, room, 0, {NULL, 0, NULL}}, *l = &all;
    for (uint32_t k = 0; k < network->n_projections; k++) {
        const nc_projection *p = network->projection + k;
        const nc_projection_run *out = run->projection + k;
        l->where = (nc_fault){"projection", k, NULL};
        projection(l, p);
        NC_READ(out->bias_from, run->batch, "bias_from");
        NC_READ(out->cut, (run->workers - 1) * p->n_in, "cut");
        NC_WRITTEN(out->counts, run->batch * run->steps * 8, "counts");
    }
    for (uint32_t k = 0; k < network->n_populations; k++) {
        l->where = (nc_fault){"population", k, NULL};
        population(l, network->population + k);
        results(l, run, network->population + k, run->population + k,
                run->team[0].node[network->n_sources + k].depth);
    }
    for (uint32_t k = 0; k < run->teams; k++) team(l, network, run, run->team + k);
    return all.count;
}

/* ---- sorting and looking ---- */

static void sift(nc_extent *heap, size_t root, size_t n) {
    const nc_extent moved = heap[root];
    for (size_t child = 2 * root + 1; child < n; child = 2 * root + 1) {
        if (child + 1 < n && heap[child].begin < heap[child + 1].begin) child++;
        if (heap[child].begin <= moved.begin) break;
        heap[root] = heap[child];
        root = child;
    }
    heap[root] = moved;
}

/* By address, without memory of its own. */
static void sort(size_t n, nc_extent *extents) {
    for (size_t root = n / 2; root > 0; root--) sift(extents, root - 1, n);
    for (size_t end = n; end > 1; end--) {
        const nc_extent last = extents[end - 1];
        extents[end - 1] = extents[0];
        extents[0] = last;
        sift(extents, 0, end - 1);
    }
}

nc_status nc_check_overlap(size_t n, nc_extent *extents, nc_fault *fault) {
    uintptr_t written = 0, used = 0; /* ends of what came before */
    sort(n, extents);
    for (size_t k = 0; k < n; k++) {
        const nc_extent *e = extents + k;
        if (e->begin < (e->written != 0 ? used : written)) {
            if (fault != NULL) *fault = e->where;
            return NC_OVERLAP;
        }
        if (e->end > used) used = e->end;
        if (e->written != 0 && e->end > written) written = e->end;
    }
    return NC_OK;
}
