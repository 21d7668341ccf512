/* Pools of spikes that pass their sums on: only the windows that events reach are looked at. */
#include "nc_step.h"

#include <string.h>

/* 1 where nothing asks for all elements of the node: no record, and no pool of maxima. */
static int events_suffice(const nc_worker *w, uint32_t index) {
    const nc_population_run *at = w->run->population + index;
    if (at->membrane != NULL || at->current[0] != NULL || at->values != NULL) return 0;
    for (uint32_t k = 0; k < w->network->n_projections; k++) {
        const nc_projection *edge = w->network->projection + k;
        if (edge->source == w->network->n_sources + index && edge->kind == NC_MAX_POOL) return 0;
    }
    return 1;
}

int nc_pools_ones(const nc_worker *w, uint32_t index) {
    const nc_population *p = w->network->population + index;
    if (!p->relay || p->first[1] - p->first[0] != 1) return 0;
    const nc_projection *edge = w->network->projection + p->first[0];
    return edge->kind == NC_POOL && edge->window->only != NULL && edge->bias == NULL &&
           nc_feeds_ones(w, p->first[0]) && events_suffice(w, index);
}

/* The sums of windows idx[count], each once, to val; sums and bits are 0 again. */
static void take(const nc_projection *edge, size_t count, const uint32_t *restrict idx,
                 float *restrict sums, float *restrict val) {
    const size_t positions = (size_t)edge->window->oh * edge->window->ow;
    for (size_t k = 0; k < count; k++) {
        float sum = sums[idx[k]];
        sums[idx[k]] = 0.0f;
        if (edge->divisors != NULL) sum /= edge->divisors[idx[k] % positions];
        else if (edge->divisor != 0.0f) sum /= edge->divisor;
        val[k] = sum;
    }
}

/* What windows without an event give: -0 where they are divided by a negative number. */
static void zeros(const nc_projection *edge, size_t n, float *restrict out) {
    const size_t positions = (size_t)edge->window->oh * edge->window->ow;
    memset(out, 0, n * sizeof *out);
    if (edge->divisors == NULL && !(edge->divisor < 0.0f)) return;
    for (size_t j = 0; j < n; j++)
        out[j] /= edge->divisors == NULL ? edge->divisor : edge->divisors[j % positions];
}

/* *clean: the worker's sums and bits are 0 already. At first others may have used them: populations of an
 * exported project share their scratch. */
static void step(const nc_worker *w, uint32_t index, nc_moment now, int *clean) {
    const nc_population *p = w->network->population + index;
    const nc_population_scratch *scratch = w->team->population + index;
    const nc_node *node = w->team->node + w->network->n_sources + index;
    const nc_projection *edge = w->network->projection + p->first[0];
    const uint32_t *only = edge->window->only;
    const size_t place = node->depth + now.step - now.base, words = (p->n + 63) / 64;
    float *sums = scratch->buffer[0] + w->me * words * 64;
    uint64_t *bits = scratch->bits + w->me * words;
    nc_span *span = w->team->span + w->me * w->run->chunk * w->run->workers;
    nc_emitted(w, edge->source, now, edge->delay, span);
    nc_count_step(w, p->first[0], now, span);
    const nc_segment *s = node->segment + w->me;
    size_t count = 0;
    if (nc_events_in(span, w->run->workers) != 0) {
        if (!*clean) {
            memset(sums, 0, p->n * sizeof *sums);
            memset(bits, 0, words * sizeof *bits);
        }
        *clean = 1;
        for (uint32_t part = 0; part < w->run->workers; part++) {
            for (size_t k = 0; k < span[part].count; k++) {
                const uint32_t j = only[span[part].idx[k]];
                if (j == UINT32_MAX) continue; /* at a border that no window covers */
                sums[j] += 1.0f;
                bits[j / 64] |= (uint64_t)1 << j % 64;
            }
        }
        uint32_t *idx = s->idx + s->start[place];
        count = w->wide->events_of_bits(words, 0, bits, idx);
        memset(bits, 0, words * sizeof *bits);
        take(edge, count, idx, sums, s->val + s->start[place]);
    }
    s->start[place + 1] = s->start[place] + count;
    float *history = nc_history_of(node, w->run->population + index, w->run, now);
    if (history != NULL) {
        zeros(edge, p->n, history);
        for (size_t k = 0; k < count; k++)
            history[s->idx[s->start[place] + k]] = s->val[s->start[place] + k];
    }
    int64_t *counts = nc_counts_of(w, index, now.frame);
    counts[0] = counts[1] = (int64_t)count; /* what is reached passes a sum of ones on */
}

void nc_run_pooled(const nc_worker *w, uint32_t index, size_t sample, size_t first, size_t end) {
    const nc_node *node = w->team->node + w->network->n_sources + index;
    int clean = 0;
    for (size_t t = first; t < end; t++) /* nothing is carried from step to step */
        if (nc_takes_step(w, node, t - first, node->depth + t - first))
            step(w, index, nc_moment_of(w->run, sample, t, first), &clean);
}
