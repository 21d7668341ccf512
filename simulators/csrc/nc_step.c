/* Populations in one step or in a chunk of steps: what arrives, neurons, events, counts, records. */
#include "nc_driver.h"

#include <string.h>

typedef struct {
    size_t sample, step, frame; /* frame: sample * steps + step */
    size_t base;                /* first step of the chunk */
} moment;

static moment moment_of(const nc_run *run, size_t sample, size_t step, size_t base) {
    return (moment){sample, step, sample * run->steps + step, base};
}

nc_range nc_range_of(const nc_population *p, uint32_t worker, uint32_t workers) {
    if (!p->split) return worker == 0 ? (nc_range){0, p->n} : (nc_range){p->n, p->n};
    const size_t blocks = (p->n + NC_COLUMNS - 1) / NC_COLUMNS;
    const size_t first = blocks * worker / workers * NC_COLUMNS;
    const size_t end = blocks * (worker + 1) / workers * NC_COLUMNS;
    return (nc_range){first < p->n ? first : p->n, end < p->n ? end : p->n};
}

static void wait_for_all(const nc_worker *w) {
    if (w->wait != NULL) w->wait(w->team, w->run->workers);
}

/* ---- events ---- */

static nc_span span_of(const nc_frames *frames, size_t f) {
    if (frames->start == NULL) return (nc_span){NULL, NULL, 0};
    const int64_t first = frames->start[f];
    return (nc_span){.idx = frames->idx + first,
                     .val = frames->val == NULL ? NULL : frames->val + first,
                     .count = (size_t)(frames->start[f + 1] - first)};
}

/* What a node emitted `delay` steps before now: span[W]. Returns all its elements, where its events
 * have values. */
static const float *emitted(const nc_worker *w, uint32_t source, moment now, uint32_t delay,
                            nc_span *span) {
    const nc_node *node = w->team->node + source;
    const uint32_t workers = w->run->workers;
    if (node->segment == NULL) {
        const int past = now.step < delay;
        const nc_frames *frames = past ? &node->past : &node->fed;
        const size_t f = past ? now.sample * node->depth + node->depth + now.step - delay
                              : now.frame - delay;
        for (uint32_t k = 1; k < workers; k++) span[k] = (nc_span){NULL, NULL, 0};
        span[0] = span_of(frames, f);
        return frames->dense == NULL ? NULL : frames->dense + f * node->n;
    }
    const size_t place = node->depth + now.step - now.base - delay;
    for (uint32_t k = 0; k < workers; k++) {
        const nc_segment *s = node->segment + k;
        span[k] = (nc_span){.idx = s->idx + s->start[place],
                            .val = s->val == NULL ? NULL : s->val + s->start[place],
                            .count = s->start[place + 1] - s->start[place]};
    }
    return node->dense == NULL ? NULL : node->dense + place * node->n;
}

static size_t events_in(const nc_span *span, uint32_t workers) {
    size_t count = 0;
    for (uint32_t k = 0; k < workers; k++) count += span[k].count;
    return count;
}

static void count_events(const nc_worker *w, uint32_t index, moment now, const nc_span *span) {
    if (w->me != 0) return;
    int64_t *row = w->run->projection[index].counts + now.frame * 8;
    for (uint32_t k = 0; k < w->run->workers; k++)
        nc_count_events(w->network->projection[index].fan, span[k].idx, span[k].val, span[k].count,
                        row);
}

static int64_t *counts_of(const nc_worker *w, uint32_t index, size_t frame) {
    const size_t frames = w->run->batch * w->run->steps;
    return w->run->population[index].counts + (w->me * frames + frame) * 3;
}

/* ---- what arrives ---- */

/* 1 where the projection adds its bias in this step. */
static int biased(const nc_worker *w, uint32_t index, moment now) {
    const uint32_t *from = w->run->projection[index].bias_from;
    return w->network->projection[index].bias != NULL && (from == NULL || now.step >= from[now.sample]);
}

/* 1 where the projection adds its bias for the first time. */
static int starts_bias(const nc_worker *w, uint32_t index, moment now) {
    const uint32_t *from = w->run->projection[index].bias_from;
    return from != NULL && now.step == from[now.sample];
}

static void mark(nc_range range, const uint8_t *flags, int full, uint8_t *touched, int *all) {
    if (full) *all = 1;
    if (flags != NULL && !*all)
        nc_or_u8(range.end - range.first, flags + range.first, touched + range.first);
}

/* Marks the neurons that are updated whatever arrives: those with a leak or a bias. *all becomes 1
 * where that is all of them, *some where it may be some, so that flags are needed. */
static void mark_always(const nc_worker *w, const nc_population *p, moment now, nc_range range,
                        uint8_t *touched, int *all, int *some) {
    *all = 0;
    *some = p->always != NULL;
    mark(range, p->always, p->always_full, touched, all);
    for (uint32_t k = p->first[0]; k < p->first[p->n_ports]; k++) {
        const nc_projection *edge = w->network->projection + k;
        if (!biased(w, k, now)) continue;
        if (!edge->bias_full) *some = 1;
        mark(range, edge->bias_nonzero, edge->bias_full, touched, all);
    }
}

typedef struct {
    int all;        /* every neuron of the range is touched */
    int flags;      /* touched[] says which; else `touched` says how many */
    size_t touched;
    int emitted;    /* as many as emit something */
} arrival;

static nc_status gather(const nc_worker *w, const nc_population *p, uint32_t port, moment now,
                        nc_range range, float *total, uint8_t *touched, arrival *so_far) {
    const size_t n = range.end - range.first;
    nc_span *span = w->team->span + w->me * w->run->chunk * w->run->workers;
    if (p->first[port] == p->first[port + 1]) memset(total + range.first, 0, n * sizeof *total);
    for (uint32_t k = p->first[port]; k < p->first[port + 1]; k++) {
        const nc_projection *edge = w->network->projection + k;
        const int first = k == p->first[port], track = !so_far->all;
        float *out = first ? total : w->team->part;
        nc_touch touch;
        const float *dense = emitted(w, edge->source, now, edge->delay, span);
        const nc_status status =
            nc_project(w, k, span, dense, range, track, out, touched, &touch);
        if (status != NC_OK) {
            w->team->at_projection = k;
            return status;
        }
        if (touch == NC_TOUCH_NONZERO && so_far->flags)
            nc_nonzero_f32(n, out + range.first, touched + range.first);
        else if (touch == NC_TOUCH_NONZERO && p->relay) so_far->emitted = 1;
        else if (touch == NC_TOUCH_NONZERO)
            so_far->touched = nc_nonzero_f32(n, out + range.first, NULL);
        if (touch == NC_TOUCH_MARKS) {
            uint8_t *flags = track && so_far->flags ? touched + range.first : NULL;
            so_far->touched = w->wide->unmark(n, out + range.first, flags);
        } else if (touch == NC_TOUCH_FLAGS && track && !so_far->flags) {
            so_far->touched = nc_count_u8(n, touched + range.first);
        }
        if (touch == NC_TOUCH_ALL) so_far->all = 1;
        if (!first) nc_add_f32(n, out + range.first, total + range.first);
    }
    for (uint32_t k = p->first[port]; k < p->first[port + 1]; k++)
        if (biased(w, k, now))
            nc_add_f32(n, w->network->projection[k].bias + range.first, total + range.first);
    return NC_OK;
}

/* ---- neurons ---- */

/* Runs the neuron program; returns the number of neurons whose state changed. */
static size_t update(const nc_worker *w, uint32_t index, moment now, nc_range range, float *dense) {
    const nc_population *p = w->network->population + index;
    const nc_population_run *at = w->run->population + index;
    const nc_population_scratch *scratch = w->team->population + index;
    const size_t n = range.end - range.first, own = now.sample * p->n;
    float *membrane =
        at->membrane == NULL ? NULL : at->membrane + now.frame * p->n + range.first;
    if (p->is_hot) {
        float *v = at->state[(p->hot.form & NC_HOT_CURRENT) != 0 ? 1 : 0] + own;
        float *i = (p->hot.form & NC_HOT_CURRENT) != 0 ? at->state[0] + own : NULL;
        const size_t changed = w->wide->hot_step(&p->hot, range.first, range.end,
                                                 scratch->buffer[0], v, i, scratch->bits);
        if (membrane != NULL)
            memcpy(membrane, at->state[at->membrane_state] + own + range.first,
                   n * sizeof *membrane);
        return changed;
    }
    float **base = scratch->base + w->me * p->n_registers;
    for (uint32_t s = 0; s < p->program.n_states; s++)
        base[p->program.state[s]] = at->state[s] + own + range.first;
    return nc_program_step(&p->program, base, p->step, n,
                           dense == NULL ? NULL : dense + range.first,
                           p->binary ? scratch->fired + range.first : NULL, membrane);
}

/* Where the emissions of this step stand in the history that the next run starts from, or NULL. */
static float *history_of(const nc_node *node, const nc_population_run *at, const nc_run *run,
                         moment now) {
    if (at->history == NULL || now.step + node->depth < run->steps) return NULL;
    const size_t place = node->depth - (run->steps - now.step);
    return at->history + (now.sample * node->depth + place) * node->n;
}

/* Records the events of this step that the worker's segment holds. */
static void record(const nc_worker *w, uint32_t index, moment now, nc_range range,
                   const nc_segment *s, size_t place, const uint64_t *bits, const float *dense) {
    const nc_population *p = w->network->population + index;
    const nc_population_run *at = w->run->population + index;
    const nc_population_scratch *scratch = w->team->population + index;
    const nc_node *node = w->team->node + w->network->n_sources + index;
    const size_t n = range.end - range.first;
    float *history = history_of(node, at, w->run, now);
    if (p->binary) {
        uint8_t *spikes = at->spikes == NULL ? NULL : at->spikes + now.frame * p->n + range.first;
        if (spikes != NULL && bits != NULL) nc_bytes_of_bits(n, bits + range.first / 64, spikes);
        else if (spikes != NULL) memcpy(spikes, scratch->fired + range.first, n);
        for (size_t k = s->start[place]; k < s->start[place + 1] && history != NULL; k++)
            history[s->idx[k]] = 1.0f;
        return;
    }
    if (at->values != NULL)
        memcpy(at->values + now.frame * p->n + range.first, dense + range.first, n * sizeof *dense);
    if (history != NULL)
        memcpy(history + range.first, dense + range.first, n * sizeof *dense);
}

/* Appends the events of this step to the worker's segment, and records them. */
static size_t emit(const nc_worker *w, uint32_t index, moment now, nc_range range,
                   const uint64_t *bits, const float *dense) {
    const nc_population *p = w->network->population + index;
    const nc_population_scratch *scratch = w->team->population + index;
    const nc_node *node = w->team->node + w->network->n_sources + index;
    const nc_segment *s = node->segment + w->me;
    const size_t place = node->depth + now.step - now.base, n = range.end - range.first;
    uint32_t *idx = s->idx + s->start[place];
    size_t count = 0;
    if (bits != NULL) {
        const size_t first = range.first / 64;
        count = w->wide->events_of_bits((range.end + 63) / 64 - first, first, bits + first, idx);
    } else {
        if (p->binary) count = nc_events_of_u8(n, scratch->fired + range.first, idx);
        else count = w->wide->events_of_f32(n, dense + range.first, idx, s->val + s->start[place]);
        for (size_t k = 0; k < count && range.first != 0; k++) idx[k] += (uint32_t)range.first;
    }
    s->start[place + 1] = s->start[place] + count;
    record(w, index, now, range, s, place, bits, dense);
    return count;
}

/* 1 where nothing arrives in this step that did not arrive in the last one. */
static int is_silent(const nc_worker *w, const nc_population *p, moment now) {
    nc_span *span = w->team->span + w->me * w->run->chunk * w->run->workers;
    for (uint32_t k = p->first[0]; k < p->first[p->n_ports]; k++) {
        const nc_projection *edge = w->network->projection + k;
        if (starts_bias(w, k, now)) return 0;
        const float *dense = emitted(w, edge->source, now, edge->delay, span);
        if (events_in(span, w->run->workers) != 0) return 0;
        if (edge->kind == NC_MAX_POOL && dense != NULL) return 0; /* zeros may be of either sign */
    }
    return 1;
}

static int records_currents(const nc_population_run *at, uint32_t n_ports) {
    for (uint32_t port = 0; port < n_ports; port++)
        if (at->current[port] != NULL) return 1;
    return 0;
}

static void step_population(const nc_worker *w, uint32_t index, moment now) {
    const nc_population *p = w->network->population + index;
    const nc_population_run *at = w->run->population + index;
    const nc_population_scratch *scratch = w->team->population + index;
    const nc_node *node = w->team->node + w->network->n_sources + index;
    const nc_range range = nc_range_of(p, w->me, w->run->workers);
    const size_t n = range.end - range.first, place = node->depth + now.step - now.base;
    nc_span *span = w->team->span + w->me * w->run->chunk * w->run->workers;
    if (w->me == 0) {
        for (uint32_t k = p->first[0]; k < p->first[p->n_ports]; k++) {
            emitted(w, w->network->projection[k].source, now, w->network->projection[k].delay, span);
            count_events(w, k, now, span);
        }
    }
    float *dense = node->dense == NULL ? NULL : node->dense + place * p->n;
    if (n == 0) { /* the other workers have all of it */
        node->segment[w->me].start[place + 1] = node->segment[w->me].start[place];
        return;
    }
    int64_t *counts = counts_of(w, index, now.frame);
    arrival so_far = {0, 0, 0, 0};
    if (p->n_ports != 0) {
        if (p->first[p->n_ports] - p->first[0] != 1) so_far.flags = 1;
        memset(scratch->touched + range.first, 0, n);
        int some;
        mark_always(w, p, now, range, scratch->touched, &so_far.all, &some);
        so_far.flags |= some;
    }
    const int silent = p->binary && is_silent(w, p, now);
    if (silent && scratch->quiet[w->me] && at->membrane == NULL &&
        !records_currents(at, p->n_ports)) { /* the same state, the same input: the same again */
        node->segment[w->me].start[place + 1] = node->segment[w->me].start[place];
        counts[1] = (int64_t)(so_far.all     ? n
                              : so_far.flags ? nc_count_u8(n, scratch->touched + range.first)
                                             : 0);
        return;
    }
    for (uint32_t port = 0; port < p->n_ports; port++) {
        float *total = p->relay && dense != NULL ? dense : scratch->buffer[port];
        const nc_status status =
            gather(w, p, port, now, range, total, scratch->touched, &so_far);
        if (status != NC_OK) { /* the others must not wait in vain: go on, the run is lost anyway */
            w->team->status = status;
            memset(total + range.first, 0, n * sizeof *total);
        }
        if (at->current[port] != NULL)
            memcpy(at->current[port] + now.frame * p->n + range.first, total + range.first,
                   n * sizeof *total);
    }
    if (!p->relay || dense == NULL) counts[2] = (int64_t)update(w, index, now, range, dense);
    counts[0] = (int64_t)emit(w, index, now, range, p->is_hot ? scratch->bits : NULL, dense);
    counts[1] = (int64_t)(so_far.all     ? n
                          : so_far.flags ? nc_count_u8(n, scratch->touched + range.first)
                          : so_far.emitted ? (size_t)counts[0]
                                           : so_far.touched);
    scratch->quiet[w->me] = silent && counts[2] == 0 && counts[0] == 0;
}

/* ---- a convolution and its neurons, in position-major order ---- */

/* The states of the sample, to position-major order or back. */
static void turn_states(const nc_worker *w, uint32_t index, size_t sample, int back) {
    const nc_population *p = w->network->population + index;
    const nc_population_run *at = w->run->population + index;
    const size_t width = (p->n + NC_COLUMNS - 1) / NC_COLUMNS * NC_COLUMNS;
    for (uint32_t s = 0; s < p->program.n_states; s++) {
        float *state = at->state[s] + sample * p->n;
        float *turned = w->team->population[index].turned_state + s * width;
        for (size_t j = 0; j < p->n; j++) {
            if (back) state[p->turned_place[j]] = turned[j];
            else turned[j] = state[p->turned_place[j]];
        }
    }
}

/* As step_population. Where sums say nothing of what was touched, they are turned the long way. */
static void step_turned(const nc_worker *w, uint32_t index, moment now) {
    const nc_population *p = w->network->population + index;
    const nc_population_scratch *scratch = w->team->population + index;
    const nc_node *node = w->team->node + w->network->n_sources + index;
    const uint32_t k = p->first[0];
    const nc_projection *edge = w->network->projection + k;
    const nc_projection_scratch *at = w->team->projection + k;
    const size_t place = node->depth + now.step - now.base, words = (p->n + 63) / 64;
    nc_span *span = w->team->span + w->me * w->run->chunk * w->run->workers;
    emitted(w, edge->source, now, edge->delay, span);
    count_events(w, k, now, span);
    int64_t *counts = counts_of(w, index, now.frame);
    const int silent = events_in(span, w->run->workers) == 0 && !starts_bias(w, k, now);
    const int bias = biased(w, k, now);
    const uint64_t *always = bias ? p->biased_bits : p->always_bits;
    if (silent && scratch->quiet[0]) {
        node->segment[0].start[place + 1] = node->segment[0].start[place];
        for (size_t word = 0; always != NULL && word < words; word++)
            counts[1] += nc_bits_set(always[word]);
        if (always != NULL) counts[1] -= (int64_t)(words * 64 - p->n); /* set beyond the last */
        return;
    }
    for (uint32_t s = 0; s < w->run->workers; s++)
        w->wide->conv_sum(edge->window, edge->weights, span + s, at->acc, at->dirty);
    for (uint32_t y = 0; y < edge->window->oh; y++) { /* emptied with the sums */
        at->dirty[2 * y] = edge->window->ow;
        at->dirty[2 * y + 1] = 0;
    }
    const int current = (p->hot.form & NC_HOT_CURRENT) != 0;
    const size_t width = words * NC_COLUMNS;
    size_t touched, changed;
    uint64_t *turned_bits = scratch->bits + words;
    const nc_turned_run job = {
        .hot = &p->turned_hot, .n = p->n, .scale = edge->scale, .acc = at->acc,
        .bias = bias ? p->turned_bias : NULL, .always = always,
        .v = scratch->turned_state + (current ? width : 0),
        .i = current ? scratch->turned_state : NULL,
        .fired = turned_bits, .touched = &touched, .changed = &changed,
    };
    w->wide->turned_step(&job);
    const nc_segment *s = node->segment;
    uint32_t *turned = s->idx + s->start[place]; /* where the list in the network's order will be */
    const size_t fired = w->wide->events_of_bits(words, 0, turned_bits, turned);
    memset(scratch->bits, 0, words * sizeof *scratch->bits);
    for (size_t e = 0; e < fired; e++) {
        const uint32_t j = p->turned_place[turned[e]];
        scratch->bits[j / 64] |= (uint64_t)1 << (j % 64);
    }
    counts[0] = (int64_t)emit(w, index, now, (nc_range){0, p->n}, scratch->bits, NULL);
    counts[1] = (int64_t)touched;
    counts[2] = (int64_t)changed;
    scratch->quiet[0] = silent && changed == 0 && counts[0] == 0;
}

/* 1 where every sum of this chunk is a float sum that marks what it touches. */
static int turns(const nc_worker *w, uint32_t index, size_t sample, size_t first, size_t end) {
    const nc_population *p = w->network->population + index;
    const nc_population_run *at = w->run->population + index;
    const nc_projection *edge = w->network->projection + p->first[0];
    if (!p->turned || at->membrane != NULL || at->current[0] != NULL) return 0;
    nc_span *span = w->team->span + w->me * w->run->chunk * w->run->workers;
    for (size_t t = first; t < end; t++) {
        emitted(w, edge->source, moment_of(w->run, sample, t, first), edge->delay, span);
        for (uint32_t s = 0; s < w->run->workers; s++)
            if (!nc_conv_marks(edge, span + s)) return 0;
    }
    return 1;
}

static void run_turned(const nc_worker *w, uint32_t index, size_t sample, size_t first, size_t end) {
    if (w->me == 0) {
        turn_states(w, index, sample, 0);
        for (size_t t = first; t < end; t++)
            step_turned(w, index, moment_of(w->run, sample, t, first));
        turn_states(w, index, sample, 1);
        return;
    }
    const nc_node *node = w->team->node + w->network->n_sources + index;
    const nc_segment *s = node->segment + w->me;
    for (size_t t = first; t < end; t++) /* the first worker has all of it */
        s->start[node->depth + t - first + 1] = s->start[node->depth + t - first];
}

/* ---- a dense projection and its neurons, all steps of a chunk at once ---- */

static void run_fused(const nc_worker *w, uint32_t index, size_t sample, size_t first, size_t end) {
    const nc_population *p = w->network->population + index;
    const nc_population_run *at = w->run->population + index;
    const nc_population_scratch *scratch = w->team->population + index;
    const nc_range range = nc_range_of(p, w->me, w->run->workers);
    const uint32_t k = p->first[0], workers = w->run->workers;
    const nc_projection *edge = w->network->projection + k;
    const uint32_t *from = w->run->projection[k].bias_from;
    const size_t frames = end - first, own = sample * p->n, stride = (p->n + 63) / 64;
    nc_span *span = w->team->span + w->me * w->run->chunk * workers;
    uint32_t *tally = scratch->tally + w->me * w->run->chunk * 2;
    for (size_t t = 0; t < frames; t++) {
        const moment now = moment_of(w->run, sample, first + t, first);
        emitted(w, edge->source, now, edge->delay, span + t * workers);
        count_events(w, k, now, span + t * workers);
    }
    memset(tally, 0, frames * 2 * sizeof *tally);
    const int current = (p->hot.form & NC_HOT_CURRENT) != 0;
    const nc_dense_run job = {
        .dense = &edge->dense, .hot = &p->hot, .n = p->n,
        .first = range.first / 64, .end = (range.end + 63) / 64,
        .frames = frames, .spans = workers, .span = span, .bias = edge->bias,
        .bias_from = from == NULL || from[sample] <= first ? 0 : from[sample] - first,
        .always = p->always_bits,
        .always_biased = edge->bias == NULL ? p->always_bits : p->biased_bits,
        .v = at->state[current ? 1 : 0] + own, .i = current ? at->state[0] + own : NULL,
        .fired = scratch->bits, .stride = stride, .counts = tally,
    };
    if (range.first < range.end) w->wide->dense_run(&job);
    for (size_t t = 0; t < frames; t++) {
        const moment now = moment_of(w->run, sample, first + t, first);
        int64_t *counts = counts_of(w, index, now.frame);
        counts[0] = (int64_t)emit(w, index, now, range, scratch->bits + t * stride, NULL);
        counts[1] = tally[2 * t];
        counts[2] = tally[2 * t + 1];
    }
}

/* ---- sparse rows and their neurons, up to 64 steps at once ---- */

/* Taking a source's steps together costs as much as a few of its events one by one. */
enum { EVENTS_A_SOURCE = 3 };

/* Sets the bits of the steps in which sources fire; 1 where it pays to go on with them. */
static int gather_steps(const nc_worker *w, const nc_projection *edge, size_t sample, size_t first,
                        size_t end, size_t base, uint64_t *when) {
    nc_span *span = w->team->span + w->me * w->run->chunk * w->run->workers;
    size_t sources = 0, events = 0;
    for (size_t t = first; t < end; t++) {
        emitted(w, edge->source, moment_of(w->run, sample, t, base), edge->delay, span);
        for (uint32_t s = 0; s < w->run->workers; s++) {
            events += span[s].count;
            for (size_t k = 0; k < span[s].count; k++) {
                uint64_t *steps = when + span[s].idx[k];
                sources += *steps == 0 ? 1 : 0;
                *steps |= (uint64_t)1 << (t - first);
            }
        }
    }
    return events >= EVENTS_A_SOURCE * sources && events != 0;
}

static void run_steps(const nc_worker *w, uint32_t index, size_t sample, size_t first, size_t end,
                      size_t base, const uint64_t *when) {
    const nc_population *p = w->network->population + index;
    const nc_population_run *at = w->run->population + index;
    const nc_population_scratch *scratch = w->team->population + index;
    const nc_range range = nc_range_of(p, w->me, w->run->workers);
    const uint32_t k = p->first[0];
    const nc_projection *edge = w->network->projection + k;
    const uint32_t *from = w->run->projection[k].bias_from;
    const size_t frames = end - first, own = sample * p->n, stride = (p->n + 63) / 64;
    const size_t n = range.end - range.first;
    uint32_t *tally = scratch->tally + w->me * w->run->chunk * 2;
    const nc_csr m = nc_rows_of(w, k, range, 0);
    memset(scratch->sums + range.first * NC_STEPS, 0, n * NC_STEPS * sizeof *scratch->sums);
    memset(scratch->fed + range.first, 0, n * sizeof *scratch->fed);
    memset(tally, 0, frames * 2 * sizeof *tally);
    w->wide->csr_steps(&m, p->n == 0 ? 0 : edge->n_in, when, scratch->sums, scratch->fed);
    const int current = (p->hot.form & NC_HOT_CURRENT) != 0;
    const nc_steps_run job = {
        .hot = &p->hot, .n = p->n, .first = range.first / 64, .end = (range.end + 63) / 64,
        .frames = frames, .scale = edge->scale, .acc = scratch->sums, .fed = scratch->fed,
        .bias = edge->bias,
        .bias_from = from == NULL || from[sample] <= first ? 0 : from[sample] - first,
        .always = p->always_bits,
        .always_biased = edge->bias == NULL ? p->always_bits : p->biased_bits,
        .v = at->state[current ? 1 : 0] + own, .i = current ? at->state[0] + own : NULL,
        .fired = scratch->bits, .stride = stride, .counts = tally,
    };
    if (n != 0) w->wide->steps_run(&job);
    nc_span *span = w->team->span + w->me * w->run->chunk * w->run->workers;
    for (size_t t = 0; t < frames; t++) {
        const moment now = moment_of(w->run, sample, first + t, base);
        emitted(w, edge->source, now, edge->delay, span);
        count_events(w, k, now, span);
        int64_t *counts = counts_of(w, index, now.frame);
        counts[0] = (int64_t)emit(w, index, now, range, scratch->bits + t * stride, NULL);
        counts[1] = tally[2 * t];
        counts[2] = tally[2 * t + 1];
    }
    scratch->quiet[w->me] = 0;
}

/* 64 steps at a time, together where sources fire several times in them. */
static void run_many_steps(const nc_worker *w, uint32_t index, size_t sample, size_t first,
                           size_t end) {
    const nc_projection *edge =
        w->network->projection + w->network->population[index].first[0];
    uint64_t *when = w->team->population[index].when + w->me * edge->n_in;
    for (size_t part = first; part < end; part += NC_STEPS) {
        const size_t last = end - part < NC_STEPS ? end : part + NC_STEPS;
        if (gather_steps(w, edge, sample, part, last, first, when))
            run_steps(w, index, sample, part, last, first, when);
        else
            for (size_t t = part; t < last; t++)
                step_population(w, index, moment_of(w->run, sample, t, first));
        memset(when, 0, edge->n_in * sizeof *when);
    }
}

/* 1 where nothing but ones reaches the projection in this run. */
static int feeds_ones(const nc_worker *w, const nc_projection *edge) {
    const nc_node *node = w->team->node + edge->source;
    if (node->segment != NULL)
        return w->network->population[edge->source - w->network->n_sources].binary;
    return node->fed.val == NULL && node->past.val == NULL;
}

/* ---- chunks ---- */

static void run_unit(const nc_worker *w, uint32_t unit, size_t sample, size_t first, size_t end) {
    const uint32_t *member = w->network->member + w->network->unit[unit];
    const uint32_t members = w->network->unit[unit + 1] - w->network->unit[unit];
    if (!w->network->loops[unit]) {
        const nc_population *p = w->network->population + member[0];
        const nc_population_run *at = w->run->population + member[0];
        if (p->fused && at->membrane == NULL && at->current[0] == NULL &&
            feeds_ones(w, w->network->projection + p->first[0]))
            run_fused(w, member[0], sample, first, end);
        else if (p->many_steps && at->membrane == NULL && at->current[0] == NULL &&
                 feeds_ones(w, w->network->projection + p->first[0]))
            run_many_steps(w, member[0], sample, first, end);
        else if (turns(w, member[0], sample, first, end))
            run_turned(w, member[0], sample, first, end);
        else
            for (size_t t = first; t < end; t++)
                step_population(w, member[0], moment_of(w->run, sample, t, first));
        wait_for_all(w);
        return;
    }
    for (size_t t = first; t < end; t++) {
        for (uint32_t k = 0; k < members; k++) {
            step_population(w, member[k], moment_of(w->run, sample, t, first));
            wait_for_all(w);
        }
    }
}

/* Brings the last `depth` frames to the front, where the next chunk looks for them. */
static void keep_last(const nc_worker *w, nc_node *node, size_t frames) {
    const nc_segment *s = node->segment + w->me;
    const size_t base = s->start[frames], kept = s->start[frames + node->depth] - base;
    memmove(s->idx, s->idx + base, kept * sizeof *s->idx);
    if (s->val != NULL) memmove(s->val, s->val + base, kept * sizeof *s->val);
    for (size_t k = 0; k <= node->depth; k++) s->start[k] = s->start[frames + k] - base;
    if (node->dense != NULL && w->me == 0)
        memmove(node->dense, node->dense + frames * node->n,
                node->depth * node->n * sizeof *node->dense);
}

void nc_run_chunk(const nc_worker *w, size_t sample, size_t first, size_t end) {
    for (uint32_t u = 0; u < w->network->n_units; u++) run_unit(w, u, sample, first, end);
    for (uint32_t k = 0; k < w->network->n_populations; k++)
        keep_last(w, w->team->node + w->network->n_sources + k, end - first);
    wait_for_all(w);
}

/* Lists what was emitted before step 0; the first worker's segment holds all of it. */
void nc_begin_sample(const nc_worker *w, size_t sample) {
    for (uint32_t k = 0; k < w->network->n_populations; k++) {
        const nc_node *node = w->team->node + w->network->n_sources + k;
        const nc_segment *s = node->segment + w->me;
        w->team->population[k].quiet[w->me] = 0;
        s->start[0] = 0;
        for (size_t place = 0; place < node->depth; place++) {
            const size_t f = sample * node->depth + place;
            nc_span past = {NULL, NULL, 0};
            if (w->me == 0) past = span_of(&node->past, f);
            for (size_t e = 0; e < past.count; e++) {
                s->idx[s->start[place] + e] = past.idx[e];
                if (s->val != NULL)
                    s->val[s->start[place] + e] = past.val == NULL ? 1.0f : past.val[e];
            }
            s->start[place + 1] = s->start[place] + past.count;
            if (node->dense == NULL || w->me != 0) continue;
            float *row = node->dense + place * node->n;
            memset(row, 0, node->n * sizeof *row);
            if (node->past.dense != NULL)
                memcpy(row, node->past.dense + f * node->n, node->n * sizeof *row);
            else
                for (size_t e = 0; e < past.count; e++) row[past.idx[e]] = 1.0f;
        }
    }
    wait_for_all(w);
}
