/* Feeds the recorded input, twice, and compares every step's output and every state at the end. */
#include <string.h>

#include "network.h"
#include "nc_port.h"
#include "recorded.h"

static size_t length(const char *text) {
    size_t n = 0;
    while (text[n] != '\0') n++;
    return n;
}

static int say(const char *text) {
    return nc_port_write(text, length(text));
}

/* FNV-1a over the bits of every state, population by population. */
static uint64_t digest(const nc_stream *stream) {
    uint64_t hash = UINT64_C(14695981039346656037);
    for (size_t k = 0; k < stream->n_states; k++) {
        for (size_t i = 0; i < stream->state[k].n; i++) {
            uint32_t bits;
            memcpy(&bits, (const char *)stream->state[k].at + i * sizeof bits, sizeof bits);
            for (int byte = 0; byte < 4; byte++) {
                hash ^= bits >> (8 * byte) & 0xFFu;
                hash *= UINT64_C(1099511628211);
            }
        }
    }
    return hash;
}

static const char *one_pass(void) {
    network_reset();
    for (size_t t = 0; t < RECORDED_STEPS; t++) {
        nc_stream_input inputs[NETWORK_SOURCES + 1];
        recorded_inputs(t, inputs);
        if (network_step(inputs) != NC_OK) return "FAILED: a step was refused\n";
        for (size_t k = 0; k < NETWORK_OUTPUTS; k++)
            if (memcmp(network_outputs[k].at, recorded_output(t, k), network_outputs[k].bytes) != 0)
                return "FAILED: an output differs\n";
    }
    if (digest(&network_stream) != recorded_digest) return "FAILED: a state differs\n";
    for (size_t k = 0; k < NETWORK_POPULATIONS; k++)
        if (memcmp(network_stream.population_counts[k], recorded_population_counts[k],
                   sizeof recorded_population_counts[k]) != 0)
            return "FAILED: counts of neurons differ\n";
    for (uint32_t k = 0; k < NETWORK_PROJECTIONS; k++)
        if (memcmp(nc_stream_projection_counts(&network_stream, k), recorded_projection_counts[k],
                   sizeof recorded_projection_counts[k]) != 0)
            return "FAILED: counts of synapses differ\n";
    for (uint32_t k = 0; k < NETWORK_POPULATIONS; k++) {
        const uint32_t watches = network_stream.network->population[k].integer.n_watches;
        if (watches != 0 && memcmp(nc_stream_overflow(&network_stream, k), recorded_overflow[k],
                                   watches * sizeof(int64_t)) != 0)
            return "FAILED: counts of overflow differ\n";
    }
    return NULL;
}

int main(void) {
    if (!nc_port_open()) return nc_port_close(1);
    for (int pass = 0; pass < 2; pass++) { /* the second one shows that a reset resets */
        const char *wrong = one_pass();
        if (wrong != NULL) {
            say(wrong);
            return nc_port_close(1);
        }
    }
    say("ok: " RECORDED_TEXT "\n");
    return nc_port_close(0);
}
