/* The freestanding driver: what nc_advance does, without threads and without a clock. */
#include "nc_case.h"

nc_status nc_run_alone(const nc_network *network, nc_run *run) {
    nc_team *team = run->team;
    const nc_worker worker = {.network = network, .run = run, .team = team,
                              .wide = nc_wide_version(run->version), .me = 0, .wait = NULL};
    if (worker.wide == NULL || run->teams != 1 || run->workers != 1) return NC_NO_THREAD;
    for (size_t sample = 0; sample < run->batch; sample++) {
        if (run->steps != 0) nc_begin_sample(&worker, sample);
        for (size_t step = 0; step < run->steps;) {
            const size_t left = run->steps - step;
            const size_t end = step + (left < run->chunk ? left : run->chunk);
            nc_run_chunk(&worker, sample, step, end);
            run->frames_done += (int64_t)(end - step);
            step = end;
            if (team->status != NC_OK) return team->status;
        }
    }
    return NC_OK;
}
