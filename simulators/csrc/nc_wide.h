/* The loops that decide the speed, written once in vectors of NC_LANES floats and compiled once for
 * each instruction set: a file nc_wide_*.c defines NC_LANES, NC_WIDE(name) (the suffix of its
 * functions), NC_TARGET (the attribute that turns the instructions on), NC_POPCOUNT and either NC_BITS
 * (sign bits of a vector) or NC_MASKS (masks are registers of their own), then includes this. Every version gives the same bits: a target's additions come in the
 * same order in all of them, and each is rounded once.
 */
#include "nc_integer.h"

#include <string.h>

#ifdef NC_SMALL /* no vector unit: a copy for every case would be megabytes of scalar code */
#define NC_INLINE static inline NC_TARGET
#else
#define NC_INLINE static inline __attribute__((always_inline)) NC_TARGET
#endif
#define NC_BYTES (4 * NC_LANES)
enum { VECTORS = NC_COLUMNS / NC_LANES, BYTE_VECTORS = NC_COLUMNS / NC_BYTES };
enum { MOST_I8 = 255, MOST_I16 = 32767 }; /* weights that a narrow sum holds for certain */

typedef float vec_f __attribute__((vector_size(NC_BYTES)));
typedef int32_t vec_i __attribute__((vector_size(NC_BYTES)));
typedef uint32_t vec_u __attribute__((vector_size(NC_BYTES)));
typedef int16_t vec_s __attribute__((vector_size(NC_BYTES)));
typedef uint16_t vec_us __attribute__((vector_size(NC_BYTES)));
typedef float any_f __attribute__((vector_size(NC_BYTES), aligned(4), may_alias));
typedef int32_t any_i __attribute__((vector_size(NC_BYTES), aligned(4), may_alias));
typedef int16_t any_s __attribute__((vector_size(NC_BYTES), aligned(1), may_alias));
typedef uint16_t sixteen_bits __attribute__((may_alias));
typedef float four_f __attribute__((vector_size(16), aligned(4), may_alias));
typedef int32_t four_i __attribute__((vector_size(16), aligned(4), may_alias));

NC_INLINE vec_f load_f(const float *p) {
    return *(const any_f *)p;
}
NC_INLINE vec_i load_i(const int32_t *p) {
    return *(const any_i *)p;
}
NC_INLINE void store_f(float *p, vec_f x) {
    *(any_f *)p = x;
}
NC_INLINE vec_f all_f(float x) {
    return x - (vec_f){0}; /* x - 0 is x, also for -0 */
}
NC_INLINE vec_i bits_of(vec_f x) {
    return (vec_i)x;
}
/* ---- masks: which lanes ---- */
#ifdef NC_MASKS
typedef __mmask16 lanes;
NC_INLINE uint32_t bits_in(lanes m) {
    return m;
}
NC_INLINE lanes both(lanes a, lanes b) {
    return a & b;
}
NC_INLINE lanes either(lanes a, lanes b) {
    return a | b;
}
NC_INLINE lanes without(lanes a, lanes b) {
    return (lanes)(a & ~b);
}
NC_INLINE lanes greater(vec_f a, vec_f b) {
    return _mm512_cmp_ps_mask((__m512)a, (__m512)b, _CMP_GT_OQ);
}
NC_INLINE lanes not_less(vec_f a, vec_f b) {
    return _mm512_cmp_ps_mask((__m512)a, (__m512)b, _CMP_GE_OQ);
}
NC_INLINE lanes differ(vec_i a, vec_i b) {
    return _mm512_cmpneq_epi32_mask((__m512i)a, (__m512i)b);
}
NC_INLINE lanes subnormal(vec_f x) {
    return _mm512_fpclass_ps_mask((__m512)x, 0x20);
}
NC_INLINE lanes below(vec_i a, vec_i b) { /* unsigned */
    return _mm512_cmplt_epu32_mask((__m512i)a, (__m512i)b);
}
NC_INLINE vec_f pick(lanes m, vec_f yes, vec_f no) {
    return (vec_f)_mm512_mask_mov_ps((__m512)no, m, (__m512)yes);
}
NC_INLINE vec_f only(lanes m, vec_f x) { /* +0 elsewhere */
    return (vec_f)_mm512_maskz_mov_ps(m, (__m512)x);
}
#else
typedef vec_i lanes;
NC_INLINE uint32_t bits_in(lanes m) {
    return NC_BITS(m);
}
NC_INLINE lanes both(lanes a, lanes b) {
    return a & b;
}
NC_INLINE lanes either(lanes a, lanes b) {
    return a | b;
}
NC_INLINE lanes without(lanes a, lanes b) {
    return a & ~b;
}
NC_INLINE lanes greater(vec_f a, vec_f b) {
    return (lanes)(a > b);
}
NC_INLINE lanes not_less(vec_f a, vec_f b) {
    return (lanes)(a >= b);
}
NC_INLINE lanes differ(vec_i a, vec_i b) {
    return (lanes)(a != b);
}
NC_INLINE lanes below(vec_i a, vec_i b) { /* unsigned */
    return (lanes)((vec_u)a < (vec_u)b);
}
NC_INLINE lanes subnormal(vec_f x) {
    return below(((vec_i)x & 0x7FFFFFFF) - 1, (vec_i){0} + 0x7FFFFF);
}
NC_INLINE vec_f pick(lanes m, vec_f yes, vec_f no) {
    return (vec_f)((m & (vec_i)yes) | (~m & (vec_i)no));
}
NC_INLINE vec_f only(lanes m, vec_f x) { /* +0 elsewhere */
    return (vec_f)(m & (vec_i)x);
}
#endif
NC_INLINE vec_f except(lanes m, vec_f x) { /* +0 in m */
    return pick(m, (vec_f){0}, x);
}
NC_INLINE vec_i counted(vec_i counts, lanes m) { /* 1 more in m */
#ifdef NC_MASKS
    return (vec_i)_mm512_mask_add_epi32((__m512i)counts, m, (__m512i)counts, _mm512_set1_epi32(1));
#else
    return counts - m;
#endif
}
NC_INLINE size_t total(vec_i counts) { /* below 2^32 */
#ifdef NC_MASKS
    return (uint32_t)_mm512_reduce_add_epi32((__m512i)counts);
#else
    size_t sum = 0;
    for (int k = 0; k < NC_LANES; k++) sum += (size_t)counts[k];
    return sum;
#endif
}
NC_INLINE vec_i places(void) { /* 0, 1, 2, ... */
    vec_i place = {0};
    for (int k = 0; k < NC_LANES; k++) place[k] = k;
    return place;
}
NC_INLINE lanes no_lanes(void) {
    return below((vec_i){0}, (vec_i){0});
}

#include "nc_wide_neurons.h"
#include "nc_wide_dense.h"
#include "nc_wide_sparse.h"
#include "nc_wide_conv.h"
#include "nc_wide_vectors.h"
#include "nc_wide_integers.h"
