/* Integer networks in the driver: nc_whole.c, nc_whole_step.c. */
#ifndef NC_WHOLE_H
#define NC_WHOLE_H

#include "nc_step.h"

/* One projection in one step: sums of the targets in `range`, modulo 2^32, without lift and exponent;
 * out holds whole blocks. Sets touched[], unless NULL, of targets that a nonzero weight reaches. */
nc_status nc_project_whole(const nc_worker *w, uint32_t index, const nc_span *span, nc_range range,
                           uint8_t *touched, int32_t *out);
/* One step of an integer population; its steps first .. end - 1, together where that can be. */
void nc_step_whole(const nc_worker *w, uint32_t index, nc_moment now);
void nc_run_whole(const nc_worker *w, uint32_t index, size_t sample, size_t first, size_t end);

#endif
