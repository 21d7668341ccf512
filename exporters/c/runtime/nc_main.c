/* Checks and runs every case of the program and writes what came out: for each a status of four bytes,
 * then its results as they lie in memory. */
#include "nc_case.h"
#include "nc_check.h"
#include "nc_port.h"

static nc_status checked_and_run(const nc_case *one) {
    const nc_status network = nc_check_network(one->network, NULL);
    if (network != NC_OK) return network;
    const nc_status run = nc_check_run(one->network, one->run, NULL);
    return run != NC_OK ? run : nc_run_alone(one->network, one->run);
}

int main(void) {
    if (!nc_port_open()) return nc_port_close(1);
    for (size_t k = 0; nc_cases[k] != NULL; k++) {
        const nc_case *one = nc_cases[k];
        const int32_t status = (int32_t)checked_and_run(one);
        if (!nc_port_write(&status, sizeof status)) return nc_port_close(2);
        for (size_t r = 0; r < one->n_results; r++)
            if (!nc_port_write(one->results[r].at, one->results[r].bytes)) return nc_port_close(2);
    }
    return nc_port_close(0);
}
