/* One network with its input and its buffers, and the driver that runs it: one thread, no operating
 * system, no allocation. */
#ifndef NC_CASE_H
#define NC_CASE_H

#include "nc_driver.h"

typedef struct {
    const void *at;
    size_t bytes;
} nc_result;

typedef struct {
    const nc_network *network;
    nc_run *run; /* one team of one worker, at its first step */
    const nc_result *results; /* [n_results]: what the run writes */
    size_t n_results;
} nc_case;

/* All cases of the program; NULL ends the list. */
extern const nc_case *const nc_cases[];

/* Runs every step of every sample. */
nc_status nc_run_alone(const nc_network *network, nc_run *run);

#endif
