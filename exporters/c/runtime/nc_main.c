/* Runs every case of the program and writes what came out: for each a status of four bytes, then its
 * results as they lie in memory. */
#include "nc_case.h"
#include "nc_port.h"

int main(void) {
    if (!nc_port_open()) return nc_port_close(1);
    for (size_t k = 0; nc_cases[k] != NULL; k++) {
        const nc_case *one = nc_cases[k];
        const int32_t status = (int32_t)nc_run_alone(one->network, one->run);
        if (!nc_port_write(&status, sizeof status)) return nc_port_close(2);
        for (size_t r = 0; r < one->n_results; r++)
            if (!nc_port_write(one->results[r].at, one->results[r].bytes)) return nc_port_close(2);
    }
    return nc_port_close(0);
}
