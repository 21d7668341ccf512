/* A sparse projection of ones and its neurons, step by step. */
#include "nc_step.h"

/* Neurons whose sums and currents are in the nearest cache when they are updated. */
enum { TILE = 16 * NC_COLUMNS };

/* As nc_step_population does it. `all`: every neuron is updated whatever arrives. */
static void step_summed(const nc_worker *w, uint32_t index, nc_moment now, int all) {
    const nc_population *p = w->network->population + index;
    const nc_population_run *at = w->run->population + index;
    const nc_population_scratch *scratch = w->team->population + index;
    const nc_node *node = w->team->node + w->network->n_sources + index;
    const nc_range range = nc_range_of(p, w->me, w->run->workers);
    const uint32_t k = p->first[0];
    const nc_projection *edge = w->network->projection + k;
    const size_t place = node->depth + now.step - now.base, own = now.sample * p->n;
    nc_span *span = w->team->span + w->me * w->run->chunk * w->run->workers;
    nc_emitted(w, edge->source, now, edge->delay, span);
    /* what the sums add is what arrives, where one worker has all targets */
    const int known = edge->fan_stored != 0 && w->run->workers == 1 && range.first != range.end;
    if (!known) nc_count_arrivals(w, k, now, span);
    const nc_segment *s = node->segment + w->me;
    if (range.first == range.end) { /* the other workers have all of it */
        s->start[place + 1] = s->start[place];
        return;
    }
    int64_t *counts = nc_counts_of(w, index, now.frame);
    const int silent =
        nc_events_in(span, w->run->workers) == 0 && !nc_starts_bias(w, k, now);
    if (all) counts[1] = (int64_t)(range.end - range.first);
    if (silent && scratch->quiet[w->me * NC_LINE]) { /* the same state, the same input: the same again */
        s->start[place + 1] = s->start[place];
        return;
    }
    const int current = (p->hot.form & NC_HOT_CURRENT) != 0;
    float *v = at->state[current ? 1 : 0] + own, *i = current ? at->state[0] + own : NULL;
    float *in = scratch->buffer[0];
    float tile[TILE] __attribute__((aligned(NC_LINE)));
    nc_sums sums;
    size_t touched = 0, changed = 0;
    const int64_t fan = nc_sparse_sums(w, k, span, range, !all, in, &sums);
    if (known)
        nc_count_stored(edge->fan, edge->fan_stored, span->idx, span->count, fan,
                        w->run->projection[k].counts + now.frame * 8);
    if (nc_biased(w, k, now)) sums.bias = edge->bias;
    for (size_t j = range.first; j < range.end; j += TILE) {
        const size_t end = range.end - j < TILE ? range.end : j + TILE;
        /* where neuron 0 would be, so that every tile has the same lines */
        float *here = sums.floats != NULL ? in : (float *)((uintptr_t)tile - j * sizeof *tile);
        touched += w->wide->sums_in(&sums, j, end, here);
        changed += w->wide->hot_step(&p->hot, j, end, here, v, i, scratch->bits);
    }
    counts[0] = (int64_t)nc_emit(w, index, now, range, scratch->bits, NULL);
    if (!all) counts[1] = (int64_t)touched;
    counts[2] = (int64_t)changed;
    scratch->quiet[w->me * NC_LINE] = silent && changed == 0 && counts[0] == 0 ? NC_QUIET : 0;
}

/* Which neurons of a `summed` population this step updates whatever arrives. */
enum { NOBODY, SOME, EVERYBODY };
static int always_updated(const nc_worker *w, const nc_population *p, nc_moment now) {
    const int biased = nc_biased(w, p->first[0], now);
    if (p->always_full || (biased && w->network->projection[p->first[0]].bias_full)) return EVERYBODY;
    return p->always != NULL || biased ? SOME : NOBODY;
}

void nc_step(const nc_worker *w, uint32_t index, nc_moment now) {
    const nc_population *p = w->network->population + index;
    const nc_population_run *at = w->run->population + index;
    if (p->summed && at->membrane == NULL && at->current[0] == NULL && nc_feeds_ones(w, p->first[0])) {
        const int always = always_updated(w, p, now);
        if (always != SOME) {
            step_summed(w, index, now, always == EVERYBODY);
            return;
        }
    }
    nc_step_population(w, index, now);
}
