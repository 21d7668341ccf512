/* The driver: one population after the other, one step after the other, one sample after the other.
 * It needs no operating system either; threads will live here. */
#include "nc_driver.h"

#include <string.h>

typedef struct {
    size_t b, t, frame; /* sample, step, b * steps + t */
} moment;

static nc_events frame_of(const nc_frames *frames, size_t f, size_t n) {
    if (frames->start == NULL) return (nc_events){NULL, NULL, 0, NULL};
    const int64_t first = frames->start[f];
    return (nc_events){
        .idx = frames->idx + first,
        .val = frames->val == NULL ? NULL : frames->val + first,
        .count = (size_t)(frames->start[f + 1] - first),
        .dense = frames->dense == NULL ? NULL : frames->dense + f * n,
    };
}

/* What a node emitted `delay` steps before now. */
static nc_events emitted(const nc_node *node, const nc_run *run, moment now, uint32_t delay) {
    if (now.t < delay)
        return frame_of(&node->past, now.b * node->depth + node->depth + now.t - delay, node->n);
    if (node->idx == NULL) return frame_of(&node->fed, now.b * run->steps + now.t - delay, node->n);
    const size_t slot = (now.t - delay) % ((size_t)node->depth + 1);
    return (nc_events){
        .idx = node->idx + slot * (node->n + 1),
        .val = node->val == NULL ? NULL : node->val + slot * (node->n + 1),
        .count = node->count[slot],
        .dense = node->dense == NULL ? NULL : node->dense + slot * node->n,
    };
}

static void mark(size_t n, const uint8_t *flags, int full, uint8_t *touched, int *all) {
    if (full) *all = 1;
    if (flags != NULL && !*all) nc_or_u8(n, flags, touched);
}

/* 1 where the projection adds its bias in this step. */
static int biased(const nc_projection *edge, const nc_projection_run *at, moment now) {
    return edge->bias != NULL && (at->bias_from == NULL || now.t >= at->bias_from[now.b]);
}

/* Marks the neurons that are updated whatever arrives: those with a leak or a bias. Returns 1 where
 * that is all of them, so that events need not be traced. */
static int mark_always(const nc_network *network, const nc_run *run, const nc_population *p,
                       moment now, uint8_t *touched) {
    int all = 0;
    memset(touched, 0, p->n);
    mark(p->n, p->always, p->always_full, touched, &all);
    for (uint32_t k = p->first[0]; k < p->first[p->n_ports]; k++) {
        const nc_projection *edge = network->projection + k;
        if (biased(edge, run->projection + k, now))
            mark(p->n, edge->bias_nonzero, edge->bias_full, touched, &all);
    }
    return all;
}

/* The current of one port: the projections' parts in declared order, then the biases. */
static nc_status gather(const nc_network *network, nc_run *run, const nc_population *p,
                        uint32_t port, moment now, float *total, uint8_t *touched, int *all) {
    if (p->first[port] == p->first[port + 1]) memset(total, 0, p->n * sizeof *total);
    for (uint32_t k = p->first[port]; k < p->first[port + 1]; k++) {
        const nc_projection *edge = network->projection + k;
        nc_projection_run *at = run->projection + k;
        const nc_events events = emitted(run->node + edge->source, run, now, edge->delay);
        const int first = k == p->first[port];
        int every;
        nc_count_events(edge->fan, events.idx, events.val, events.count,
                        at->counts + now.frame * 8);
        const nc_status status = nc_project(edge, at, events, run, first ? total : run->part,
                                            *all ? NULL : touched, &every);
        if (status != NC_OK) {
            run->at_projection = k;
            return status;
        }
        if (!first) nc_add_f32(p->n, run->part, total);
        *all |= every;
    }
    for (uint32_t k = p->first[port]; k < p->first[port + 1]; k++)
        if (biased(network->projection + k, run->projection + k, now))
            nc_add_f32(p->n, network->projection[k].bias, total);
    return NC_OK;
}

/* Runs the neuron program; returns the number of neurons whose state changed. */
static size_t update(const nc_population *p, nc_population_run *at, moment now, float *dense) {
    const size_t n = p->n, offset = now.frame * n;
    float *membrane = at->membrane == NULL ? NULL : at->membrane + offset;
    for (uint32_t s = 0; s < p->program.n_states; s++)
        at->base[p->program.state[s]] = at->state[s] + now.b * n;
    if (p->form == NC_FORM_NONE)
        return nc_program_step(&p->program, at->base, p->step, n, dense,
                               p->binary ? at->fired : NULL, membrane);
    const float *x = at->buffer[0];
    float *first = at->state[0] + now.b * n;
    size_t changed;
    if (p->form < NC_CUBA_SUBTRACT_NEXT)
        changed = nc_lif_step(p->form, p->per_neuron, n, p->param[0], p->param[1], x, first,
                              at->fired);
    else
        changed = nc_cuba_step(p->form, p->per_neuron, n, p->param[0], p->param[1], p->param[2], x,
                               first, at->state[1] + now.b * n, at->fired);
    if (membrane != NULL)
        memcpy(membrane, at->state[at->membrane_state] + now.b * n, n * sizeof *membrane);
    return changed;
}

/* Where the emissions of this step stand in the history that the next run starts from, or NULL. */
static float *history_of(const nc_node *node, const nc_population_run *at, const nc_run *run,
                         moment now) {
    if (at->history == NULL || now.t + node->depth < run->steps) return NULL;
    const size_t place = node->depth - (run->steps - now.t);
    return at->history + (now.b * node->depth + place) * node->n;
}

/* Makes the event list of this step and records it. */
static size_t emit(const nc_population *p, nc_population_run *at, nc_node *node, const nc_run *run,
                   moment now, const float *dense) {
    const size_t n = p->n, slot = now.t % ((size_t)node->depth + 1);
    uint32_t *idx = node->idx + slot * (n + 1);
    float *history = history_of(node, at, run, now);
    if (p->binary) {
        node->count[slot] = nc_events_of_u8(n, at->fired, idx);
        if (at->spikes != NULL) memcpy(at->spikes + now.frame * n, at->fired, n);
        if (history != NULL)
            for (size_t j = 0; j < n; j++) history[j] = (float)at->fired[j];
    } else {
        node->count[slot] = nc_events_of_f32(n, dense, idx, node->val + slot * (n + 1));
        if (at->values != NULL) memcpy(at->values + now.frame * n, dense, n * sizeof *dense);
        if (history != NULL) memcpy(history, dense, n * sizeof *dense);
    }
    return node->count[slot];
}

static nc_status step_population(const nc_network *network, nc_run *run, uint32_t index,
                                 moment now) {
    const nc_population *p = network->population + index;
    nc_population_run *at = run->population + index;
    nc_node *node = run->node + network->n_sources + index;
    int all = mark_always(network, run, p, now, at->touched);
    for (uint32_t port = 0; port < p->n_ports; port++) {
        float *total = at->buffer[port];
        const nc_status status = gather(network, run, p, port, now, total, at->touched, &all);
        if (status != NC_OK) return status;
        if (at->current[port] != NULL)
            memcpy(at->current[port] + now.frame * p->n, total, p->n * sizeof *total);
    }
    const size_t slot = now.t % ((size_t)node->depth + 1);
    float *dense = node->dense == NULL ? NULL : node->dense + slot * p->n;
    int64_t *counts = at->counts + now.frame * 3;
    counts[2] = (int64_t)update(p, at, now, dense);
    counts[0] = (int64_t)emit(p, at, node, run, now, dense);
    counts[1] = (int64_t)(all ? p->n : nc_count_u8(p->n, at->touched));
    return NC_OK;
}

nc_status nc_advance(const nc_network *network, nc_run *run, size_t frames) {
    for (; frames > 0 && run->at_sample < run->batch; frames--) {
        const moment now = {run->at_sample, run->at_step,
                            run->at_sample * run->steps + run->at_step};
        for (uint32_t k = 0; k < network->n_populations; k++) {
            const nc_status status = step_population(network, run, k, now);
            if (status != NC_OK) return status;
        }
        run->at_step++;
        if (run->at_step == run->steps) {
            run->at_step = 0;
            run->at_sample++;
        }
    }
    return NC_OK;
}
