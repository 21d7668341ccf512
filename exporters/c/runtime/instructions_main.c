/* Feeds the recorded input, twice, and says how many instructions network_step takes. The same loop
 * around a step that does nothing is measured as well, and taken off. */
#include "nc_instructions.h"
#include "nc_port.h"
#include "network.h"
#include "recorded.h"

typedef nc_status step_function(const nc_stream_input *inputs);

enum { PASSES = 2, TAKEN = PASSES * RECORDED_STEPS };

static nc_status no_step(const nc_stream_input *inputs) {
    (void)inputs;
    return NC_OK;
}

/* Of all steps; -1 where one is refused. */
static int64_t instructions_of(step_function *volatile step) {
    int64_t sum = 0;
    for (int pass = 0; pass < PASSES; pass++) {
        network_reset();
        const uint64_t before = nc_instructions();
        for (size_t t = 0; t < RECORDED_STEPS; t++) {
            nc_stream_input inputs[NETWORK_SOURCES + 1];
            recorded_inputs(t, inputs);
            if (step(inputs) != NC_OK) return -1;
        }
        sum += (int64_t)(nc_instructions() - before);
    }
    return sum;
}

static int say(const char *text) {
    size_t length = 0;
    while (text[length] != '\0') length++;
    return nc_port_write(text, length);
}

static int say_number(uint64_t number) {
    char digits[21] = {0};
    size_t first = sizeof digits - 1;
    do
        digits[--first] = (char)('0' + number % 10);
    while (number /= 10);
    return say(digits + first);
}

int main(void) {
    if (!nc_port_open()) return nc_port_close(1);
    const int64_t idle = instructions_of(no_step), all = instructions_of(network_step);
    if (idle < 0 || all < idle) {
        say("FAILED: a step was refused, or nothing was counted\n");
        return nc_port_close(1);
    }
    say_number((uint64_t)(all - idle) / TAKEN);
    say(" instructions a step (");
    say_number(TAKEN);
    say(" steps; ");
    say_number((uint64_t)(all - idle));
    say(" in all, give or take ");
    say_number(2 * PASSES * nc_instructions_error());
    return nc_port_close(!say(")\n"));
}
