/* The wide loops for any processor: vectors of four floats, which every compiler knows how to build. */
#include "nc_integer.h"

#define NC_LANES 4
#define NC_WIDE(name) name##_base
#define NC_TARGET
#if !defined(__SSE2__) && !defined(__ARM_NEON) && !defined(__riscv_vector)
#define NC_SMALL
#endif
#if defined(__SSE2__)
#include <emmintrin.h>
#define NC_BITS(mask) ((uint32_t)_mm_movemask_ps((__m128)(mask)))
#else
#define NC_BITS(mask)                                                                            \
    ((uint32_t)(((mask)[0] & 1) | ((mask)[1] & 2) | ((mask)[2] & 4) | ((mask)[3] & 8)))
#endif
#define NC_POPCOUNT(bits) nc_bits_set(bits)
#include "nc_wide.h"

const nc_wide nc_wide_base = NC_WIDE_TABLE("portable", base);
const nc_whole nc_whole_base = NC_WHOLE_TABLE(base);
