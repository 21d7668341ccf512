/* Populations over many steps, together with the projection that feeds them. */
#include "nc_step.h"

#include <string.h>

/* ---- a convolution and its neurons, in position-major order ---- */

/* A worker has output rows, whose neurons follow one another in that order; in the network's order they
 * are spread over all channels. So what fires is listed by steps: a worker lists all neurons of its
 * steps, when all workers have updated theirs. */
typedef struct {
    uint32_t first_row, end_row;
    nc_range place; /* neurons, in position-major order */
} share;

size_t nc_turned_at_once(const nc_run *run) {
    return run->workers == 1 ? 1 : run->chunk;
}

static uint32_t rows_before(const nc_window *g, uint32_t worker, uint32_t workers) {
    const size_t width = (size_t)g->ow * g->c_out;
    uint32_t together = 1; /* rows that fill whole words of bits */
    while (width * together % NC_COLUMNS != 0) together *= 2;
    const uint64_t blocks = ((uint64_t)g->oh + together - 1) / together;
    const uint64_t rows = blocks * worker / workers * together;
    return rows < g->oh ? (uint32_t)rows : g->oh;
}

static share share_of(const nc_window *g, uint32_t worker, uint32_t workers) {
    const uint32_t first = rows_before(g, worker, workers), end = rows_before(g, worker + 1, workers);
    const size_t width = (size_t)g->ow * g->c_out;
    return (share){first, end, {first * width, end * width}};
}

/* The states of the sample, to position-major order or back. */
static void turn_states(const nc_worker *w, uint32_t index, size_t sample, nc_range place, int back) {
    const nc_population *p = w->network->population + index;
    const nc_population_run *at = w->run->population + index;
    const size_t width = (p->n + NC_COLUMNS - 1) / NC_COLUMNS * NC_COLUMNS;
    for (uint32_t s = 0; s < p->program.n_states; s++) {
        float *state = at->state[s] + sample * p->n;
        float *turned = w->team->population[index].turned_state + s * width;
        for (size_t j = place.first; j < place.end; j++) {
            if (back) state[p->turned_place[j]] = turned[j];
            else turned[j] = state[p->turned_place[j]];
        }
    }
}

/* The sums and neurons of the worker's rows, as nc_step_population; `fired` in position-major order. Returns
 * 0 where nothing fires, as nothing changes. *turned: the states are in that order already. */
static int update_turned(const nc_worker *w, uint32_t index, nc_moment now, share mine,
                         uint64_t *fired, int *turned) {
    const nc_population *p = w->network->population + index;
    const nc_population_scratch *scratch = w->team->population + index;
    const uint32_t k = p->first[0];
    const nc_projection *edge = w->network->projection + k;
    const nc_projection_scratch *at = w->team->projection + k;
    const size_t low = mine.place.first / 64, high = (mine.place.end + 63) / 64;
    uint8_t *quiet = scratch->quiet + w->me * NC_LINE;
    nc_span *span = w->team->span + w->me * w->run->chunk * w->run->workers;
    nc_emitted(w, edge->source, now, edge->delay, span);
    int64_t *counts = nc_counts_of(w, index, now.frame);
    const int silent = nc_events_in(span, w->run->workers) == 0 && !nc_starts_bias(w, k, now);
    const int bias = nc_biased(w, k, now);
    const uint64_t *always = bias ? p->biased_bits : p->always_bits;
    if (silent && *quiet != 0) {
        memset(fired + low, 0, (high - low) * sizeof *fired);
        for (size_t word = low; always != NULL && word < high; word++)
            counts[1] += nc_bits_set(always[word]);
        if (always != NULL && mine.place.end == p->n) /* set beyond the last */
            counts[1] -= (int64_t)(high * 64 - p->n);
        return 0;
    }
    if (!*turned) turn_states(w, index, now.sample, mine.place, 0);
    *turned = 1;
    for (uint32_t s = 0; s < w->run->workers; s++)
        w->wide->conv_sum(edge->window, edge->weights, span + s, mine.first_row, mine.end_row, at->acc,
                          NULL);
    const int current = (p->hot.form & NC_HOT_CURRENT) != 0;
    const size_t width = (p->n + NC_COLUMNS - 1) / NC_COLUMNS * NC_COLUMNS;
    size_t touched, changed;
    const nc_turned_run job = {
        .hot = &p->turned_hot, .first = mine.place.first, .end = mine.place.end,
        .scale = edge->scale, .acc = at->acc,
        .bias = bias ? p->turned_bias : NULL, .always = always,
        .v = scratch->turned_state + (current ? width : 0),
        .i = current ? scratch->turned_state : NULL,
        .fired = fired, .touched = &touched, .changed = &changed,
    };
    w->wide->turned_step(&job);
    counts[1] = (int64_t)touched;
    counts[2] = (int64_t)changed;
    int fires = 0;
    for (size_t word = low; word < high && !fires; word++) fires = fired[word] != 0;
    *quiet = !silent || changed != 0 || fires ? 0 : w->run->workers == 1 ? NC_QUIET : NC_QUIET_ROWS;
    return 1;
}

/* Lists the neurons that fire in this step, in the network's order. */
static void list_turned(const nc_worker *w, uint32_t index, nc_moment now, const uint64_t *fired,
                        uint64_t *bits) {
    const nc_population *p = w->network->population + index;
    const nc_node *node = w->team->node + w->network->n_sources + index;
    const size_t place = node->depth + now.step - now.base, words = (p->n + 63) / 64;
    const nc_segment *s = node->segment + w->me;
    uint32_t *list = s->idx + s->start[place]; /* where the one in the network's order will be */
    const size_t count = w->wide->events_of_bits(words, 0, fired, list);
    memset(bits, 0, words * sizeof *bits);
    for (size_t e = 0; e < count; e++) {
        const uint32_t j = p->turned_place[list[e]];
        bits[j / 64] |= (uint64_t)1 << (j % 64);
    }
    int64_t *counts = nc_counts_of(w, index, now.frame);
    counts[0] = (int64_t)nc_emit(w, index, now, (nc_range){0, p->n}, bits, NULL);
}

/* 1 where every sum of this chunk is a float sum that marks what it touches. */
int nc_turns(const nc_worker *w, uint32_t index, size_t sample, size_t first, size_t end) {
    const nc_population *p = w->network->population + index;
    const nc_population_run *at = w->run->population + index;
    const nc_projection *edge = w->network->projection + p->first[0];
    if (!p->turned || at->membrane != NULL || at->current[0] != NULL) return 0;
    nc_span *span = w->team->span + w->me * w->run->chunk * w->run->workers;
    for (size_t t = first; t < end; t++) {
        nc_emitted(w, edge->source, nc_moment_of(w->run, sample, t, first), edge->delay, span);
        for (uint32_t s = 0; s < w->run->workers; s++)
            if (!nc_conv_marks(edge, span + s)) return 0;
    }
    return 1;
}

void nc_run_turned(const nc_worker *w, uint32_t index, size_t sample, size_t first, size_t end) {
    const nc_population *p = w->network->population + index;
    const nc_population_scratch *scratch = w->team->population + index;
    const nc_node *node = w->team->node + w->network->n_sources + index;
    const nc_projection *edge = w->network->projection + p->first[0];
    const share mine = share_of(edge->window, w->me, w->run->workers);
    const size_t words = (p->n + 63) / 64, at_once = nc_turned_at_once(w->run);
    uint64_t *bits = scratch->bits + (at_once + w->me) * words;
    nc_span *span = w->team->span + w->me * w->run->chunk * w->run->workers;
    int turned = 0;
    /* a worker without rows sees nothing of this chunk: what it knew of all of them is over */
    if (mine.first_row == mine.end_row) scratch->quiet[w->me * NC_LINE] = 0;
    for (size_t part = first; part < end; part += at_once) {
        const size_t last = end - part < at_once ? end : part + at_once;
        int updated = w->run->workers != 1;
        for (size_t t = part; t < last && mine.first_row < mine.end_row; t++)
            updated |= update_turned(w, index, nc_moment_of(w->run, sample, t, first), mine,
                                     scratch->bits + (t - part) * words, &turned);
        if (w->wait != NULL) w->wait(w->team, w->run->workers);
        for (size_t t = part; t < last; t++) {
            const nc_moment now = nc_moment_of(w->run, sample, t, first);
            const size_t place = node->depth + t - first;
            if (!nc_takes_step(w, node, t - first, place)) continue;
            nc_emitted(w, edge->source, now, edge->delay, span);
            nc_count_step(w, p->first[0], now, span);
            if (updated) list_turned(w, index, now, scratch->bits + (t - part) * words, bits);
            else node->segment[w->me].start[place + 1] = node->segment[w->me].start[place];
        }
    }
    if (turned) turn_states(w, index, sample, mine.place, 1);
}

/* ---- a dense projection and its neurons, all steps of a chunk at once ---- */

void nc_run_fused(const nc_worker *w, uint32_t index, size_t sample, size_t first, size_t end) {
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
    size_t until = 0;
    const size_t eventful = nc_arrivals(w, k, sample, first, end, span);
    uint8_t *quiet = scratch->quiet + w->me * NC_LINE;
    const int rests = *quiet != 0 && eventful == 0;
    if (!rests) memset(tally, 0, frames * 2 * sizeof *tally);
    const int current = (p->hot.form & NC_HOT_CURRENT) != 0;
    const size_t low = range.first / 64, high = range.first < range.end ? (range.end + 63) / 64 : low;
    const uint64_t *biased = edge->bias == NULL ? p->always_bits : p->biased_bits;
    const nc_dense_run job = {
        .dense = &edge->dense, .hot = &p->hot, .n = p->n, .first = low, .end = high,
        .frames = frames, .eventful = eventful, .spans = workers, .span = span,
        .reached = w->wide->reached_frames(&edge->dense, low, high, span, workers, eventful, scratch->bits,
                                           stride, p->always_bits == NULL && biased == NULL ? tally : NULL),
        .bias = edge->bias,
        .bias_from = from == NULL || from[sample] <= first ? 0 : from[sample] - first,
        .always = p->always_bits,
        .always_biased = biased,
        .v = at->state[current ? 1 : 0] + own, .i = current ? at->state[0] + own : NULL,
        .fired = scratch->bits, .stride = stride, .counts = tally, .until = &until,
    };
    if (low < high && !rests) w->wide->dense_run(&job);
    for (size_t t = 0; t < until; t++) {
        const nc_moment now = nc_moment_of(w->run, sample, first + t, first);
        int64_t *counts = nc_counts_of(w, index, now.frame);
        counts[0] = (int64_t)nc_emit(w, index, now, range, scratch->bits + t * stride, NULL);
        counts[1] = tally[2 * t];
        counts[2] = tally[2 * t + 1];
    }
    const nc_node *node = w->team->node + w->network->n_sources + index;
    size_t *start = node->segment[w->me].start + node->depth;
    for (size_t t = until; t < frames; t++) start[t + 1] = start[until];
    *quiet = rests || until < frames ? NC_QUIET : 0; /* settled, and nothing comes of itself */
}

/* ---- sparse rows and their neurons, up to 64 steps at once ---- */

/* Taking a source's steps together costs as much as a few of its events one by one. */
enum { EVENTS_A_SOURCE = 3 };

/* The bits of all sources are 0 again, of which as many as there were events were not. */
static void forget_steps(const nc_worker *w, const nc_projection *edge, size_t sample, size_t first,
                         size_t end, size_t base, size_t events, uint64_t *when) {
    if (events > edge->n_in / 16) {
        memset(when, 0, edge->n_in * sizeof *when);
        return;
    }
    nc_span *span = w->team->span + w->me * w->run->chunk * w->run->workers;
    for (size_t t = first; t < end; t++) {
        nc_emitted(w, edge->source, nc_moment_of(w->run, sample, t, base), edge->delay, span);
        for (uint32_t s = 0; s < w->run->workers; s++)
            for (size_t k = 0; k < span[s].count; k++) when[span[s].idx[k]] = 0;
    }
}

/* The first event of a source from `from` on. */
static size_t place_from(const nc_span *span, size_t from) {
    size_t low = 0, high = span->count;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (span->idx[middle] < from) low = middle + 1;
        else high = middle;
    }
    return low;
}

/* 1 where it may pay to take the steps together, as some sources in the middle have it. Bits of many
 * sources fill a second-level cache: they are not set for nothing. */
static int may_pay(const nc_worker *w, const nc_projection *edge, size_t sample, size_t first, size_t end,
                   size_t base) {
    enum { SOME = 1024, MANY = 16 * SOME };
    if (edge->n_in < MANY) return 1;
    uint8_t fires[SOME] = {0};
    const size_t from = edge->n_in / 2;
    size_t events = 0, sources = 0;
    nc_span *span = w->team->span + w->me * w->run->chunk * w->run->workers;
    for (size_t t = first; t < end; t++) {
        nc_emitted(w, edge->source, nc_moment_of(w->run, sample, t, base), edge->delay, span);
        for (uint32_t s = 0; s < w->run->workers; s++) {
            const uint32_t *idx = span[s].idx;
            for (size_t k = place_from(span + s, from); k < span[s].count && idx[k] < from + SOME; k++) {
                sources += fires[idx[k] - from] == 0;
                fires[idx[k] - from] = 1;
                events++;
            }
        }
    }
    return events >= (EVENTS_A_SOURCE - 1) * sources;
}

/* Sets the bits of the steps in which sources fire, and counts the events; 1 where it pays to go on with them. */
static int gather_steps(const nc_worker *w, const nc_projection *edge, size_t sample, size_t first,
                        size_t end, size_t base, size_t *events, uint64_t *when) {
    nc_span *span = w->team->span + w->me * w->run->chunk * w->run->workers;
    size_t sources = 0;
    *events = 0;
    for (size_t t = first; t < end; t++) {
        nc_emitted(w, edge->source, nc_moment_of(w->run, sample, t, base), edge->delay, span);
        for (uint32_t s = 0; s < w->run->workers; s++) {
            *events += span[s].count;
            for (size_t k = 0; k < span[s].count; k++) {
                uint64_t *steps = when + span[s].idx[k];
                sources += *steps == 0 ? 1 : 0;
                *steps |= (uint64_t)1 << (t - first);
            }
        }
    }
    return *events >= EVENTS_A_SOURCE * sources && *events != 0;
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
        const nc_moment now = nc_moment_of(w->run, sample, first + t, base);
        nc_emitted(w, edge->source, now, edge->delay, span);
        nc_count_arrivals(w, k, now, span);
        int64_t *counts = nc_counts_of(w, index, now.frame);
        counts[0] = (int64_t)nc_emit(w, index, now, range, scratch->bits + t * stride, NULL);
        counts[1] = tally[2 * t];
        counts[2] = tally[2 * t + 1];
    }
    scratch->quiet[w->me * NC_LINE] = 0;
}

/* 64 steps at a time, together where sources fire several times in them. */
void nc_run_many_steps(const nc_worker *w, uint32_t index, size_t sample, size_t first, size_t end) {
    const nc_projection *edge =
        w->network->projection + w->network->population[index].first[0];
    uint64_t *when = w->team->population[index].when + w->me * edge->n_in;
    for (size_t part = first; part < end; part += NC_STEPS) {
        const size_t last = end - part < NC_STEPS ? end : part + NC_STEPS;
        size_t events = 0;
        if (may_pay(w, edge, sample, part, last, first) &&
            gather_steps(w, edge, sample, part, last, first, &events, when))
            run_steps(w, index, sample, part, last, first, when);
        else
            for (size_t t = part; t < last; t++)
                nc_step(w, index, nc_moment_of(w->run, sample, t, first));
        if (events != 0) forget_steps(w, edge, sample, part, last, first, events, when);
    }
}
