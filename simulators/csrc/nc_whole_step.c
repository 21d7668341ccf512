/* Populations of integer networks: what arrives, neurons, events; one step or many. */
#include "nc_whole.h"

#include <string.h>

/* A buffer that holds int32. */
static int32_t *whole(float *buffer) {
    return (int32_t *)(void *)buffer;
}

/* Steps since the sample's rest, this one too. */
static int32_t clock_of(const nc_population_run *at, nc_moment now) {
    const uint32_t before = at->clock == NULL ? 0 : (uint32_t)at->clock[now.sample];
    return (int32_t)(before + (uint32_t)now.step + 1);
}

static int64_t *overflow_of(const nc_worker *w, uint32_t index, size_t frame) {
    const size_t frames = w->run->batch * w->run->steps;
    const uint32_t watches = w->network->population[index].integer.n_watches;
    return w->run->population[index].overflow + (w->me * frames + frame) * watches;
}

static int overflows(const int64_t *overflow, uint32_t watches) {
    int any = 0;
    for (uint32_t k = 0; k < watches; k++) any |= overflow[k] != 0;
    return any;
}

/* What arrives at a port in this step, and which neurons it touches. */
static nc_status gather(const nc_worker *w, const nc_population *p, uint32_t port, nc_moment now,
                        nc_range range, int32_t *total, uint8_t *touched) {
    nc_span *span = w->team->span + w->me * w->run->chunk * w->run->workers;
    int32_t *part = whole(w->team->part);
    memset(total + range.first, 0, (range.end - range.first) * sizeof *total);
    for (uint32_t k = p->first[port]; k < p->first[port + 1]; k++) {
        const nc_projection *edge = w->network->projection + k;
        nc_emitted(w, edge->source, now, edge->delay, span);
        if (nc_events_in(span, w->run->workers) == 0) continue;
        const nc_status status = nc_project_whole(w, k, span, range, touched, part);
        if (status != NC_OK) {
            nc_fail(w, status, k, now.step);
            return status;
        }
        for (size_t j = range.first; j < range.end; j++) {
            const int32_t sum = nc_shifted(nc_shifted(part[j], edge->lift), edge->exponent);
            total[j] = (int32_t)((uint32_t)total[j] + (uint32_t)sum);
        }
    }
    return NC_OK;
}

/* Runs the neurons; returns how many changed. */
static size_t update(const nc_worker *w, uint32_t index, nc_moment now, nc_range range, float *dense,
                     int64_t *overflow, int *large) {
    const nc_population *p = w->network->population + index;
    const nc_population_run *at = w->run->population + index;
    const nc_population_scratch *scratch = w->team->population + index;
    const size_t n = range.end - range.first, own = now.sample * p->n;
    const int32_t clock = clock_of(at, now);
    int32_t *membrane =
        at->membrane == NULL ? NULL : whole(at->membrane) + now.frame * p->n + range.first;
    if (p->is_lif) {
        const nc_lif_step job = {
            .lif = &p->lif, .clock = clock, .first = range.first, .end = range.end,
            .a = whole(scratch->buffer[0]), .u = whole(at->state[0]) + own,
            .v = whole(at->state[1]) + own, .fired = scratch->bits, .overflow = overflow,
        };
        const size_t changed = nc_whole_version(w->run->version)->lif_step(&job);
        if (membrane != NULL)
            memcpy(membrane, whole(at->state[at->membrane_state]) + own + range.first,
                   n * sizeof *membrane);
        return changed;
    }
    float **base = scratch->base + w->me * p->n_registers;
    for (uint32_t s = 0; s < p->program.n_states; s++)
        base[p->program.state[s]] = at->state[s] + own + range.first;
    if (p->integer.has_clock) {
        int32_t *steps = whole(base[p->integer.clock]);
        for (size_t k = 0; k < NC_BLOCK; k++) steps[k] = clock;
    }
    return nc_integer_step(&p->program, &p->integer, base, p->step, n,
                           dense == NULL ? NULL : dense + range.first,
                           p->binary ? scratch->fired + range.first : NULL, membrane, overflow, large);
}

static int is_silent(const nc_worker *w, const nc_population *p, nc_moment now) {
    nc_span *span = w->team->span + w->me * w->run->chunk * w->run->workers;
    for (uint32_t k = p->first[0]; k < p->first[p->n_ports]; k++) {
        nc_emitted(w, w->network->projection[k].source, now, w->network->projection[k].delay, span);
        if (nc_events_in(span, w->run->workers) != 0) return 0;
    }
    return 1;
}

static int is_recorded(const nc_population_run *at, uint32_t n_ports) {
    for (uint32_t port = 0; port < n_ports; port++)
        if (at->current[port] != NULL) return 1;
    return at->membrane != NULL;
}

static void count_arrivals(const nc_worker *w, const nc_population *p, nc_moment now) {
    nc_span *span = w->team->span + w->me * w->run->chunk * w->run->workers;
    for (uint32_t k = p->first[0]; k < p->first[p->n_ports]; k++) {
        nc_emitted(w, w->network->projection[k].source, now, w->network->projection[k].delay, span);
        nc_count_arrivals(w, k, now, span);
    }
}

void nc_step_whole(const nc_worker *w, uint32_t index, nc_moment now) {
    const nc_population *p = w->network->population + index;
    const nc_population_run *at = w->run->population + index;
    const nc_population_scratch *scratch = w->team->population + index;
    const nc_node *node = w->team->node + w->network->n_sources + index;
    const nc_range range = nc_range_of(p, w->me, w->run->workers);
    const size_t n = range.end - range.first, place = node->depth + now.step - now.base;
    const nc_segment *segment = node->segment + w->me;
    uint8_t *touched = scratch->touched;
    if (w->me == 0) count_arrivals(w, p, now);
    if (n == 0) { /* the other workers have all of it */
        segment->start[place + 1] = segment->start[place];
        return;
    }
    int64_t *counts = nc_counts_of(w, index, now.frame);
    int64_t *overflow = overflow_of(w, index, now.frame);
    memset(touched + range.first, p->always_full != 0, n);
    if (p->always != NULL && !p->always_full)
        memcpy(touched + range.first, p->always + range.first, n);
    const int timed = p->integer.has_clock || (p->is_lif && p->lif.interval != 0);
    const int silent = p->binary && !timed && is_silent(w, p, now);
    if (silent && scratch->quiet[w->me * NC_LINE] && !is_recorded(at, p->n_ports)) {
        segment->start[place + 1] = segment->start[place]; /* as in the last step, and it changed nothing */
        counts[1] = (int64_t)nc_count_u8(n, touched + range.first);
        return;
    }
    for (uint32_t port = 0; port < p->n_ports; port++) {
        int32_t *total = whole(scratch->buffer[port]);
        const nc_status status =
            gather(w, p, port, now, range, total, p->always_full ? NULL : touched);
        if (status != NC_OK) /* the others must not wait in vain: go on, the run is lost anyway */
            memset(total + range.first, 0, n * sizeof *total);
        if (at->current[port] != NULL)
            memcpy(whole(at->current[port]) + now.frame * p->n + range.first, total + range.first,
                   n * sizeof *total);
    }
    float *dense = node->dense == NULL ? NULL : node->dense + place * p->n;
    int large = 0;
    counts[2] = (int64_t)update(w, index, now, range, dense, overflow, &large);
    if (large) nc_fail(w, NC_PAYLOAD, index, now.step);
    counts[0] = (int64_t)nc_emit(w, index, now, range, p->is_lif ? scratch->bits : NULL, dense);
    counts[1] = (int64_t)nc_count_u8(n, touched + range.first);
    const int quiet = silent && counts[2] == 0 && counts[0] == 0 &&
                      !overflows(overflow, p->integer.n_watches);
    scratch->quiet[w->me * NC_LINE] = quiet ? NC_QUIET : 0;
}

/* ---- a dense projection and its neurons, all steps of a chunk at once ---- */

static void run_fused(const nc_worker *w, uint32_t index, size_t sample, size_t first, size_t end) {
    const nc_population *p = w->network->population + index;
    const nc_population_run *at = w->run->population + index;
    const nc_population_scratch *scratch = w->team->population + index;
    const nc_range range = nc_range_of(p, w->me, w->run->workers);
    const uint32_t k = p->first[0], workers = w->run->workers;
    const nc_projection *edge = w->network->projection + k;
    const size_t frames = end - first, own = sample * p->n, stride = (p->n + 63) / 64;
    nc_span *span = w->team->span + w->me * w->run->chunk * workers;
    uint32_t *tally = scratch->tally + w->me * w->run->chunk * 2;
    const size_t eventful = nc_arrivals(w, k, sample, first, end, span);
    const size_t low = range.first / 64, high = range.first < range.end ? (range.end + 63) / 64 : low;
    memset(tally, 0, frames * 2 * sizeof *tally);
    const nc_moment begin = nc_moment_of(w->run, sample, first, first);
    const nc_lif_run job = {
        .dense = &edge->dense, .lif = &p->lif, .exponent = edge->lift + edge->exponent,
        .clock = clock_of(at, begin), .n = p->n,
        .first = low, .end = high, .frames = frames, .spans = workers, .span = span, .always = p->always_bits,
        .u = whole(at->state[0]) + own, .v = whole(at->state[1]) + own,
        .reached = w->wide->reached_frames(&edge->dense, low, high, span, workers, eventful, scratch->bits,
                                           stride, p->always_bits == NULL ? tally : NULL),
        .fired = scratch->bits, .stride = stride, .counts = tally,
        .overflow = overflow_of(w, index, begin.frame),
    };
    if (low < high) nc_whole_version(w->run->version)->lif_run(&job);
    for (size_t t = 0; t < frames; t++) {
        const nc_moment now = nc_moment_of(w->run, sample, first + t, first);
        int64_t *counts = nc_counts_of(w, index, now.frame);
        counts[0] = (int64_t)nc_emit(w, index, now, range, scratch->bits + t * stride, NULL);
        counts[1] = tally[2 * t];
        counts[2] = tally[2 * t + 1];
    }
    scratch->quiet[w->me * NC_LINE] = 0;
}

void nc_run_whole(const nc_worker *w, uint32_t index, size_t sample, size_t first, size_t end) {
    const nc_population *p = w->network->population + index;
    const nc_population_run *at = w->run->population + index;
    if (p->fused && !is_recorded(at, p->n_ports) &&
        nc_feeds_ones(w, p->first[0])) {
        run_fused(w, index, sample, first, end);
        return;
    }
    for (size_t t = first; t < end; t++)
        nc_step_whole(w, index, nc_moment_of(w->run, sample, t, first));
}
