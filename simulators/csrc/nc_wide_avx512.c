/* The wide loops for x86-64 with AVX-512 (F, BW, DQ, VL); elsewhere the table is empty. */
#include "nc_integer.h"

#if defined(__x86_64__) && defined(__GNUC__)
#include <immintrin.h>
#define NC_LANES 16
#define NC_WIDE(name) name##_avx512
#if defined(__clang__) /* has no such attribute, and takes the width of the vectors as written */
#define NC_TARGET __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,popcnt,bmi")))
#else
#define NC_TARGET                                                                                \
    __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,popcnt,bmi,prefer-vector-width=512")))
#endif
#define NC_MASKS
#define NC_POPCOUNT(bits) __builtin_popcountll(bits)
#include "nc_wide.h"

const nc_wide nc_wide_avx512 = NC_WIDE_TABLE("avx512", avx512);
const nc_whole nc_whole_avx512 = NC_WHOLE_TABLE(avx512);
#else
const nc_wide nc_wide_avx512 = {0};
const nc_whole nc_whole_avx512 = {0};
#endif
