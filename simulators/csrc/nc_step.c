/* Populations in one step: what arrives, neurons, events. */
#include "nc_step.h"

#include <string.h>

nc_range nc_range_of(const nc_population *p, uint32_t worker, uint32_t workers) {
    if (!p->split) return worker == 0 ? (nc_range){0, p->n} : (nc_range){p->n, p->n};
    const size_t blocks = (p->n + NC_COLUMNS - 1) / NC_COLUMNS;
    const size_t first = blocks * worker / workers * NC_COLUMNS;
    const size_t end = blocks * (worker + 1) / workers * NC_COLUMNS;
    return (nc_range){first < p->n ? first : p->n, end < p->n ? end : p->n};
}

/* ---- what arrives ---- */
static void mark(nc_range range, const uint8_t *flags, int full, uint8_t *touched, int *all) {
    if (full) *all = 1;
    if (flags != NULL && !*all)
        nc_or_u8(range.end - range.first, flags + range.first, touched + range.first);
}

/* Marks the neurons that are updated whatever arrives: those with a leak or a bias. *all becomes 1
 * where that is all of them, *some where it may be some, so that flags are needed. */
static void mark_always(const nc_worker *w, const nc_population *p, nc_moment now, nc_range range,
                        uint8_t *touched, int *all, int *some) {
    *all = 0;
    *some = p->always != NULL;
    mark(range, p->always, p->always_full, touched, all);
    for (uint32_t k = p->first[0]; k < p->first[p->n_ports]; k++) {
        const nc_projection *edge = w->network->projection + k;
        if (!nc_biased(w, k, now)) continue;
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

void nc_fail(const nc_worker *w, nc_status status, uint32_t where, size_t step) {
    if (w->trouble == NULL) {
        w->team->status = status;
        w->team->at_projection = where;
    } else if (w->trouble->status == NC_OK || step < w->trouble->step) {
        *w->trouble = (nc_trouble){status, where, step};
    }
}

static nc_status gather(const nc_worker *w, const nc_population *p, uint32_t port, nc_moment now,
                        nc_range range, float *total, uint8_t *touched, arrival *so_far) {
    const size_t n = range.end - range.first;
    nc_span *span = w->team->span + w->me * w->run->chunk * w->run->workers;
    if (p->first[port] == p->first[port + 1]) memset(total + range.first, 0, n * sizeof *total);
    for (uint32_t k = p->first[port]; k < p->first[port + 1]; k++) {
        const nc_projection *edge = w->network->projection + k;
        const int first = k == p->first[port], track = !so_far->all;
        float *out = first ? total : w->team->part;
        nc_touch touch;
        const float *dense = nc_emitted(w, edge->source, now, edge->delay, span);
        const nc_status status =
            nc_project(w, k, span, dense, range, track, out, touched, &touch);
        if (status != NC_OK) {
            nc_fail(w, status, k, now.step);
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
        if (nc_biased(w, k, now))
            nc_add_f32(n, w->network->projection[k].bias + range.first, total + range.first);
    return NC_OK;
}

/* ---- neurons ---- */

/* Runs the neuron program; returns the number of neurons whose state changed. */
static size_t update(const nc_worker *w, uint32_t index, nc_moment now, nc_range range, float *dense) {
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

/* 1 where nothing arrives in this step that did not arrive in the last one. */
static int is_silent(const nc_worker *w, const nc_population *p, nc_moment now) {
    nc_span *span = w->team->span + w->me * w->run->chunk * w->run->workers;
    for (uint32_t k = p->first[0]; k < p->first[p->n_ports]; k++) {
        const nc_projection *edge = w->network->projection + k;
        if (nc_starts_bias(w, k, now)) return 0;
        const float *dense = nc_emitted(w, edge->source, now, edge->delay, span);
        if (nc_events_in(span, w->run->workers) != 0) return 0;
        if (edge->kind == NC_MAX_POOL && dense != NULL) return 0; /* zeros may be of either sign */
    }
    return 1;
}

static int records_currents(const nc_population_run *at, uint32_t n_ports) {
    for (uint32_t port = 0; port < n_ports; port++)
        if (at->current[port] != NULL) return 1;
    return 0;
}

void nc_step_population(const nc_worker *w, uint32_t index, nc_moment now) {
    const nc_population *p = w->network->population + index;
    const nc_population_run *at = w->run->population + index;
    const nc_population_scratch *scratch = w->team->population + index;
    const nc_node *node = w->team->node + w->network->n_sources + index;
    const nc_range range = nc_range_of(p, w->me, w->run->workers);
    const size_t n = range.end - range.first, place = node->depth + now.step - now.base;
    nc_span *span = w->team->span + w->me * w->run->chunk * w->run->workers;
    if (w->me == 0) {
        for (uint32_t k = p->first[0]; k < p->first[p->n_ports]; k++) {
            nc_emitted(w, w->network->projection[k].source, now, w->network->projection[k].delay, span);
            nc_count_arrivals(w, k, now, span);
        }
    }
    float *dense = node->dense == NULL ? NULL : node->dense + place * p->n;
    if (n == 0) { /* the other workers have all of it */
        scratch->quiet[w->me * NC_LINE] = 0;
        node->segment[w->me].start[place + 1] = node->segment[w->me].start[place];
        return;
    }
    int64_t *counts = nc_counts_of(w, index, now.frame);
    arrival so_far = {0, 0, 0, 0};
    if (p->n_ports != 0) {
        if (p->first[p->n_ports] - p->first[0] != 1) so_far.flags = 1;
        memset(scratch->touched + range.first, 0, n);
        int some;
        mark_always(w, p, now, range, scratch->touched, &so_far.all, &some);
        so_far.flags |= some;
    }
    const int silent = p->binary && is_silent(w, p, now);
    if (silent && scratch->quiet[w->me * NC_LINE] == NC_QUIET && at->membrane == NULL &&
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
        if (status != NC_OK) /* the others must not wait in vain: go on, the run is lost anyway */
            memset(total + range.first, 0, n * sizeof *total);
        if (at->current[port] != NULL)
            memcpy(at->current[port] + now.frame * p->n + range.first, total + range.first,
                   n * sizeof *total);
    }
    if (!p->relay || dense == NULL) counts[2] = (int64_t)update(w, index, now, range, dense);
    counts[0] = (int64_t)nc_emit(w, index, now, range, p->is_hot ? scratch->bits : NULL, dense);
    counts[1] = (int64_t)(so_far.all     ? n
                          : so_far.flags ? nc_count_u8(n, scratch->touched + range.first)
                          : so_far.emitted ? (size_t)counts[0]
                                           : so_far.touched);
    const int quiet = silent && counts[2] == 0 && counts[0] == 0;
    scratch->quiet[w->me * NC_LINE] = quiet ? NC_QUIET : 0;
}
