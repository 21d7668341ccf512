/* The streaming driver: chunks of one step, whose past stays in the driver's own lists. */
#include "nc_stream.h"

#include <string.h>

static nc_worker worker_of(const nc_stream *stream) {
    return (nc_worker){.network = stream->network, .run = stream->run, .team = stream->run->team,
                       .wide = nc_wide_version(0), .me = 0, .wait = NULL};
}

void nc_stream_reset(const nc_stream *stream) {
    const nc_network *network = stream->network;
    nc_run *run = stream->run;
    for (size_t k = 0; k < stream->n_states; k++) {
        const nc_stream_state *s = stream->state + k;
        if (s->rest == NULL) memset(s->at, 0, s->n * sizeof(float));
        else memcpy(s->at, s->rest, s->n * sizeof(float));
    }
    for (uint32_t k = 0; k < network->n_projections; k++) {
        const nc_projection_scratch *scratch = run->team->projection + k;
        for (size_t e = 0; e < scratch->sums; e++) ((float *)scratch->acc)[e] = NC_UNTOUCHED;
        memset(run->projection[k].counts, 0, 8 * sizeof(int64_t));
        if (stream->late[k] != NULL) *stream->late[k] = stream->late_at_rest[k];
    }
    for (uint32_t k = 0; k < network->n_populations; k++) {
        const uint32_t watches = network->population[k].integer.n_watches;
        memset(stream->population_counts[k], 0, sizeof stream->population_counts[k]);
        if (watches != 0) memset(run->population[k].overflow, 0, watches * sizeof(int64_t));
        if (stream->clock[k] != NULL) *stream->clock[k] = 0;
    }
    for (uint32_t k = 0; k < network->n_sources; k++) {
        const nc_stream_source *s = stream->source + k;
        nc_node *node = run->team->node + k;
        if (s->depth == 0) continue;
        memset(s->past_start, 0, (s->depth + 1) * sizeof *s->past_start);
        if (s->dense != NULL) memset(s->past_dense, 0, s->depth * s->n * sizeof *s->past_dense);
        node->past = (nc_frames){.start = s->past_start, .idx = s->past_idx, .val = s->past_val,
                                 .dense = s->past_dense, .frames = s->depth};
    }
    run->team->status = NC_OK;
    const nc_worker worker = worker_of(stream);
    nc_begin_sample(&worker, 0);
}

/* Points the source's node at the step's events. */
static void feed(const nc_stream_source *s, nc_node *node, const nc_stream_input *input) {
    s->start[0] = 0;
    s->start[1] = (int64_t)input->count;
    if (s->dense != NULL) {
        memset(s->dense, 0, s->n * sizeof *s->dense);
        for (size_t k = 0; k < input->count; k++)
            s->dense[input->idx[k]] = input->values == NULL ? 1.0f : input->values[k];
    }
    node->fed = (nc_frames){.start = s->start, .idx = input->idx, .val = input->values,
                            .dense = input->values == NULL ? NULL : s->dense, .frames = 1,
                            .events = input->count};
}

/* The oldest frame leaves, this step's comes behind the others. */
static void remember(const nc_stream_source *s, const nc_frames *fed) {
    if (s->depth == 0) return;
    const size_t gone = (size_t)s->past_start[1], kept = (size_t)s->past_start[s->depth] - gone;
    const size_t count = (size_t)s->start[1];
    for (uint32_t k = 0; k < s->depth; k++) s->past_start[k] = s->past_start[k + 1] - (int64_t)gone;
    s->past_start[s->depth] = (int64_t)(kept + count);
    memmove(s->past_idx, s->past_idx + gone, kept * sizeof *s->past_idx);
    if (count != 0) memcpy(s->past_idx + kept, fed->idx, count * sizeof *s->past_idx);
    if (s->past_val != NULL) {
        memmove(s->past_val, s->past_val + gone, kept * sizeof *s->past_val);
        for (size_t k = 0; k < count; k++)
            s->past_val[kept + k] = fed->val == NULL ? 1.0f : fed->val[k];
    }
    if (s->dense == NULL) return;
    memmove(s->past_dense, s->past_dense + s->n, (s->depth - 1) * s->n * sizeof *s->past_dense);
    memcpy(s->past_dense + (s->depth - 1) * s->n, s->dense, s->n * sizeof *s->past_dense);
}

nc_status nc_stream_step(const nc_stream *stream, const nc_stream_input *inputs) {
    const nc_network *network = stream->network;
    nc_run *run = stream->run;
    const nc_worker worker = worker_of(stream);
    for (uint32_t k = 0; k < network->n_sources; k++)
        feed(stream->source + k, run->team->node + k, inputs + k);
    for (uint32_t k = 0; k < network->n_populations; k++)
        memset(run->population[k].counts, 0, 3 * sizeof(int64_t));
    nc_run_chunk(&worker, 0, 0, 1);
    for (uint32_t k = 0; k < network->n_populations; k++)
        for (int c = 0; c < 3; c++) stream->population_counts[k][c] += run->population[k].counts[c];
    for (uint32_t k = 0; k < network->n_populations; k++)
        if (stream->clock[k] != NULL) *stream->clock[k] = (int32_t)((uint32_t)*stream->clock[k] + 1);
    for (uint32_t k = 0; k < network->n_sources; k++)
        remember(stream->source + k, &run->team->node[k].fed);
    for (uint32_t k = 0; k < network->n_projections; k++)
        if (stream->late[k] != NULL && *stream->late[k] != 0) --*stream->late[k];
    return run->team->status;
}

const int64_t *nc_stream_projection_counts(const nc_stream *stream, uint32_t projection) {
    return stream->run->projection[projection].counts;
}

const int64_t *nc_stream_overflow(const nc_stream *stream, uint32_t population) {
    return stream->run->population[population].overflow;
}
