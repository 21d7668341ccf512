/* Part of nc_wide.h: whole sums, and Loihi's LIF in vectors of int32. */

NC_INLINE void store_i(int32_t *p, vec_i x) {
    *(any_i *)p = x;
}
NC_INLINE vec_i all_i(int32_t x) {
    return (vec_i){0} + x;
}
#ifdef NC_MASKS
NC_INLINE lanes above_i(vec_i a, vec_i b) {
    return _mm512_cmpgt_epi32_mask((__m512i)a, (__m512i)b);
}
NC_INLINE vec_i within(vec_i low, vec_i x, vec_i high) {
    return (vec_i)_mm512_min_epi32(_mm512_max_epi32((__m512i)x, (__m512i)low), (__m512i)high);
}
NC_INLINE vec_u magnitude(vec_i x) {
    return (vec_u)_mm512_abs_epi32((__m512i)x);
}
NC_INLINE vec_i signed_as(vec_i x, vec_u size) {
    return (vec_i)_mm512_mask_sub_epi32((__m512i)size, _mm512_movepi32_mask((__m512i)x),
                                        _mm512_setzero_si512(), (__m512i)size);
}
#else
NC_INLINE lanes above_i(vec_i a, vec_i b) {
    return (lanes)(a > b);
}
NC_INLINE vec_i within(vec_i low, vec_i x, vec_i high) {
    const vec_i up = (vec_i)(x > low), raised = (up & x) | (~up & low), down = (vec_i)(raised < high);
    return (down & raised) | (~down & high);
}
NC_INLINE vec_u magnitude(vec_i x) {
    const vec_i sign = x >> 31;
    return (vec_u)(x ^ sign) - (vec_u)sign;
}
NC_INLINE vec_i signed_as(vec_i x, vec_u size) {
    const vec_u sign = (vec_u)(x >> 31);
    return (vec_i)((size ^ sign) - sign);
}
#endif
NC_INLINE vec_i pick_i(lanes m, vec_i yes, vec_i no) {
    return (vec_i)pick(m, (vec_f)yes, (vec_f)no);
}
NC_INLINE vec_i sum_i(vec_i a, vec_i b) { /* modulo 2^32 */
    return (vec_i)((vec_u)a + (vec_u)b);
}
NC_INLINE vec_i difference_i(vec_i a, vec_i b) {
    return (vec_i)((vec_u)a - (vec_u)b);
}
NC_INLINE lanes beyond(vec_i x, int32_t most) { /* |x| > most */
    return below(all_i(2 * most), sum_i(x, all_i(most)));
}

/* x keep / 2^12 toward zero, keep 0 .. 4096: |x| in parts of 12 bits, so that 32 bits hold the products. */
NC_INLINE vec_i decayed(vec_i x, vec_u keep) {
    const vec_u size = magnitude(x);
    return signed_as(x, (size >> 12) * keep + (((size & 0xFFF) * keep) >> 12));
}

enum { MOST_INPUT = 0x7FFF, MOST_STATE = 0x7FFFFF };

typedef struct {
    vec_u keep_u, keep_v;
    vec_i theta, bias;
} lif_parameters;
typedef struct {
    uint64_t fired, changed, input, current, membrane; /* bits of a block */
} lif_flags;

NC_INLINE lif_parameters lif_parameters_at(const int32_t each, const nc_lif *h, size_t j) {
    if (each != 0)
        return (lif_parameters){(vec_u)load_i(h->keep_u + j), (vec_u)load_i(h->keep_v + j),
                                load_i(h->theta + j), load_i(h->bias + j)};
    return (lif_parameters){(vec_u)all_i(h->keep_u[0]), (vec_u)all_i(h->keep_v[0]),
                            all_i(h->theta[0]), all_i(h->bias[0])};
}

/* What a vector of neurons keeps after a step, and where its values were beyond the chip's. */
typedef struct {
    vec_i u, v;
    lanes input, current, membrane;
} lif_kept;

/* The same from the full sum of currents on, where a value is beyond: programs/_loihi.py, in its order. */
NC_INLINE lif_kept lif_beyond(vec_i x, vec_i sum, vec_i held, vec_i bias) {
    const lanes high = above_i(sum, all_i(MOST_STATE + 1));
    const lanes low = above_i(all_i(-MOST_STATE), sum);
    const vec_i raised = pick_i(low, sum_i(sum, all_i(1 << 24)), sum);
    const vec_i u = pick_i(high, difference_i(sum, all_i(1 << 24)), raised);
    const vec_i filled = sum_i(sum_i(held, u), bias);
    return (lif_kept){
        .u = u, .v = within(all_i(-MOST_STATE), filled, all_i(MOST_STATE)),
        .input = beyond(x, MOST_INPUT), .current = beyond(sum, MOST_STATE),
        .membrane = beyond(filled, MOST_STATE),
    };
}

/* One step of a block of 64 neurons; a, u and v are the block's. programs/_loihi.py, in its order. Without
 * `filter` no current is kept (every keep_u is 0), and one within MOST_INPUT never leaves MOST_STATE. */
NC_INLINE lif_flags lif_block(const int32_t each, const int32_t filter, const int clears,
                              const nc_lif *h, const lif_parameters *shared, size_t first,
                              const vec_i *a, int32_t *u, int32_t *v) {
    lif_flags flags = {0, 0, 0, 0, 0};
#pragma GCC unroll 8
    for (int n = 0; n < VECTORS; n++) {
        const int k = n * NC_LANES;
        const lif_parameters p = each != 0 ? lif_parameters_at(each, h, first + (size_t)k) : *shared;
        const vec_i x = a[n], old_u = load_i(u + k), old_v = load_i(v + k);
        const vec_i driven = (vec_i)((vec_u)x << 6);
        const vec_i sum =
            filter != 0 && clears == 0 ? sum_i(decayed(old_u, p.keep_u), driven) : driven;
        const vec_i held = clears != 0 ? (vec_i){0} : decayed(old_v, p.keep_v);
        const vec_i filled = sum_i(sum_i(held, sum), p.bias);
        const lanes odd = either(beyond(x, MOST_INPUT), beyond(filled, MOST_STATE));
        vec_i new_u = sum, new_v = filled;
        if (__builtin_expect(bits_in(filter != 0 ? either(odd, beyond(sum, MOST_STATE)) : odd) != 0, 0)) {
            const lif_kept kept = lif_beyond(x, sum, held, p.bias);
            new_u = kept.u;
            new_v = kept.v;
            flags.input |= (uint64_t)bits_in(kept.input) << k;
            flags.current |= (uint64_t)bits_in(kept.current) << k;
            flags.membrane |= (uint64_t)bits_in(kept.membrane) << k;
        }
        const lanes fired = above_i(new_v, p.theta);
        new_v = pick_i(fired, (vec_i){0}, new_v);
        const lanes changed = either(differ(new_u, old_u), differ(new_v, old_v));
        store_i(u + k, new_u);
        store_i(v + k, new_v);
        flags.fired |= (uint64_t)bits_in(fired) << k;
        flags.changed |= (uint64_t)bits_in(changed) << k;
    }
    return flags;
}

NC_INLINE void count_large(const lif_flags *f, uint64_t there, int64_t *overflow) {
    overflow[0] += (int64_t)NC_POPCOUNT(f->input & there);
    overflow[1] += (int64_t)NC_POPCOUNT(f->current & there);
    overflow[2] += (int64_t)NC_POPCOUNT(f->membrane & there);
}

static NC_TARGET void NC_WIDE(nc_whole_dense_sum)(const nc_dense *d, const nc_span *span, size_t spans,
                                                  size_t first, size_t end, int32_t *out) {
    for (size_t b = first; b < end; b++) {
        vec_i a[VECTORS];
        if (d->type == NC_I8) whole_sums(NC_I8, block_of(d, b), 0, span, spans, a);
        else whole_sums(NC_I16, block_of(d, b), 0, span, spans, a);
        memcpy(out + b * NC_COLUMNS, a, sizeof a);
    }
}

/* One block over all frames of a run: as dense_column. */
NC_INLINE void lif_column(const int32_t type, const int32_t each, const int32_t filter,
                          const nc_lif_run *r, size_t block) {
    const size_t first = block * NC_COLUMNS, left = r->n - first;
    const uint64_t there = left >= NC_COLUMNS ? ~(uint64_t)0 : ((uint64_t)1 << left) - 1;
    vec_i a[VECTORS];
    int32_t u[NC_COLUMNS] __attribute__((aligned(64))) = {0};
    int32_t v[NC_COLUMNS] __attribute__((aligned(64))) = {0};
    const size_t bytes = (left < NC_COLUMNS ? left : NC_COLUMNS) * sizeof *v;
    memcpy(u, r->u + first, bytes);
    memcpy(v, r->v + first, bytes);
    const lif_parameters shared = lif_parameters_at(each, r->lif, first);
    const void *weights = block_of(r->dense, block);
    const int asked = r->reached != NC_REACHED_COUNTED;
    int settled = 0;
    for (size_t t = 0; t < r->frames; t++) {
        const nc_span *span = r->span + t * r->spans;
        const int clears = nc_clears(r->lif, (int32_t)((uint32_t)r->clock + (uint32_t)t));
        uint64_t hit = r->always == NULL ? 0 : r->always[block];
        size_t count = 0;
        for (size_t s = 0; s < r->spans; s++) count += span[s].count;
        uint64_t *fired = r->fired + t * r->stride + block;
        if (asked && count != 0 && hit != ~(uint64_t)0)
            hit |= r->reached != 0 ? *fired : nc_dense_reached(r->dense, block, span, r->spans);
        if (asked) r->counts[2 * t] += (uint32_t)NC_POPCOUNT(hit & there);
        *fired = 0;
        if (count == 0 && settled != 0 && clears == 0) continue;
        whole_sums(type, weights, r->exponent, span, r->spans, a);
        const lif_flags f =
            clears != 0 ? lif_block(each, filter, 1, r->lif, &shared, first, a, u, v)
                        : lif_block(each, filter, 0, r->lif, &shared, first, a, u, v);
        *fired = f.fired & there;
        r->counts[2 * t + 1] += (uint32_t)NC_POPCOUNT(f.changed & there);
        const uint64_t large = (f.input | f.current | f.membrane) & there;
        settled = count == 0 && clears == 0 && ((f.fired | f.changed) & there) == 0 && large == 0;
        if (large != 0) count_large(&f, there, r->overflow + 3 * t);
    }
    memcpy(r->u + first, u, bytes);
    memcpy(r->v + first, v, bytes);
}

static NC_TARGET void lif_run_i8(const nc_lif_run *r) {
    for (size_t b = r->first; b < r->end; b++) {
        if (r->lif->per_neuron != 0) lif_column(NC_I8, 1, 1, r, b);
        else if (r->lif->keep_u[0] != 0) lif_column(NC_I8, 0, 1, r, b);
        else lif_column(NC_I8, 0, 0, r, b);
    }
}
static NC_TARGET void lif_run_i16(const nc_lif_run *r) {
    for (size_t b = r->first; b < r->end; b++) lif_column(NC_I16, r->lif->per_neuron, 1, r, b);
}
static void NC_WIDE(nc_lif_run)(const nc_lif_run *r) {
    if (r->dense->type == NC_I8) lif_run_i8(r);
    else lif_run_i16(r);
}

static NC_TARGET size_t NC_WIDE(nc_lif_step)(const nc_lif_step *r) {
    const int32_t each = r->lif->per_neuron;
    const lif_parameters shared = lif_parameters_at(each, r->lif, r->first);
    const int clears = nc_clears(r->lif, r->clock);
    size_t total = 0;
    for (size_t j = r->first; j < r->end; j += NC_COLUMNS) {
        const size_t left = r->end - j;
        const uint64_t there = left >= NC_COLUMNS ? ~(uint64_t)0 : ((uint64_t)1 << left) - 1;
        const size_t bytes = (left < NC_COLUMNS ? left : NC_COLUMNS) * sizeof *r->a;
        int32_t u[NC_COLUMNS] __attribute__((aligned(64))) = {0};
        int32_t v[NC_COLUMNS] __attribute__((aligned(64))) = {0};
        vec_i a[VECTORS] = {{0}};
        memcpy(a, r->a + j, bytes);
        memcpy(u, r->u + j, bytes);
        memcpy(v, r->v + j, bytes);
        const lif_flags f = clears != 0 ? lif_block(each, 1, 1, r->lif, &shared, j, a, u, v)
                                        : lif_block(each, 1, 0, r->lif, &shared, j, a, u, v);
        memcpy(r->u + j, u, bytes);
        memcpy(r->v + j, v, bytes);
        r->fired[j / 64] = f.fired & there;
        count_large(&f, there, r->overflow);
        total += (size_t)NC_POPCOUNT(f.changed & there);
    }
    return total;
}
