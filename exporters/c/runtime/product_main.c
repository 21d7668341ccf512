/* The smallest program around a network: for `make size`. */
#include "network.h"

int main(void) {
    static nc_stream_input inputs[NETWORK_SOURCES + 1];
    network_reset();
    return (int)network_step(inputs);
}
