/* Hot neurons: what every instruction set shares. */
#include "nc_kernel.h"

int32_t nc_still(float decay) {
    if (decay == 1.0f) return 0x800000; /* times 1 nothing moves */
    if (!(decay > 0.5f && decay < 1.0f)) return 0;
    /* k decay rounds to k while k (1 - decay) is below half a unit, or half of one and k even */
    const double limit = 0.5 / (1.0 - (double)decay);
    if (limit >= 8388608.0) return 0x800000;
    const int32_t most = (int32_t)limit;
    return (double)most == limit && most % 2 != 0 ? most - 1 : most;
}

const nc_wide *nc_wide_version(uint32_t version) {
    static const nc_wide *const all[] = {&nc_wide_base, &nc_wide_avx2, &nc_wide_avx512};
    if (version >= sizeof all / sizeof *all || all[version]->name == NULL) return NULL;
    return all[version];
}
