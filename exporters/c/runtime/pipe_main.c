/* Runs samples that come through standard input; for `neurochain verify` and for scripts.
 *
 * In, numbers of this machine: uint32 steps of a sample (0 ends); then for each step and source
 * uint32 count, uint32 whether values follow, uint32 idx[count], float values[count].
 * Out, for each step: the bytes of every output, in the order of network_outputs.
 */
#include <stdio.h>
#include <stdlib.h>

#include "network.h"

static int take(void *at, size_t bytes) {
    return fread(at, 1, bytes, stdin) == bytes;
}

/* One source's events; memory that the step before has used is given back. */
static int take_input(nc_stream_input *input, uint32_t **idx, float **values) {
    uint32_t head[2];
    free(*idx);
    free(*values);
    *idx = NULL;
    *values = NULL;
    if (!take(head, sizeof head)) return 0;
    const size_t count = head[0];
    *idx = malloc((count + 1) * sizeof **idx);
    if (*idx == NULL || !take(*idx, count * sizeof **idx)) return 0;
    if (head[1] != 0) {
        *values = malloc((count + 1) * sizeof **values);
        if (*values == NULL || !take(*values, count * sizeof **values)) return 0;
    }
    *input = (nc_stream_input){*idx, count, *values};
    return 1;
}

int main(void) {
    static nc_stream_input inputs[NETWORK_SOURCES + 1];
    static uint32_t *idx[NETWORK_SOURCES + 1];
    static float *values[NETWORK_SOURCES + 1];
    uint32_t steps;
    while (take(&steps, sizeof steps) && steps != 0) {
        network_reset();
        for (uint32_t t = 0; t < steps; t++) {
            for (size_t k = 0; k + 1 < NETWORK_SOURCES + 1; k++)
                if (!take_input(&inputs[k], &idx[k], &values[k])) return 2;
            if (network_step(inputs) != NC_OK) return 3;
            for (size_t k = 0; k < NETWORK_OUTPUTS; k++)
                if (fwrite(network_outputs[k].at, 1, network_outputs[k].bytes, stdout) !=
                    network_outputs[k].bytes)
                    return 4;
        }
    }
    return fflush(stdout) == 0 ? 0 : 4;
}
