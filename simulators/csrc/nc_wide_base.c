/* The wide loops for any processor: vectors of four floats, which every compiler knows how to build. */
#include <stdint.h>

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

/* How many bits are set, without the instruction (and the library call that stands in for it). */
static inline uint32_t popcount(uint64_t bits) {
    bits -= bits >> 1 & 0x5555555555555555u;
    bits = (bits & 0x3333333333333333u) + (bits >> 2 & 0x3333333333333333u);
    bits = (bits + (bits >> 4)) & 0x0F0F0F0F0F0F0F0Fu;
    return (uint32_t)(bits * 0x0101010101010101u >> 56);
}
#define NC_POPCOUNT(bits) popcount(bits)
#include "nc_wide.h"

const nc_wide nc_wide_base = NC_WIDE_TABLE("portable", base);
