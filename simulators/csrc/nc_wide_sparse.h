/* Part of nc_wide.h: sparse rows over many steps, and the neurons that they feed. */
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
        vec_i changed = {0};
        for (size_t k = 0; k < columns; k++) x[k] = (float)sum[k * NC_STEPS] * r->scale;
        if (biased && r->bias != NULL)
            for (int k = 0; k < NC_COLUMNS; k += NC_LANES)
                store_f(x + k, load_f(x + k) + load_f(r->bias + first + (size_t)k));
        hot_block(form, each, r->hot, &shared, first, columns, x, v, i,
                  r->fired + t * r->stride + block, &changed);
        r->counts[2 * t + 1] += (uint32_t)total(changed);
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
