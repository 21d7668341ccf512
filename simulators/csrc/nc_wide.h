/* The loops that decide the speed, written once in vectors of NC_LANES floats and compiled once for
 * each instruction set: a file nc_wide_*.c defines NC_LANES, NC_WIDE(name) (the suffix of its
 * functions), NC_TARGET (the attribute that turns the instructions on), NC_POPCOUNT and either NC_BITS
 * (sign bits of a vector) or NC_MASKS (masks are registers of their own), then includes this. Every version gives the same bits: a target's additions come in the
 * same order in all of them, and each is rounded once.
 */
#include "nc_kernel.h"

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
NC_INLINE lanes no_lanes(void) {
    return below((vec_i){0}, (vec_i){0});
}

/* ---- a block of NC_COLUMNS columns of a dense matrix, all events of a step ---- */

/* Adds the rows of int8 weights. A row is 64 bytes, read as 32 words of 16 bits: the low byte of
 * word k is the weight of column k plus 128, the high byte the weight of column 32 + k. The words'
 * sum and the high bytes' sum give both without widening a weight. */
NC_INLINE void rows_i8(const void *block, const uint32_t *idx, size_t count, int32_t *sum) {
    const uint8_t *rows = block;
    for (size_t done = 0; done < count;) {
        const size_t end = count - done < MOST_I8 ? count : done + MOST_I8;
        vec_s total[BYTE_VECTORS] = {{0}}, high[BYTE_VECTORS] = {{0}};
        for (size_t k = done; k < end; k++) {
            const uint8_t *row = rows + (size_t)idx[k] * NC_COLUMNS;
            for (int v = 0; v < BYTE_VECTORS; v++) {
                const vec_s words = *(const any_s *)(row + v * NC_BYTES);
                total[v] = (vec_s)((vec_us)total[v] + (vec_us)words); /* may wrap */
                high[v] += words >> 8;
            }
        }
        int16_t words[NC_COLUMNS] __attribute__((aligned(64)));
        for (int v = 0; v < BYTE_VECTORS; v++) {
            const vec_us low = (vec_us)total[v] - ((vec_us)high[v] << 8);
            memcpy(words + v * 2 * NC_LANES, &low, sizeof low);
            memcpy(words + 32 + v * 2 * NC_LANES, high + v, sizeof low);
        }
        const int32_t lift = 128 * (int32_t)(end - done);
        for (int j = 0; j < 32; j++) sum[j] += (int32_t)(uint16_t)words[j] - lift;
        for (int j = 32; j < 64; j++) sum[j] += words[j];
        done = end;
    }
}

/* The same for int16: 64 weights in 32 words of 32 bits, the low half plus 32768. */
NC_INLINE void rows_i16(const void *block, const uint32_t *idx, size_t count, int32_t *sum) {
    enum { N = NC_COLUMNS / 2 / NC_LANES };
    const uint32_t *rows = block;
    for (size_t done = 0; done < count;) {
        const size_t end = count - done < MOST_I16 ? count : done + MOST_I16;
        vec_i total[N] = {{0}}, high[N] = {{0}};
        for (size_t k = done; k < end; k++) {
            const uint32_t *row = rows + (size_t)idx[k] * (NC_COLUMNS / 2);
            for (int v = 0; v < N; v++) {
                const vec_i words = *(const any_i *)(row + v * NC_LANES);
                total[v] = (vec_i)((vec_u)total[v] + (vec_u)words);
                high[v] += words >> 16;
            }
        }
        const uint32_t lift = 32768u * (uint32_t)(end - done);
        for (int v = 0; v < N; v++) {
            const vec_u low = (vec_u)total[v] - ((vec_u)high[v] << 16) - lift;
            *(any_i *)(sum + v * NC_LANES) += (vec_i)low;
            *(any_i *)(sum + 32 + v * NC_LANES) += high[v];
        }
        done = end;
    }
}

/* `vectors` and `valued` are constants at every call, so that the sums stay in registers. */
NC_INLINE void rows_f32(const int vectors, const int valued, const float *rows, const nc_span *span,
                        float *sum) {
    vec_f a[VECTORS];
    for (int v = 0; v < vectors; v++) a[v] = load_f(sum + v * NC_LANES);
    for (size_t k = 0; k < span->count; k++) {
        const float *row = rows + (size_t)span->idx[k] * NC_COLUMNS;
        const float x = valued != 0 ? span->val[k] : 1.0f;
        for (int v = 0; v < vectors; v++) {
            if (valued != 0) a[v] += load_f(row + v * NC_LANES) * x;
            else a[v] += load_f(row + v * NC_LANES);
        }
    }
    for (int v = 0; v < vectors; v++) store_f(sum + v * NC_LANES, a[v]);
}

/* x[64] = scale * (the weights of every event's row), columns of one block; `columns` of them count.
 * Events of integer weights have no values. */
NC_INLINE void block_sums(const int32_t type, const void *block, size_t columns, float scale,
                          const nc_span *span, size_t spans, float *x) {
    if (type == NC_F32) {
        const int few = columns <= NC_LANES;
        for (int v = 0; v < VECTORS; v++) store_f(x + v * NC_LANES, all_f(0.0f));
        for (size_t s = 0; s < spans; s++) {
            const int valued = span[s].val != NULL;
            if (few && valued) rows_f32(1, 1, block, span + s, x);
            else if (few) rows_f32(1, 0, block, span + s, x);
            else if (valued) rows_f32(VECTORS, 1, block, span + s, x);
            else rows_f32(VECTORS, 0, block, span + s, x);
        }
        return;
    }
    int32_t sum[NC_COLUMNS] __attribute__((aligned(64)));
    memset(sum, 0, sizeof sum);
    for (size_t s = 0; s < spans; s++) {
        if (type == NC_I8) rows_i8(block, span[s].idx, span[s].count, sum);
        else rows_i16(block, span[s].idx, span[s].count, sum);
    }
    for (int v = 0; v < VECTORS; v++)
        store_f(x + v * NC_LANES,
                __builtin_convertvector(*(const vec_i *)(sum + v * NC_LANES), vec_f) * scale);
}

/* ---- neurons ---- */

typedef float half_f __attribute__((vector_size(NC_BYTES / 2)));
typedef int32_t half_i __attribute__((vector_size(NC_BYTES / 2)));
typedef double vec_d __attribute__((vector_size(NC_BYTES)));
typedef int64_t vec_l __attribute__((vector_size(NC_BYTES)));

/* b v for a subnormal v, by way of double, in which the product is exact and normal. What comes out
 * subnormal is rounded as a whole multiple of 2^-149: adding 2^52 leaves that number in the low bits. */
NC_INLINE half_f small_half(half_f b, half_f v) {
    const half_i bits = (half_i)v, exponent = (bits >> 23) & 0xFF, normal = exponent != 0;
    const half_i whole = (bits & 0x7FFFFF) | (normal & 0x800000);
    const half_i power = (exponent + (half_i)(normal == 0) * -1) - 150; /* v is whole 2^power */
    const vec_d unit = (vec_d)((__builtin_convertvector(power, vec_l) + 1023) << 52);
    const vec_d exact = __builtin_convertvector(whole, vec_d) * unit *
                        (vec_d)((vec_l)__builtin_convertvector(b, vec_d) & INT64_MAX);
    const vec_l subnormal = (vec_l)(exact < 0x1p-126);
    const vec_d counted = (vec_d)((vec_l)exact & subnormal) * 0x1p149 + 0x1p52;
    const half_i small = __builtin_convertvector((vec_l)counted & INT32_MAX & subnormal, half_i);
    const half_i large = (half_i)__builtin_convertvector((vec_d)((vec_l)exact & ~subnormal), half_f);
    return (half_f)(small | large | ((bits ^ (half_i)b) & INT32_MIN));
}

/* Apart from the loops, which it would fill with moves. */
static __attribute__((noinline)) NC_TARGET void small_product(const float *b, const float *v,
                                                              float *out) {
    for (int k = 0; k < NC_LANES; k += NC_LANES / 2) {
        half_f factor, value;
        memcpy(&factor, b + k, sizeof factor);
        memcpy(&value, v + k, sizeof value);
        value = small_half(factor, value);
        memcpy(out + k, &value, sizeof value);
    }
}

/* b v, rounded once, without ever multiplying a subnormal: that takes some processors a hundred times
 * as long. Up to `still` (bits of a magnitude) b v is v. */
NC_INLINE vec_f careful_product(vec_f b, vec_f v, vec_i still) {
    const vec_i size = bits_of(v) & 0x7FFFFFFF;
    const lanes tiny = subnormal(v), kept = both(tiny, below(size, still + 1));
    const lanes slow = without(tiny, kept);
    vec_f moved = b * except(tiny, v);
    if (bits_in(slow) != 0) {
        float factor[NC_LANES], value[NC_LANES];
        store_f(factor, b);
        store_f(value, only(slow, v));
        small_product(factor, value, value);
        moved = pick(slow, load_f(value), moved);
    }
    return pick(kept, v, moved);
}
NC_INLINE vec_f product(const int careful, vec_f b, vec_f v, vec_i still) {
    return careful != 0 ? careful_product(b, v, still) : b * v;
}

NC_INLINE lanes above(const int32_t form, vec_f v, vec_f theta) {
    return (form & NC_HOT_EQUAL) != 0 ? not_less(v, theta) : greater(v, theta);
}

typedef struct {
    vec_f alpha, beta, theta, leak;
    vec_i still_alpha, still_beta;
} parameters;
typedef struct {
    vec_f v, i;
    lanes fired, changed;
} neuron;

/* The parameters of NC_LANES neurons from `j` on; of all neurons where they share one. */
NC_INLINE parameters parameters_at(const int32_t form, const int32_t each, const nc_hot *h,
                                   size_t j) {
    parameters p = {.beta = each != 0 ? load_f(h->beta + j) : all_f(h->beta[0]),
                    .theta = each != 0 ? load_f(h->theta + j) : all_f(h->theta[0]),
                    .still_beta = each != 0 ? load_i(h->still_beta + j)
                                            : (vec_i){0} + h->still_beta[0]};
    if ((form & NC_HOT_LEAK) != 0) p.leak = each != 0 ? load_f(h->leak + j) : all_f(h->leak[0]);
    if ((form & NC_HOT_CURRENT) == 0) return p;
    p.alpha = each != 0 ? load_f(h->alpha + j) : all_f(h->alpha[0]);
    p.still_alpha = each != 0 ? load_i(h->still_alpha + j) : (vec_i){0} + h->still_alpha[0];
    return p;
}

/* One step of NC_LANES neurons: programs/_membrane.py, operation by operation. */
NC_INLINE neuron step_vector(const int careful, const int32_t form, const parameters *p, vec_f x,
                             vec_f v, vec_f i) {
    const int32_t reset = form & NC_HOT_RESET;
    const vec_f one = all_f(1.0f);
    neuron out = {.i = i};
    lanes before = no_lanes();
    vec_f old = v;
    if (reset == NC_ZERO_NEXT || reset == NC_SUBTRACT_NEXT || reset == NC_ZERO_DISCARD)
        before = above(form, v, p->theta);
    if (reset == NC_ZERO_NEXT) /* (1 - R) v, without a product where R is 0 */
        old = pick(before, only(before, v) * 0.0f, v);
    vec_f in = x;
    if ((form & NC_HOT_CURRENT) != 0) out.i = in = product(careful, p->alpha, i, p->still_alpha) + x;
    vec_f fresh = product(careful, p->beta, old, p->still_beta) + in;
    if ((form & NC_HOT_LEAK) != 0) fresh = fresh + p->leak;
    if (reset == NC_SUBTRACT_NEXT) fresh = fresh - only(before, one) * p->theta;
    if (reset == NC_ZERO_DISCARD) { /* x - R x; of a subnormal x without the product */
        const lanes small = below(bits_of(fresh) & 0x7FFFFFFF, (vec_i){0} + 0x800000);
        const vec_f taken = only(before, one) * except(small, fresh);
        fresh = pick(small, except(before, fresh + 0.0f), fresh - taken);
    }
    out.fired = above(form, fresh, p->theta);
    out.v = fresh;
    if (reset == NC_ZERO_SAME) out.v = except(out.fired, fresh);
    if (reset == NC_SUBTRACT_SAME) out.v = fresh - only(out.fired, one) * p->theta;
    out.changed = differ(bits_of(out.v), bits_of(v));
    if ((form & NC_HOT_CURRENT) != 0)
        out.changed = either(out.changed, differ(bits_of(out.i), bits_of(i)));
    return out;
}

/* With subnormal states, for any form: apart from the loops, which it would only swell. */
static __attribute__((noinline)) NC_TARGET neuron careful_vector(const int32_t form,
                                                                 const parameters *p, const vec_f *x,
                                                                 const vec_f *v, const vec_f *i) {
    return step_vector(1, form, p, *x, *v, *i);
}

NC_INLINE neuron hot_vector(const int32_t form, const parameters *p, vec_f x, vec_f v, vec_f i) {
    lanes tiny = subnormal(v);
    if ((form & NC_HOT_CURRENT) != 0) tiny = either(tiny, subnormal(i));
    if (__builtin_expect(bits_in(tiny) != 0, 0)) return careful_vector(form, p, &x, &v, &i);
    return step_vector(0, form, p, x, v, i);
}

/* One step of a block of 64 neurons from `first` on; x, v and i are the block's. Bits of those that
 * fired, and of those whose state changed, are set. `shared`: the parameters where each == 0. */
NC_INLINE uint64_t hot_block(const int32_t form, const int32_t each, const nc_hot *h,
                             const parameters *shared, size_t first, const float *x, float *v,
                             float *i, uint64_t *changed) {
    uint64_t fired = 0, moved = 0;
#pragma GCC unroll 16
    for (int k = 0; k < NC_COLUMNS; k += NC_LANES) {
        const parameters own =
            each != 0 ? parameters_at(form, each, h, first + (size_t)k) : *shared;
        const neuron out = hot_vector(form, &own, load_f(x + k), load_f(v + k),
                                      (form & NC_HOT_CURRENT) != 0 ? load_f(i + k) : own.beta);
        store_f(v + k, out.v);
        if ((form & NC_HOT_CURRENT) != 0) store_f(i + k, out.i);
        fired |= (uint64_t)bits_in(out.fired) << k;
        moved |= (uint64_t)bits_in(out.changed) << k;
    }
    *changed = moved;
    return fired;
}

/* The same with fewer than 64 neurons left, by way of copies; for any form. */
static __attribute__((noinline)) NC_TARGET uint64_t hot_rest(const nc_hot *h, size_t first, size_t n,
                                                             const float *x, float *v, float *i,
                                                             uint64_t *changed) {
    const parameters shared = parameters_at(h->form, h->per_neuron, h, first);
    float in[NC_COLUMNS] = {0}, membrane[NC_COLUMNS] = {0}, current[NC_COLUMNS] = {0};
    const uint64_t there = ((uint64_t)1 << n) - 1;
    memcpy(in, x, n * sizeof *in);
    memcpy(membrane, v, n * sizeof *membrane);
    if (i != NULL) memcpy(current, i, n * sizeof *current);
    const uint64_t fired =
        hot_block(h->form, h->per_neuron, h, &shared, first, in, membrane, current, changed);
    memcpy(v, membrane, n * sizeof *membrane);
    if (i != NULL) memcpy(i, current, n * sizeof *current);
    *changed &= there;
    return fired & there;
}

NC_INLINE size_t hot_range(const int32_t form, const int32_t each, const nc_hot *h,
                           size_t first, size_t end, const float *x, float *v, float *i,
                           uint64_t *fired) {
    const parameters shared = parameters_at(form, each, h, first);
    size_t total = 0;
    for (size_t j = first; j < end; j += NC_COLUMNS) {
        float *current = i == NULL ? NULL : i + j;
        uint64_t changed;
        if (end - j >= NC_COLUMNS)
            fired[j / 64] = hot_block(form, each, h, &shared, j, x + j, v + j, current, &changed);
        else
            fired[j / 64] = hot_rest(h, j, end - j, x + j, v + j, current, &changed);
        total += (size_t)NC_POPCOUNT(changed);
    }
    return total;
}

/* Forms that are met often have loops of their own; the others ask inside the loop. */
#define NC_OFTEN(CASE)                                                                           \
    CASE(NC_ZERO_SAME)                                                                           \
    CASE(NC_SUBTRACT_SAME)                                                                       \
    CASE(NC_ZERO_NEXT)                                                                           \
    CASE(NC_SUBTRACT_NEXT)                                                                       \
    CASE(NC_HOT_CURRENT | NC_ZERO_SAME)                                                          \
    CASE(NC_HOT_CURRENT | NC_SUBTRACT_NEXT)                                                      \
    CASE(NC_HOT_CURRENT | NC_HOT_LEAK | NC_ZERO_SAME)

static NC_TARGET size_t NC_WIDE(nc_hot_step)(const nc_hot *h, size_t first, size_t end, const float *x,
                                      float *v, float *i, uint64_t *fired) {
    if (h->per_neuron != 0) {
        switch (h->form) {
#define NC_CASE(F)                                                                               \
    case (F): return hot_range((F), 1, h, first, end, x, v, i, fired);
            NC_OFTEN(NC_CASE)
#undef NC_CASE
        default: return hot_range(h->form, 1, h, first, end, x, v, i, fired);
        }
    }
    switch (h->form) {
#define NC_CASE(F)                                                                               \
    case (F): return hot_range((F), 0, h, first, end, x, v, i, fired);
        NC_OFTEN(NC_CASE)
#undef NC_CASE
    default: return hot_range(h->form, 0, h, first, end, x, v, i, fired);
    }
}

/* ---- dense projections ---- */

NC_INLINE const void *block_of(const nc_dense *d, size_t block) {
    static const size_t width[] = {[NC_F32] = 4, [NC_I8] = 1, [NC_I16] = 2};
    return (const char *)d->weights + block * d->n_in * NC_COLUMNS * width[d->type];
}

static NC_TARGET void NC_WIDE(nc_dense_sum)(const nc_dense *d, const nc_span *span, size_t spans,
                                     size_t first, size_t end, float *out) {
    for (size_t b = first; b < end; b++) {
        float *x = out + b * NC_COLUMNS;
        const void *w = block_of(d, b);
        const size_t columns = d->n_out - b * NC_COLUMNS;
        if (d->type == NC_I8) block_sums(NC_I8, w, columns, d->scale, span, spans, x);
        else if (d->type == NC_I16) block_sums(NC_I16, w, columns, d->scale, span, spans, x);
        else block_sums(NC_F32, w, columns, d->scale, span, spans, x);
    }
}

/* One block over all frames of a run: sums, bias, neurons, counts. */
NC_INLINE void dense_column(const int32_t type, const int32_t form, const int32_t each,
                            const nc_dense_run *r, size_t block) {
    const size_t first = block * NC_COLUMNS, left = r->n - first;
    const uint64_t there = left >= NC_COLUMNS ? ~(uint64_t)0 : ((uint64_t)1 << left) - 1;
    float x[NC_COLUMNS] __attribute__((aligned(64)));
    float v[NC_COLUMNS] __attribute__((aligned(64))) = {0};
    float i[NC_COLUMNS] __attribute__((aligned(64))) = {0};
    const size_t bytes = (left < NC_COLUMNS ? left : NC_COLUMNS) * sizeof *v;
    memcpy(v, r->v + first, bytes);
    if ((form & NC_HOT_CURRENT) != 0) memcpy(i, r->i + first, bytes);
    const parameters shared = parameters_at(form, each, r->hot, first);
    int settled = 0;
    for (size_t t = 0; t < r->frames; t++) {
        const nc_span *span = r->span + t * r->spans;
        const int biased = t >= r->bias_from;
        const uint64_t *always = biased ? r->always_biased : r->always;
        uint64_t hit = always == NULL ? 0 : always[block], changed = 0, fired = 0;
        size_t count = 0;
        for (size_t s = 0; s < r->spans; s++) count += span[s].count;
        if (count != 0 && hit != ~(uint64_t)0) hit |= nc_dense_reached(r->dense, block, span, r->spans);
        if (count != 0 || settled == 0 || t == r->bias_from) {
            block_sums(type, block_of(r->dense, block), left, r->dense->scale, span, r->spans, x);
            if (biased && r->bias != NULL)
                for (int k = 0; k < NC_COLUMNS; k += NC_LANES)
                    store_f(x + k, load_f(x + k) + load_f(r->bias + first + (size_t)k));
            fired = hot_block(form, each, r->hot, &shared, first, x, v, i, &changed) & there;
            changed &= there;
            settled = count == 0 && changed == 0 && fired == 0;
        }
        r->fired[t * r->stride + block] = fired;
        r->counts[2 * t] += (uint32_t)NC_POPCOUNT(hit & there);
        r->counts[2 * t + 1] += (uint32_t)NC_POPCOUNT(changed);
    }
    memcpy(r->v + first, v, bytes);
    if ((form & NC_HOT_CURRENT) != 0) memcpy(r->i + first, i, bytes);
}

#define NC_DENSE_TYPE(TYPE, NAME)                                                                \
    static NC_TARGET void NAME(const nc_dense_run *r) {                                          \
        const int32_t form = r->hot->form, each = r->hot->per_neuron;                            \
        for (size_t b = r->first; b < r->end; b++) {                                             \
            if (each == 0 && form == NC_ZERO_SAME) dense_column(TYPE, NC_ZERO_SAME, 0, r, b);    \
            else if (each == 0 && form == NC_ZERO_NEXT)                                          \
                dense_column(TYPE, NC_ZERO_NEXT, 0, r, b);                                       \
            else if (each == 0 && form == NC_SUBTRACT_NEXT)                                      \
                dense_column(TYPE, NC_SUBTRACT_NEXT, 0, r, b);                                   \
            else if (each != 0 && form == NC_SUBTRACT_NEXT)                                      \
                dense_column(TYPE, NC_SUBTRACT_NEXT, 1, r, b);                                   \
            else dense_column(TYPE, form, each, r, b);                                           \
        }                                                                                        \
    }
NC_DENSE_TYPE(NC_F32, dense_run_f32)
NC_DENSE_TYPE(NC_I8, dense_run_i8)
NC_DENSE_TYPE(NC_I16, dense_run_i16)

static void NC_WIDE(nc_dense_run)(const nc_dense_run *r) {
    if (r->dense->type == NC_I8) dense_run_i8(r);
    else if (r->dense->type == NC_I16) dense_run_i16(r);
    else dense_run_f32(r);
}

/* ---- sparse rows over many steps at once ---- */

/* Adds every source's int8 weights to its targets, in the steps in which it fires (bits of steps[i]):
 * acc[target][64] and fed[target], the steps in which something arrives. */
static NC_TARGET void NC_WIDE(nc_csr_steps)(const nc_csr *m, size_t n_in, const uint64_t *steps,
                                            int16_t *acc, uint64_t *fed) {
    enum { N = NC_STEPS / 2 / NC_LANES };
    const uint16_t *targets = m->targets;
    const int8_t *weights = m->weights;
    for (size_t i = 0; i < n_in; i++) {
        const uint64_t when = steps[i];
        if (when == 0) continue;
#ifdef NC_MASKS
        const __mmask32 some[2] = {(__mmask32)when, (__mmask32)(when >> 32)};
#else
        vec_s on[N];
        for (int t = 0; t < NC_STEPS; t++)
            on[t / (2 * NC_LANES)][t % (2 * NC_LANES)] = (int16_t)-(int16_t)(when >> t & 1);
#endif
        const int64_t end = m->end[i];
        for (int64_t p = m->begin[i]; p < end; p++) {
            int16_t *sum = acc + (size_t)targets[p] * NC_STEPS;
            const int16_t weight = weights[p];
            for (int v = 0; v < N; v++) {
                any_s *part = (any_s *)(sum + v * 2 * NC_LANES);
#ifdef NC_MASKS
                *part = (vec_s)_mm512_mask_add_epi16((__m512i)*part, some[v], (__m512i)*part,
                                                     _mm512_set1_epi16(weight));
#else
                *part += on[v] & ((vec_s){0} + weight);
#endif
            }
            fed[targets[p]] |= when;
        }
    }
}

/* A block of neurons over the steps whose sums nc_csr_steps has left: as dense_column. */
NC_INLINE void steps_column(const int32_t form, const int32_t each, const nc_steps_run *r,
                            size_t block) {
    const size_t first = block * NC_COLUMNS, left = r->n - first;
    const size_t columns = left < NC_COLUMNS ? left : NC_COLUMNS;
    const uint64_t there = left >= NC_COLUMNS ? ~(uint64_t)0 : ((uint64_t)1 << left) - 1;
    const parameters shared = parameters_at(form, each, r->hot, first);
    float x[NC_COLUMNS] __attribute__((aligned(64))) = {0};
    float v[NC_COLUMNS] __attribute__((aligned(64))) = {0};
    float i[NC_COLUMNS] __attribute__((aligned(64))) = {0};
    uint16_t touched[NC_STEPS] = {0};
    const uint64_t always = r->always == NULL ? 0 : r->always[block];
    const uint64_t always_biased = r->always_biased == NULL ? 0 : r->always_biased[block];
    memcpy(v, r->v + first, columns * sizeof *v);
    if ((form & NC_HOT_CURRENT) != 0) memcpy(i, r->i + first, columns * sizeof *i);
    for (size_t k = 0; k < columns; k++) {
        uint64_t fed = r->fed[first + k];
        for (int t = 0; t < NC_STEPS; t++) touched[t] = (uint16_t)(touched[t] + (fed >> t & 1));
    }
    for (size_t t = 0; t < r->frames; t++) {
        const int biased = t >= r->bias_from;
        const uint64_t all = biased ? always_biased : always;
        const int16_t *sum = r->acc + first * NC_STEPS + t;
        uint64_t changed;
        for (size_t k = 0; k < columns; k++) x[k] = (float)sum[k * NC_STEPS] * r->scale;
        if (biased && r->bias != NULL)
            for (int k = 0; k < NC_COLUMNS; k += NC_LANES)
                store_f(x + k, load_f(x + k) + load_f(r->bias + first + (size_t)k));
        r->fired[t * r->stride + block] =
            hot_block(form, each, r->hot, &shared, first, x, v, i, &changed) & there;
        r->counts[2 * t + 1] += (uint32_t)NC_POPCOUNT(changed & there);
        if (all == 0) {
            r->counts[2 * t] += touched[t];
            continue;
        }
        uint64_t hit = all;
        for (size_t k = 0; k < columns; k++) hit |= (r->fed[first + k] >> t & 1) << k;
        r->counts[2 * t] += (uint32_t)NC_POPCOUNT(hit & there);
    }
    memcpy(r->v + first, v, columns * sizeof *v);
    if ((form & NC_HOT_CURRENT) != 0) memcpy(r->i + first, i, columns * sizeof *i);
}

static NC_TARGET void NC_WIDE(nc_steps_run)(const nc_steps_run *r) {
    const int32_t form = r->hot->form, each = r->hot->per_neuron;
    for (size_t b = r->first; b < r->end; b++) {
        if (each == 0 && form == NC_ZERO_SAME) steps_column(NC_ZERO_SAME, 0, r, b);
        else steps_column(form, each, r, b);
    }
}

/* ---- convolution ---- */

NC_INLINE void add_run(const float *row, float value, const int valued, size_t length, float *sum) {
    size_t o = 0;
    for (; o + NC_LANES <= length; o += NC_LANES) {
        const vec_f w = load_f(row + o);
        if (valued != 0) store_f(sum + o, load_f(sum + o) + w * value);
        else store_f(sum + o, load_f(sum + o) + w);
    }
    for (; o < length; o += 4) { /* rows are padded to four */
        const four_f w = *(const four_f *)(row + o);
        if (valued != 0) *(four_f *)(sum + o) += w * value;
        else *(four_f *)(sum + o) += w;
    }
}

NC_INLINE void conv_event(const nc_window *g, const float *weights, uint32_t event, float value,
                          const int valued, const int runs, float *acc, uint32_t *dirty) {
    const nc_place at = g->place[event];
    const size_t wide = g->out_stride, group = runs != 0 ? 0 : at.c / (g->c_in / g->groups);
    const uint32_t q0 = g->col_start[at.x], q1 = g->col_start[at.x + 1];
    if (q0 == q1) return;
    const uint32_t left = g->col_out[q0], right = g->col_out[q1 - 1] + 1;
    const float *channel = weights + (size_t)at.c * g->kh * g->kw * wide;
    for (uint32_t r = g->row_start[at.y]; r < g->row_start[at.y + 1]; r++) {
        const uint32_t oy = g->row_out[r];
        const float *taps = channel + (size_t)g->row_tap[r] * g->kw * wide;
        float *row = acc + (size_t)oy * g->ow * g->groups * wide;
        if (left < dirty[2 * oy]) dirty[2 * oy] = left;
        if (right > dirty[2 * oy + 1]) dirty[2 * oy + 1] = right;
        if (runs != 0) {
            add_run(taps + g->col_tap[q0] * wide, value, valued, (q1 - q0) * wide,
                    row + left * wide);
            continue;
        }
        for (uint32_t q = q0; q < q1; q++)
            add_run(taps + g->col_tap[q] * wide, value, valued, wide,
                    row + (g->col_out[q] * g->groups + group) * wide);
    }
}

static NC_TARGET void NC_WIDE(nc_conv_sum)(const nc_window *g, const float *weights,
                                           const nc_span *span, float *acc, uint32_t *dirty) {
    const uint32_t *idx = span->idx;
    const float *val = span->val;
    const size_t n = span->count;
    if (val == NULL && g->runs != 0)
        for (size_t k = 0; k < n; k++) conv_event(g, weights, idx[k], 1.0f, 0, 1, acc, dirty);
    else if (val == NULL)
        for (size_t k = 0; k < n; k++) conv_event(g, weights, idx[k], 1.0f, 0, 0, acc, dirty);
    else if (g->runs != 0)
        for (size_t k = 0; k < n; k++) conv_event(g, weights, idx[k], val[k], 1, 1, acc, dirty);
    else
        for (size_t k = 0; k < n; k++) conv_event(g, weights, idx[k], val[k], 1, 0, acc, dirty);
}

#if defined(__clang__)
#define NC_SHUFFLE(a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
#else
#define NC_SHUFFLE(a, b, ...) __builtin_shuffle(a, b, (four_i){__VA_ARGS__})
#endif

/* Four positions of four channels, turned: in rows of `from`, out rows of `to` floats apart. */
NC_INLINE void turn_four(const float *in, size_t from, float scale, float *out, size_t to) {
    const four_f a = *(const four_f *)in, b = *(const four_f *)(in + from);
    const four_f c = *(const four_f *)(in + 2 * from), d = *(const four_f *)(in + 3 * from);
    const four_f ac0 = NC_SHUFFLE(a, c, 0, 4, 1, 5);
    const four_f ac1 = NC_SHUFFLE(a, c, 2, 6, 3, 7);
    const four_f bd0 = NC_SHUFFLE(b, d, 0, 4, 1, 5);
    const four_f bd1 = NC_SHUFFLE(b, d, 2, 6, 3, 7);
    *(four_f *)out = NC_SHUFFLE(ac0, bd0, 0, 4, 1, 5) * scale;
    *(four_f *)(out + to) = NC_SHUFFLE(ac0, bd0, 2, 6, 3, 7) * scale;
    *(four_f *)(out + 2 * to) = NC_SHUFFLE(ac1, bd1, 0, 4, 1, 5) * scale;
    *(four_f *)(out + 3 * to) = NC_SHUFFLE(ac1, bd1, 2, 6, 3, 7) * scale;
}

/* Positions left .. right - 1 of one output row and one group, scaled, to out[channel][place]. */
NC_INLINE void turn_row(const float *sum, size_t pitch, size_t left, size_t right, size_t channels,
                        float scale, float *out, size_t places) {
    for (size_t c = 0; c < channels; c += 4) {
        const size_t some = channels - c < 4 ? channels - c : 4;
        size_t x = left;
        if (some == 4)
            for (; x + 4 <= right; x += 4)
                turn_four(sum + x * pitch + c, pitch, scale, out + c * places + x, places);
        for (; x < right; x++)
            for (size_t k = 0; k < some; k++)
                out[(c + k) * places + x] = sum[x * pitch + c + k] * scale;
    }
}

static NC_TARGET void NC_WIDE(nc_conv_flush)(const nc_window *g, float scale, float *acc, uint32_t *dirty,
                                      float *out) {
    const size_t places = (size_t)g->oh * g->ow, channels = g->c_out / g->groups;
    const size_t pitch = g->groups * g->out_stride;
    for (uint32_t oy = 0; oy < g->oh; oy++) {
        const size_t left = dirty[2 * oy], right = dirty[2 * oy + 1];
        const size_t from = left < right ? left : 0, to = left < right ? right : 0;
        float *row = acc + (size_t)oy * g->ow * pitch;
        for (size_t c = 0; c < g->c_out; c++) {
            float *line = out + c * places + (size_t)oy * g->ow;
            for (size_t x = 0; x < from; x++) line[x] = NC_UNTOUCHED;
            for (size_t x = to; x < g->ow; x++) line[x] = NC_UNTOUCHED;
        }
        for (size_t group = 0; group < g->groups && from < to; group++)
            turn_row(row + group * g->out_stride, pitch, from, to, channels, scale,
                     out + group * channels * places + (size_t)oy * g->ow, places);
        for (size_t k = from * pitch; k < to * pitch; k++) row[k] = NC_UNTOUCHED;
        dirty[2 * oy] = g->ow;
        dirty[2 * oy + 1] = 0;
    }
}

/* ---- convolution and its neurons, both in position-major order ---- */

NC_INLINE void turned_all(const int32_t form, const int32_t each, const nc_turned_run *r) {
    const parameters shared = parameters_at(form, each, r->hot, 0);
    const vec_f empty = all_f(NC_UNTOUCHED);
    size_t touched = 0, moved = 0;
    for (size_t j = 0; j < r->n; j += NC_COLUMNS) {
        const size_t left = r->n - j;
        const uint64_t there = left >= NC_COLUMNS ? ~(uint64_t)0 : ((uint64_t)1 << left) - 1;
        float x[NC_COLUMNS] __attribute__((aligned(64)));
        uint64_t hit = r->always == NULL ? 0 : r->always[j / 64], changed;
#pragma GCC unroll 16
        for (size_t k = 0; k < NC_COLUMNS; k += (size_t)NC_LANES) {
            const vec_f sum = load_f(r->acc + j + k);
            hit |= (uint64_t)bits_in(differ(bits_of(sum), (vec_i){0} + INT32_MIN)) << k;
            vec_f in = sum * r->scale + 0.0f;
            if (r->bias != NULL) in += load_f(r->bias + j + k);
            store_f(x + k, in);
            store_f(r->acc + j + k, empty);
        }
        r->fired[j / 64] = there & hot_block(form, each, r->hot, &shared, j, x, r->v + j,
                                             r->i == NULL ? NULL : r->i + j, &changed);
        touched += (size_t)NC_POPCOUNT(hit & there);
        moved += (size_t)NC_POPCOUNT(changed & there);
    }
    *r->touched = touched;
    *r->changed = moved;
}

static NC_TARGET void NC_WIDE(nc_turned_step)(const nc_turned_run *r) {
    const int32_t each = r->hot->per_neuron;
    switch (r->hot->form) {
#define NC_CASE(F)                                                                               \
    case (F):                                                                                    \
        if (each != 0) turned_all((F), 1, r);                                                    \
        else turned_all((F), 0, r);                                                              \
        break;
        NC_OFTEN(NC_CASE)
#undef NC_CASE
    default:
        turned_all(r->hot->form, each, r);
    }
}

/* ---- whole vectors ---- */

static NC_TARGET size_t NC_WIDE(nc_unmark)(size_t n, float *x, uint8_t *touched) {
    size_t count = 0, j = 0;
    if (touched == NULL) {
        for (; j + NC_LANES <= n; j += NC_LANES) {
            const vec_f value = load_f(x + j);
            const lanes hit = differ(bits_of(value), (vec_i){0} + INT32_MIN);
            count += (size_t)NC_POPCOUNT((uint64_t)bits_in(hit));
            store_f(x + j, value + 0.0f);
        }
    }
    for (; j < n; j++) {
        uint32_t bits;
        memcpy(&bits, x + j, sizeof bits);
        const uint8_t hit = bits != 0x80000000u;
        count += hit;
        if (touched != NULL) touched[j] |= hit;
        x[j] = x[j] + 0.0f;
    }
    return count;
}

static NC_TARGET void NC_WIDE(nc_scale_i32)(size_t n, float scale, const int32_t *acc, float *out) {
    size_t j = 0;
    for (; j + NC_LANES <= n; j += NC_LANES)
        store_f(out + j, __builtin_convertvector((vec_i)load_i(acc + j), vec_f) * scale);
    for (; j < n; j++) out[j] = (float)acc[j] * scale;
}

static NC_TARGET void NC_WIDE(nc_scale_packed)(size_t n, float scale, uint32_t shift, const int32_t *acc,
                                        float *out) {
    const vec_i low = (vec_i){0} + (int32_t)(((uint32_t)1 << shift) - 1);
    size_t j = 0;
    for (; j + NC_LANES <= n; j += NC_LANES) {
        const vec_i packed = *(const any_i *)(acc + j);
        const vec_f value = __builtin_convertvector(packed >> shift, vec_f) * scale;
        store_f(out + j, pick(below(packed & low, (vec_i){0} + 1), all_f(NC_UNTOUCHED), value));
    }
    for (; j < n; j++)
        out[j] = (acc[j] & low[0]) == 0 ? NC_UNTOUCHED : (float)(acc[j] >> shift) * scale;
}

/* Places and values of what is not zero. With NC_MASKS, whole vectors are written, of which only the
 * first lanes count: idx and val have room for that. */
static NC_TARGET size_t NC_WIDE(nc_events_of_f32)(size_t n, const float *dense, uint32_t *idx,
                                                  float *val) {
    size_t count = 0, j = 0;
#ifdef NC_MASKS
    __m512i place = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    for (; j + NC_LANES <= n; j += NC_LANES, place = _mm512_add_epi32(place, _mm512_set1_epi32(16))) {
        const vec_f value = load_f(dense + j);
        const lanes there = differ(bits_of(value) & 0x7FFFFFFF, (vec_i){0});
        if (there == 0) continue;
        _mm512_storeu_si512(idx + count, _mm512_maskz_compress_epi32(there, place));
        _mm512_storeu_ps(val + count, _mm512_maskz_compress_ps(there, (__m512)value));
        count += (size_t)NC_POPCOUNT((uint64_t)there);
    }
#else
    for (; j + NC_LANES <= n; j += NC_LANES) {
        const vec_i size = bits_of(load_f(dense + j)) & 0x7FFFFFFF;
        for (uint32_t left = bits_in(differ(size, (vec_i){0})); left != 0; left &= left - 1) {
            const size_t place = j + (size_t)__builtin_ctz(left);
            idx[count] = (uint32_t)place;
            val[count++] = dense[place];
        }
    }
#endif
    for (; j < n; j++) {
        if (dense[j] == 0.0f) continue;
        idx[count] = (uint32_t)j;
        val[count++] = dense[j];
    }
    return count;
}

/* The places of the set bits of flags[words], plus 64 `first`; room in idx as above. */
static NC_TARGET size_t NC_WIDE(nc_events_of_bits)(size_t words, size_t first, const uint64_t *flags,
                                                   uint32_t *idx) {
    size_t count = 0;
    for (size_t w = 0; w < words; w++) {
        const uint64_t bits = flags[w];
        if (bits == 0) continue;
        const uint32_t base = (uint32_t)((first + w) * 64);
        uint64_t left = bits;
        const uint32_t most = (uint32_t)NC_POPCOUNT(bits);
        for (uint32_t done = 0; done < most; done += 4) {
            for (int k = 0; k < 4; k++) { /* four at a time: what is beyond the last does not count */
                const uint64_t some = left | (uint64_t)1 << 63;
                idx[count + done + (uint32_t)k] = base + (uint32_t)__builtin_ctzll(some);
                left &= left - 1;
            }
        }
        count += most;
    }
    return count;
}
