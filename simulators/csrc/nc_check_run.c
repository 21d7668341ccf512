/* A run: shares, events, buffers, and whether its counts fit. */
#include "nc_check.h"

typedef struct {
    nc_checking *c;
    const nc_network *network;
    const nc_run *run;
    size_t frames; /* batch * steps */
} checking_run;

static int at(const checking_run *r, const char *part, size_t index) {
    r->c->where.part = part;
    r->c->where.index = (uint32_t)index;
    return 1;
}

/* ---- the run itself ---- */

static int scalars(const checking_run *r) {
    const nc_run *run = r->run;
    const uint32_t workers = run->workers;
    return nc_need(r->c, run->chunk != 0, NC_BAD_RUN, "chunk") &&
           nc_need(r->c, workers != 0 && workers <= NC_MOST_THREADS, NC_BAD_RUN, "workers") &&
           nc_need(r->c, run->teams != 0 && run->teams <= NC_MOST_THREADS / workers, NC_BAD_RUN,
                   "teams") &&
           nc_need(r->c, nc_wide_version(run->version) != NULL, NC_BAD_RUN, "version") &&
           nc_need(r->c, nc_times(r->frames, 8 * sizeof(int64_t)) <= PTRDIFF_MAX, NC_OVERFLOW,
                   "batch") &&
           nc_need(r->c, run->frames_done >= 0 && (uint64_t)run->frames_done <= r->frames, NC_BAD_RUN,
                   "frames_done") &&
           nc_need(r->c, run->steps <= UINT32_MAX, NC_OVERFLOW, "steps") &&
           nc_need(r->c, run->chunk <= UINT32_MAX, NC_OVERFLOW, "chunk") &&
           NC_THERE(r->c, nc_team, run->team, run->teams, "team") &&
           NC_THERE(r->c, nc_population_run, run->population, r->network->n_populations,
                    "population") &&
           NC_THERE(r->c, nc_projection_run, run->projection, r->network->n_projections,
                    "projection");
}

static int shares(const checking_run *r) {
    at(r, "run", 0);
    if (!nc_need(r->c, r->run->next_sample <= r->run->batch, NC_BAD_SHARE, "next_sample")) return 0;
    for (uint32_t k = 0; k < r->run->teams; k++) {
        const nc_team *t = r->run->team + k;
        at(r, "team", k);
        if (!nc_need(r->c, t->batch == r->run->batch, NC_BAD_SIZE, "batch") ||
            !nc_need(r->c, t->chunk == r->run->chunk, NC_BAD_SIZE, "chunk") ||
            !nc_need(r->c, t->workers == r->run->workers, NC_BAD_SIZE, "workers"))
            return 0;
        if (!nc_need(r->c, t->at_step == 0 || t->at_step < r->run->steps, NC_BAD_SHARE, "at_step") ||
            !nc_need(r->c, nc_share_stands(r->run, k), NC_BAD_SHARE, "at_sample") ||
            !nc_need(r->c, t->status == NC_OK, NC_NOT_FRESH, "status"))
            return 0;
    }
    return 1;
}

/* ---- events ---- */

/* Events of a frame ascend strictly, so the last is the largest and there are at most n. */
static nc_status frame(const uint32_t *idx, int64_t first, int64_t end, size_t n) {
    int falls = 0;
    for (int64_t k = first + 1; k < end; k++) falls |= idx[k] <= idx[k - 1];
    if (falls) return NC_NOT_ASCENDING;
    return first < end && idx[end - 1] >= n ? NC_BAD_INDEX : NC_OK;
}

static int starts(nc_checking *c, const nc_frames *f, size_t frames) {
    int falls = f->start[0] != 0;
    for (size_t k = 0; k < frames; k++) falls |= f->start[k + 1] < f->start[k];
    return nc_need(c, !falls, NC_NOT_ASCENDING, "start") &&
           nc_need(c, (uint64_t)f->start[frames] == f->events, NC_BAD_SIZE, "events");
}

static int events(nc_checking *c, const nc_frames *f, size_t frames, size_t n) {
    if (f->start == NULL)
        return nc_need(c, f->val == NULL && f->dense == NULL && f->events == 0, NC_NULL, "start");
    if (!nc_need(c, f->frames == frames, NC_BAD_SIZE, "frames")) return 0;
    if (!NC_THERE(c, int64_t, f->start, nc_plus(frames, 1), "start") || !starts(c, f, frames) ||
        !NC_THERE(c, uint32_t, f->idx, f->events, "idx") ||
        !NC_MAY_BE(c, float, f->val, f->events, "val") ||
        !NC_MAY_BE(c, float, f->dense, nc_times(frames, n), "dense"))
        return 0;
    if (!nc_need(c, f->events == 0 || f->val != NULL || f->dense == NULL, NC_NULL, "val")) return 0;
    for (size_t k = 0; k < frames; k++) {
        const nc_status status = frame(f->idx, f->start[k], f->start[k + 1], n);
        if (!nc_need(c, status == NC_OK, status, "idx")) return 0;
    }
    return 1;
}

/* ---- nodes ---- */

/* As many steps are kept as the longest delay needs. */
static int longest_delay(const checking_run *r, uint32_t index, const nc_node *node) {
    uint32_t longest = 0;
    for (uint32_t k = 0; k < r->network->n_projections; k++) {
        const nc_projection *edge = r->network->projection + k;
        if (edge->source == index && edge->delay > longest) longest = edge->delay;
    }
    return nc_need(r->c, longest == node->depth, NC_BAD_DELAY, "depth");
}

static int segments(const checking_run *r, const nc_node *node, int binary) {
    const size_t slots = nc_plus(r->run->chunk, node->depth), elements = nc_times(slots, node->n);
    if (!NC_THERE(r->c, nc_segment, node->segment, r->run->workers, "segment")) return 0;
    for (uint32_t k = 0; k < r->run->workers; k++) {
        const nc_segment *s = node->segment + k;
        if (!NC_THERE(r->c, uint32_t, s->idx, elements, "segment.idx") ||
            !NC_THERE(r->c, size_t, s->start, nc_plus(slots, 1), "segment.start"))
            return 0;
        if (binary && !nc_need(r->c, s->val == NULL, NC_BAD_FLAG, "segment.val")) return 0;
        if (!binary && !NC_THERE(r->c, float, s->val, elements, "segment.val")) return 0;
    }
    if (binary) return nc_need(r->c, node->dense == NULL, NC_BAD_FLAG, "dense");
    return NC_THERE(r->c, float, node->dense, elements, "dense");
}

/* Frames of all teams are the same ones: only the first team's are looked through again. */
static int same_frames(const nc_frames *a, const nc_frames *b) {
    return a->start == b->start && a->idx == b->idx && a->val == b->val && a->dense == b->dense &&
           a->events == b->events && a->frames == b->frames;
}

/* A maximum over values looks at all elements of its source. */
static int elements_there(const checking_run *r, uint32_t index, const nc_frames *f) {
    if (f->val == NULL || f->events == 0 || f->dense != NULL) return 1;
    int needed = 0;
    for (uint32_t k = 0; k < r->network->n_projections; k++)
        needed |= r->network->projection[k].source == index &&
                  r->network->projection[k].kind == NC_MAX_POOL;
    return nc_need(r->c, !needed, NC_NULL, "dense");
}

static int frames_of(const checking_run *r, uint32_t index, const nc_node *node) {
    const nc_node *first = r->run->team[0].node + index;
    const size_t past = nc_times(r->run->batch, node->depth);
    if (node == first || !same_frames(&node->past, &first->past)) {
        at(r, "past events of node", index);
        if (!events(r->c, &node->past, past, node->n) || !elements_there(r, index, &node->past))
            return 0;
    }
    if (index < r->network->n_sources && (node == first || !same_frames(&node->fed, &first->fed))) {
        at(r, "events of node", index);
        if (!events(r->c, &node->fed, r->frames, node->n) || !elements_there(r, index, &node->fed))
            return 0;
    }
    return at(r, "node", index);
}

static int nodes(const checking_run *r, const nc_team *team) {
    const uint32_t from = r->network->n_sources, n = from + r->network->n_populations;
    if (!NC_THERE(r->c, nc_node, team->node, n, "node")) return 0;
    for (uint32_t k = 0; k < n; k++) {
        const nc_node *node = team->node + k;
        at(r, "node", k);
        const nc_population *p = k < from ? NULL : r->network->population + (k - from);
        if (!nc_need(r->c, node->n == (p == NULL ? r->network->source_n[k] : p->n), NC_BAD_SIZE,
                     "n") ||
            !longest_delay(r, k, node) || !frames_of(r, k, node))
            return 0;
        if (p == NULL && !nc_need(r->c, node->segment == NULL, NC_BAD_FLAG, "segment")) return 0;
        if (p != NULL && !segments(r, node, p->binary != 0)) return 0;
    }
    return 1;
}

/* ---- scratch ---- */

static int is_state(const nc_program *g, uint32_t reg) {
    for (uint32_t s = 0; s < g->n_states; s++)
        if (g->state[s] == reg) return 1;
    return 0;
}

/* Every register but the states, which the driver sets, and each worker's part of every port. */
static int registers(const checking_run *r, const nc_population *p, const nc_population_scratch *s) {
    const size_t n = nc_times(r->run->workers, p->n_registers);
    if (!NC_THERE(r->c, float *, s->base, n, "base")) return 0;
    for (uint32_t w = 0; w < r->run->workers; w++) {
        float *const *base = s->base + (size_t)w * p->n_registers;
        const nc_range range = nc_range_of(p, w, r->run->workers);
        if (range.first == range.end) continue; /* the others have all of it */
        for (uint32_t k = 0; k < p->n_ports; k++)
            if (!nc_need(r->c, base[p->port[k]] == s->buffer[k] + range.first, NC_BAD_INDEX, "base"))
                return 0;
        for (uint32_t k = 0; k < p->n_registers; k++)
            if (!is_state(&p->program, k) && !NC_THERE(r->c, float, base[k], 1, "base")) return 0;
    }
    return 1;
}

/* Of populations that are run several steps at once. */
static int together(const checking_run *r, const nc_population *p, const nc_population_scratch *s) {
    const size_t workers = r->run->workers, chunk = r->run->chunk;
    if ((p->fused != 0 || p->many_steps != 0) &&
        !NC_THERE(r->c, uint32_t, s->tally, nc_times(nc_times(workers, chunk), 2), "tally"))
        return 0;
    if (p->turned != 0 &&
        !NC_THERE(r->c, float, s->turned_state, nc_times(2, nc_padded(p->n)), "turned_state"))
        return 0;
    if (p->many_steps == 0) return 1;
    const size_t n_in = r->network->projection[p->first[0]].n_in;
    return NC_THERE(r->c, uint64_t, s->when, nc_times(workers, n_in), "when") &&
           NC_THERE(r->c, int16_t, s->sums, nc_times(p->n, NC_STEPS), "sums") &&
           NC_THERE(r->c, uint64_t, s->fed, p->n, "fed");
}

static int population_scratch(const checking_run *r, const nc_population *p,
                              const nc_population_scratch *s) {
    const size_t workers = r->run->workers, words = nc_padded(p->n) / 64;
    const size_t parts = p->relay != 0 ? workers : 1;
    if (!NC_THERE(r->c, float *, s->buffer, p->n_ports, "buffer")) return 0;
    for (uint32_t k = 0; k < p->n_ports; k++)
        if (!NC_THERE(r->c, float, s->buffer[k], nc_times(parts, nc_padded(p->n)), "buffer"))
            return 0;
    return NC_THERE(r->c, uint8_t, s->touched, p->n, "touched") &&
           NC_THERE(r->c, uint8_t, s->fired, p->n, "fired") &&
           NC_THERE(r->c, uint64_t, s->bits, nc_times(nc_rows_of_bits(p, r->run), words), "bits") &&
           together(r, p, s) &&
           NC_THERE(r->c, uint8_t, s->quiet, nc_times(workers, NC_LINE), "quiet") &&
           (p->is_hot != 0 || registers(r, p, s));
}

static int conv_scratch(nc_checking *c, const nc_window *g, const nc_projection_scratch *s) {
    const size_t sums = nc_times(nc_times(g->oh, g->ow), nc_times(g->groups, g->out_stride));
    if (!nc_need(c, s->sums == sums, NC_BAD_SIZE, "sums") ||
        !NC_THERE(c, int64_t, s->acc, sums, "acc") ||
        !NC_THERE(c, uint32_t, s->dirty, nc_times(g->oh, 2), "dirty"))
        return 0;
    int dirty = 0;
    for (size_t y = 0; y < g->oh; y++) dirty |= s->dirty[2 * y] != g->ow || s->dirty[2 * y + 1] != 0;
    return nc_need(c, !dirty, NC_NOT_FRESH, "dirty");
}

static int scratch(const checking_run *r, const nc_team *team) {
    const nc_network *network = r->network;
    size_t widest = 0;
    if (!NC_THERE(r->c, nc_population_scratch, team->population, network->n_populations,
                  "population") ||
        !NC_THERE(r->c, nc_projection_scratch, team->projection, network->n_projections,
                  "projection"))
        return 0;
    for (uint32_t k = 0; k < network->n_populations; k++) {
        at(r, "population", k);
        if (!population_scratch(r, network->population + k, team->population + k)) return 0;
    }
    for (uint32_t k = 0; k < network->n_projections; k++) {
        const nc_projection *edge = network->projection + k;
        at(r, "projection", k);
        if (edge->n_out > widest) widest = edge->n_out;
        if (edge->kind == NC_CONV && !conv_scratch(r->c, edge->window, team->projection + k))
            return 0;
    }
    const size_t spans = nc_times(nc_times(r->run->workers, r->run->chunk), r->run->workers);
    at(r, "team", (size_t)(team - r->run->team));
    return NC_THERE(r->c, float, team->part, nc_padded(widest), "part") &&
           NC_THERE(r->c, int64_t, team->exact, nc_padded(widest), "exact") &&
           NC_THERE(r->c, nc_span, team->span, spans, "span") &&
           nc_need(r->c, team->arrived == 0, NC_NOT_FRESH, "arrived");
}

/* ---- results ---- */

static int results(const checking_run *r, uint32_t index) {
    const nc_population *p = r->network->population + index;
    const nc_population_run *out = r->run->population + index;
    const size_t own = nc_times(r->run->batch, p->n), all = nc_times(r->frames, p->n);
    const nc_node *node = r->run->team[0].node + r->network->n_sources + index;
    if (!NC_THERE(r->c, float *, out->state, p->program.n_states, "state") ||
        !NC_THERE(r->c, float *, out->current, p->n_ports, "current"))
        return 0;
    for (uint32_t s = 0; s < p->program.n_states; s++)
        if (!NC_THERE(r->c, float, out->state[s], own, "state")) return 0;
    for (uint32_t k = 0; k < p->n_ports; k++)
        if (!NC_MAY_BE(r->c, float, out->current[k], all, "current")) return 0;
    return NC_MAY_BE(r->c, uint8_t, out->spikes, all, "spikes") &&
           NC_MAY_BE(r->c, float, out->values, all, "values") &&
           NC_MAY_BE(r->c, float, out->membrane, all, "membrane") &&
           nc_need(r->c,
                   out->membrane == NULL || p->is_hot == 0 ||
                       out->membrane_state < p->program.n_states,
                   NC_BAD_INDEX, "membrane_state") &&
           NC_MAY_BE(r->c, float, out->history, nc_times(own, node->depth), "history") &&
           NC_THERE(r->c, int64_t, out->counts, nc_times(nc_times(r->run->workers, r->frames), 3),
                    "counts") &&
           nc_check_integer_run(r->c, p, out, r->run->batch, r->frames, r->run->workers);
}

/* Where worker w's targets begin in every row: after all that are below, before all that are not. */
static int cuts(const checking_run *r, const nc_projection *p, const nc_range range,
                const int64_t *cut) {
    const size_t block = range.first / NC_CSR_BLOCK, base = block * NC_CSR_BLOCK;
    const int64_t *rows = p->rows + block * (p->n_in + 1);
    for (size_t i = 0; i < p->n_in; i++) {
        const int64_t k = cut[i];
        const int inside = k >= rows[i] && k <= rows[i + 1];
        if (!nc_need(r->c, inside, NC_BAD_INDEX, "cut") ||
            !nc_need(r->c,
                     (k == rows[i] || base + p->local[k - 1] < range.first) &&
                         (k == rows[i + 1] || base + p->local[k] >= range.first),
                     NC_BAD_INDEX, "cut"))
            return 0;
    }
    return 1;
}

static int projection_run(const checking_run *r, const nc_population *p, uint32_t index) {
    const nc_projection *edge = r->network->projection + index;
    const nc_projection_run *out = r->run->projection + index;
    const uint32_t workers = r->run->workers;
    at(r, "projection", index);
    if (!NC_MAY_BE(r->c, uint32_t, out->bias_from, r->run->batch, "bias_from") ||
        !NC_THERE(r->c, int64_t, out->counts, nc_times(r->frames, 8), "counts"))
        return 0;
    if (edge->kind != NC_CSR || p->split == 0 || workers == 1) return 1;
    if (!NC_THERE(r->c, int64_t, out->cut, nc_times(workers - 1, edge->n_in), "cut")) return 0;
    for (uint32_t w = 1; w < workers; w++) {
        const nc_range range = nc_range_of(p, w, workers);
        if (range.first < p->n && !cuts(r, edge, range, out->cut + (size_t)(w - 1) * edge->n_in))
            return 0;
    }
    return 1;
}

/* Sums over the whole run, were every source to fire in every step. */
static int counters(const checking_run *r) {
    const int64_t frames = (int64_t)r->frames;
    int64_t most;
    for (uint32_t k = 0; k < r->network->n_projections; k++) {
        const nc_projection *edge = r->network->projection + k;
        at(r, "projection", k);
        for (size_t t = 0; t < 3; t++)
            if (!nc_need(r->c,
                         !__builtin_mul_overflow(nc_fan_total(edge->fan + t, edge->n_in), frames,
                                                 &most),
                         NC_COUNTERS, "fan"))
                return 0;
    }
    for (uint32_t k = 0; k < r->network->n_populations; k++) {
        at(r, "population", k);
        if (!nc_need(r->c,
                     !__builtin_mul_overflow((int64_t)r->network->population[k].n, frames, &most),
                     NC_COUNTERS, "n"))
            return 0;
    }
    return 1;
}

static int parts(const checking_run *r) {
    if (!scalars(r) || !shares(r)) return 0;
    for (uint32_t k = 0; k < r->run->teams; k++) {
        at(r, "team", k);
        if (!nodes(r, r->run->team + k)) return 0;
        at(r, "team", k);
        if (!scratch(r, r->run->team + k)) return 0;
    }
    for (uint32_t k = 0; k < r->network->n_populations; k++) {
        const nc_population *p = r->network->population + k;
        at(r, "population", k);
        if (!results(r, k)) return 0;
        for (uint32_t e = p->first[0]; e < p->first[p->n_ports]; e++)
            if (!projection_run(r, p, e)) return 0;
    }
    return counters(r);
}

nc_status nc_check_run(const nc_network *network, const nc_run *run, nc_fault *fault) {
    nc_checking c = {NC_OK, {"run", 0, NULL}};
    if (NC_THERE(&c, nc_network, network, 1, "network") && NC_THERE(&c, nc_run, run, 1, "run")) {
        const checking_run r = {&c, network, run, nc_times(run->batch, run->steps)};
        parts(&r);
    }
    if (fault != NULL) *fault = c.where;
    return c.status;
}
