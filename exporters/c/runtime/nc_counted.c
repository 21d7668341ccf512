/* Runs every case of the program with the hosted driver, so that a profiler can count what nc_advance
 * executes. The one argument is the version of the wide loops. */
#include <stdio.h>
#include <stdlib.h>

#include "nc_case.h"

int main(int argc, char **argv) {
    const uint32_t version = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 10) : 0;
    for (size_t k = 0; nc_cases[k] != NULL; k++) {
        nc_run *run = nc_cases[k]->run;
        run->version = version;
        if (nc_advance(nc_cases[k]->network, run, 1e9) != NC_OK ||
            run->frames_done != (int64_t)(run->batch * run->steps)) {
            fprintf(stderr, "case %zu did not run to its end\n", k);
            return 1;
        }
    }
    return 0;
}
