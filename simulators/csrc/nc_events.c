/* The event lists of nodes: what arrives in a step, what a population emits, counts and records. */
#include "nc_step.h"

#include <string.h>

nc_moment nc_moment_of(const nc_run *run, size_t sample, size_t step, size_t base) {
    return (nc_moment){sample, step, sample * run->steps + step, base};
}

nc_span nc_span_of(const nc_frames *frames, size_t f) {
    if (frames->start == NULL) return (nc_span){NULL, NULL, 0};
    const int64_t first = frames->start[f];
    return (nc_span){.idx = frames->idx + first,
                     .val = frames->val == NULL ? NULL : frames->val + first,
                     .count = (size_t)(frames->start[f + 1] - first)};
}

/* What a node emitted `delay` steps before now: span[W]. Returns all its elements, where its events
 * have values. */
const float *nc_emitted(const nc_worker *w, uint32_t source, nc_moment now, uint32_t delay,
                        nc_span *span) {
    const nc_node *node = w->team->node + source;
    const uint32_t workers = w->run->workers;
    if (node->segment == NULL) {
        const int past = now.step < delay;
        const nc_frames *frames = past ? &node->past : &node->fed;
        const size_t f = past ? now.sample * node->depth + node->depth + now.step - delay
                              : now.frame - delay;
        for (uint32_t k = 1; k < workers; k++) span[k] = (nc_span){NULL, NULL, 0};
        span[0] = nc_span_of(frames, f);
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

int nc_feeds_ones(const nc_worker *w, uint32_t index) {
    const uint32_t source = w->network->projection[index].source;
    const nc_node *node = w->team->node + source;
    if (node->segment != NULL) return w->network->population[source - w->network->n_sources].binary;
    return node->fed.val == NULL && node->past.val == NULL;
}

int nc_takes_step(const nc_worker *w, const nc_node *node, size_t t, size_t place) {
    size_t *start = node->segment[w->me].start + place;
    if (t % w->run->workers == w->me) return 1;
    start[1] = start[0];
    return 0;
}

size_t nc_events_in(const nc_span *span, uint32_t workers) {
    size_t count = 0;
    for (uint32_t k = 0; k < workers; k++) count += span[k].count;
    return count;
}

void nc_count_arrivals(const nc_worker *w, uint32_t index, nc_moment now, const nc_span *span) {
    if (w->me == 0) nc_count_step(w, index, now, span);
}

void nc_count_step(const nc_worker *w, uint32_t index, nc_moment now, const nc_span *span) {
    int64_t *row = w->run->projection[index].counts + now.frame * 8;
    for (uint32_t k = 0; k < w->run->workers; k++) {
        if (span[k].count == 0) continue;
        nc_count_events(w->network->projection[index].fan, span[k].idx, span[k].val, span[k].count,
                        row);
    }
}

/* What arrives through a projection in steps first .. end - 1 of a chunk that starts there, counted:
 * span[end - first][W]. Returns how many steps there are up to the last with an event. */
size_t nc_arrivals(const nc_worker *w, uint32_t index, size_t sample, size_t first, size_t end,
                   nc_span *span) {
    const nc_projection *edge = w->network->projection + index;
    const uint32_t workers = w->run->workers;
    size_t eventful = 0;
    for (size_t t = first; t < end; t++, span += workers) {
        const nc_moment now = nc_moment_of(w->run, sample, t, first);
        nc_emitted(w, edge->source, now, edge->delay, span);
        if (nc_events_in(span, workers) == 0) continue;
        nc_count_arrivals(w, index, now, span);
        eventful = t - first + 1;
    }
    return eventful;
}

int64_t *nc_counts_of(const nc_worker *w, uint32_t index, size_t frame) {
    const size_t frames = w->run->batch * w->run->steps;
    return w->run->population[index].counts + (w->me * frames + frame) * 3;
}

/* 1 where the projection adds its bias in this step. */
int nc_biased(const nc_worker *w, uint32_t index, nc_moment now) {
    const uint32_t *from = w->run->projection[index].bias_from;
    return w->network->projection[index].bias != NULL && (from == NULL || now.step >= from[now.sample]);
}

/* 1 where the projection adds its bias for the first time. */
int nc_starts_bias(const nc_worker *w, uint32_t index, nc_moment now) {
    const uint32_t *from = w->run->projection[index].bias_from;
    return from != NULL && now.step == from[now.sample];
}

float *nc_history_of(const nc_node *node, const nc_population_run *at, const nc_run *run,
                     nc_moment now) {
    if (at->history == NULL || now.step + node->depth < run->steps) return NULL;
    const size_t place = node->depth - (run->steps - now.step);
    return at->history + (now.sample * node->depth + place) * node->n;
}

/* Records the events of this step that the worker's segment holds. */
static void record(const nc_worker *w, uint32_t index, nc_moment now, nc_range range,
                   const nc_segment *s, size_t place, const uint64_t *bits, const float *dense) {
    const nc_population *p = w->network->population + index;
    const nc_population_run *at = w->run->population + index;
    const nc_population_scratch *scratch = w->team->population + index;
    const nc_node *node = w->team->node + w->network->n_sources + index;
    const size_t n = range.end - range.first;
    float *history = nc_history_of(node, at, w->run, now);
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
size_t nc_emit(const nc_worker *w, uint32_t index, nc_moment now, nc_range range,
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
