/* The wide loops for x86-64 with AVX2; elsewhere the table is empty. */
#include "nc_integer.h"

#if defined(__x86_64__) && defined(__GNUC__)
#include <immintrin.h>
#define NC_LANES 8
#define NC_WIDE(name) name##_avx2
#define NC_TARGET __attribute__((target("avx2,popcnt,bmi")))
#define NC_BITS(mask) ((uint32_t)_mm256_movemask_ps((__m256)(mask)))
#define NC_POPCOUNT(bits) __builtin_popcountll(bits)
#include "nc_wide.h"

const nc_wide nc_wide_avx2 = NC_WIDE_TABLE("avx2", avx2);
const nc_whole nc_whole_avx2 = NC_WHOLE_TABLE(avx2);
#else
const nc_wide nc_wide_avx2 = {0};
const nc_whole nc_whole_avx2 = {0};
#endif
