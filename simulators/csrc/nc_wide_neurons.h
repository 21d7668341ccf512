/* Part of nc_wide.h: hot neurons. */
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

typedef struct {
    lanes fired, changed;
} outcome;

/* With subnormal states, for any form: apart from the loops, which it would only swell. It takes
 * everything from memory, so that they need not put anything there. */
static __attribute__((noinline)) NC_TARGET outcome careful_vector(const nc_hot *h, size_t j,
                                                                  const float *x, float *v, float *i) {
    const parameters p = parameters_at(h->form, h->per_neuron, h, j);
    const neuron out =
        step_vector(1, h->form, &p, load_f(x), load_f(v), i != NULL ? load_f(i) : p.beta);
    store_f(v, out.v);
    if (i != NULL) store_f(i, out.i);
    return (outcome){out.fired, out.changed};
}

/* One step of NC_LANES neurons from `j` on; x, v and i are theirs. */
NC_INLINE outcome hot_vector(const int32_t form, const int32_t each, const nc_hot *h,
                             const parameters *shared, size_t j, const float *x, float *v, float *i) {
    const int current = (form & NC_HOT_CURRENT) != 0;
    const vec_f old_v = load_f(v), old_i = current ? load_f(i) : old_v;
    lanes tiny = subnormal(old_v);
    if (current) tiny = either(tiny, subnormal(old_i));
    if (__builtin_expect(bits_in(tiny) != 0, 0)) return careful_vector(h, j, x, v, current ? i : NULL);
    const parameters own = each != 0 ? parameters_at(form, each, h, j) : *shared;
    const neuron out = step_vector(0, form, &own, load_f(x), old_v, old_i);
    store_f(v, out.v);
    if (current) store_f(i, out.i);
    return (outcome){out.fired, out.changed};
}

/* One step of a block of 64 neurons from `first` on, of which the first `columns` are there; x, v and i
 * are the block's. The bits of those that fired are written to *fired (a word of its own; bits beyond
 * the last neuron are 0), those whose state changed count in *changed, lane by lane. `shared`: the
 * parameters where each == 0. */
NC_INLINE void hot_block(const int32_t form, const int32_t each, const nc_hot *h,
                         const parameters *shared, size_t first, size_t columns, const float *x,
                         float *v, float *i, uint64_t *fired, vec_i *changed) {
#ifndef NC_MASKS
    uint64_t bits = 0;
#endif
#pragma GCC unroll 16
    for (int k = 0; k < NC_COLUMNS; k += NC_LANES) {
        outcome out = hot_vector(form, each, h, shared, first + (size_t)k, x + k, v + k,
                                 (form & NC_HOT_CURRENT) != 0 ? i + k : NULL);
        if (columns < NC_COLUMNS) {
            const lanes there = below(places() + k, (vec_i){0} + (int32_t)columns);
            out.fired = both(out.fired, there);
            out.changed = both(out.changed, there);
        }
#ifdef NC_MASKS
        ((sixteen_bits *)fired)[k / 16] = out.fired; /* there are two ports for that, one for moves */
#else
        bits |= (uint64_t)bits_in(out.fired) << k;
#endif
        *changed = counted(*changed, out.changed);
    }
#ifndef NC_MASKS
    *fired = bits;
#endif
}

/* The same with fewer than 64 neurons left, by way of copies; for any form. */
static __attribute__((noinline)) NC_TARGET size_t hot_rest(const nc_hot *h, size_t first, size_t n,
                                                           const float *x, float *v, float *i,
                                                           uint64_t *fired) {
    const parameters shared = parameters_at(h->form, h->per_neuron, h, first);
    float in[NC_COLUMNS] = {0}, membrane[NC_COLUMNS] = {0}, current[NC_COLUMNS] = {0};
    vec_i changed = {0};
    memcpy(in, x, n * sizeof *in);
    memcpy(membrane, v, n * sizeof *membrane);
    if (i != NULL) memcpy(current, i, n * sizeof *current);
    hot_block(h->form, h->per_neuron, h, &shared, first, n, in, membrane, current, fired, &changed);
    memcpy(v, membrane, n * sizeof *membrane);
    if (i != NULL) memcpy(i, current, n * sizeof *current);
    return total(changed);
}

NC_INLINE size_t hot_range(const int32_t form, const int32_t each, const nc_hot *h,
                           size_t first, size_t end, const float *x, float *v, float *i,
                           uint64_t *fired) {
    const parameters shared = parameters_at(form, each, h, first);
    vec_i changed = {0};
    size_t j = first;
    for (; j + NC_COLUMNS <= end; j += NC_COLUMNS)
        hot_block(form, each, h, &shared, j, NC_COLUMNS, x + j, v + j, i == NULL ? NULL : i + j,
                  fired + j / 64, &changed);
    if (j == end) return total(changed);
    return total(changed) +
           hot_rest(h, j, end - j, x + j, v + j, i == NULL ? NULL : i + j, fired + j / 64);
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
