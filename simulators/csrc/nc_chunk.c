/* All populations over a chunk of steps, unit by unit. */
#include "nc_whole.h"

#include <string.h>

static void wait_for_all(const nc_worker *w) {
    if (w->wait != NULL) w->wait(w->team, w->run->workers);
}

/* ---- chunks ---- */

static void run_unit(const nc_worker *w, uint32_t unit, size_t sample, size_t first, size_t end) {
    const uint32_t *member = w->network->member + w->network->unit[unit];
    const uint32_t members = w->network->unit[unit + 1] - w->network->unit[unit];
    if (!w->network->loops[unit]) {
        const nc_population *p = w->network->population + member[0];
        const nc_population_run *at = w->run->population + member[0];
        if (p->whole)
            nc_run_whole(w, member[0], sample, first, end);
        else if (p->fused && at->membrane == NULL && at->current[0] == NULL &&
                 nc_feeds_ones(w, p->first[0]))
            nc_run_fused(w, member[0], sample, first, end);
        else if (p->many_steps && at->membrane == NULL && at->current[0] == NULL &&
                 nc_feeds_ones(w, p->first[0]))
            nc_run_many_steps(w, member[0], sample, first, end);
        else if (nc_pools_ones(w, member[0]))
            nc_run_pooled(w, member[0], sample, first, end);
        else if (nc_turns(w, member[0], sample, first, end))
            nc_run_turned(w, member[0], sample, first, end);
        else
            for (size_t t = first; t < end; t++)
                nc_step(w, member[0], nc_moment_of(w->run, sample, t, first));
        wait_for_all(w);
        return;
    }
    for (size_t t = first; t < end; t++) {
        for (uint32_t k = 0; k < members; k++) {
            const nc_moment now = nc_moment_of(w->run, sample, t, first);
            if (w->network->population[member[k]].whole) nc_step_whole(w, member[k], now);
            else nc_step(w, member[k], now);
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
        w->team->population[k].quiet[w->me * NC_LINE] = 0;
        s->start[0] = 0;
        for (size_t place = 0; place < node->depth; place++) {
            const size_t f = sample * node->depth + place;
            nc_span past = {NULL, NULL, 0};
            if (w->me == 0) past = nc_span_of(&node->past, f);
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
                for (size_t e = 0; e < past.count; e++)
                    row[past.idx[e]] = past.val == NULL ? 1.0f : past.val[e];
        }
    }
    wait_for_all(w);
}
