/* Part of nc_wide.h: dense projections, and the neurons that they feed. */
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

/* The sums of no more than MOST_I8 rows. */
NC_INLINE void few_rows_i8(const void *block, const nc_span *span, vec_i *sum) {
#ifdef NC_MASKS /* they never leave the registers */
    const uint8_t *rows = block;
    vec_s all = {0}, high = {0};
    for (size_t k = 0; k < span->count; k++) {
        const vec_s words = *(const any_s *)(rows + (size_t)span->idx[k] * NC_COLUMNS);
        all = (vec_s)((vec_us)all + (vec_us)words); /* may wrap */
        high += words >> 8;
    }
    const __m512i low = (__m512i)((vec_us)all - ((vec_us)high << 8)), top = (__m512i)high;
    const vec_i lift = (vec_i){0} + 128 * (int32_t)span->count;
    sum[0] = (vec_i)_mm512_cvtepu16_epi32(_mm512_castsi512_si256(low)) - lift;
    sum[1] = (vec_i)_mm512_cvtepu16_epi32(_mm512_extracti64x4_epi64(low, 1)) - lift;
    sum[2] = (vec_i)_mm512_cvtepi16_epi32(_mm512_castsi512_si256(top));
    sum[3] = (vec_i)_mm512_cvtepi16_epi32(_mm512_extracti64x4_epi64(top, 1));
#else
    int32_t words[NC_COLUMNS] __attribute__((aligned(64)));
    memset(words, 0, sizeof words);
    rows_i8(block, span->idx, span->count, words);
    memcpy(sum, words, sizeof words);
#endif
}

/* As rows_i8 for int16: 64 weights in 32 words of 32 bits, the low half plus 32768. */
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

/* The sums of a block, shifted. */
NC_INLINE void whole_sums(const int32_t type, const void *block, int32_t exponent, const nc_span *span,
                          size_t spans, vec_i *a) {
    if (type == NC_I8 && spans == 1 && span->count <= MOST_I8) {
        few_rows_i8(block, span, a);
    } else {
        int32_t sum[NC_COLUMNS] __attribute__((aligned(64)));
        memset(sum, 0, sizeof sum);
        for (size_t s = 0; s < spans; s++) {
            if (type == NC_I8) rows_i8(block, span[s].idx, span[s].count, sum);
            else rows_i16(block, span[s].idx, span[s].count, sum);
        }
        memcpy(a, sum, sizeof sum);
    }
    for (int n = 0; n < VECTORS && exponent != 0; n++)
        a[n] = exponent > 0 ? (vec_i)((vec_u)a[n] << (uint32_t)exponent) : a[n] >> -exponent;
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
    vec_i sum[VECTORS];
    whole_sums(type, block, 0, span, spans, sum);
    for (int v = 0; v < VECTORS; v++)
        store_f(x + v * NC_LANES, __builtin_convertvector(sum[v], vec_f) * scale);
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

/* ---- whom the events of a frame reach ---- */

enum { WORDS = NC_LANES / 2 }; /* of 64 bits, in a vector */

/* The words of one block and frame; those of `known` are not waited for. */
NC_INLINE uint64_t reached_word(const nc_dense *d, size_t block, const nc_span *span, size_t spans,
                                uint64_t known) {
    uint64_t hit = known;
    for (size_t s = 0; s < spans; s++) {
        for (size_t k = 0; k < span[s].count; k++) {
            hit |= d->mask[span[s].idx[k] * d->blocks + block];
            if (hit == ~(uint64_t)0) return hit;
        }
    }
    return hit;
}

/* The same of WORDS blocks; returns how many bits are set. A few events reach everybody, mostly. */
NC_INLINE uint32_t reached_words(const nc_dense *d, size_t block, const nc_span *span, size_t spans,
                                 uint64_t *out) {
    vec_i hit = {0};
    for (size_t s = 0; s < spans; s++) {
        for (size_t k = 0; k < span[s].count; k++) {
            const uint64_t *row = d->mask + span[s].idx[k] * d->blocks + block;
            hit |= *(const any_i *)(const void *)row;
            if (bits_in(differ(hit, (vec_i){0} - 1)) == 0) {
                memcpy(out, &hit, sizeof hit);
                return 64 * WORDS;
            }
        }
    }
    memcpy(out, &hit, sizeof hit);
    uint32_t count = 0;
    for (int k = 0; k < WORDS; k++) count += (uint32_t)NC_POPCOUNT(out[k]);
    return count;
}

static NC_TARGET int NC_WIDE(nc_reached_frames)(const nc_dense *d, size_t first, size_t end,
                                                const nc_span *span, size_t spans, size_t frames,
                                                uint64_t *hit, size_t stride, uint32_t *counts) {
    if (d->mask == NULL || d->full != 0 || first >= end) return 0;
    const size_t last = d->n_out / NC_COLUMNS; /* the block that has columns beyond n_out, if any does */
    const size_t whole = end <= last ? end : last;
    const uint64_t beyond = end <= last ? 0 : ~(uint64_t)0 << d->n_out % NC_COLUMNS;
    for (size_t t = 0; t < frames; t++, span += spans, hit += stride) {
        uint32_t count = 0;
        size_t b = first;
        for (; b + WORDS <= whole; b += WORDS) count += reached_words(d, b, span, spans, hit + b);
        for (; b < end; b++) {
            const uint64_t known = b == last ? beyond : 0;
            hit[b] = reached_word(d, b, span, spans, known);
            count += (uint32_t)NC_POPCOUNT(hit[b] & ~known);
        }
        if (counts != NULL) counts[2 * t] += count;
    }
    return counts != NULL ? NC_REACHED_COUNTED : NC_REACHED_BITS;
}

/* ---- a dense projection and its neurons ---- */

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
    const int asked = r->reached != NC_REACHED_COUNTED;
    int settled = 0;
    size_t until = r->frames;
    for (size_t t = 0; t < r->frames; t++) {
        const nc_span *span = r->span + t * r->spans;
        const int biased = t >= r->bias_from;
        const uint64_t *always = biased ? r->always_biased : r->always;
        uint64_t hit = always == NULL ? 0 : always[block];
        uint64_t *fired = r->fired + t * r->stride + block;
        size_t count = 0, changed = 0;
        for (size_t s = 0; s < r->spans; s++) count += span[s].count;
        if (asked && count != 0 && hit != ~(uint64_t)0)
            hit |= r->reached != 0 ? *fired : nc_dense_reached(r->dense, block, span, r->spans);
        if (count != 0 || settled == 0 || t == r->bias_from) {
            block_sums(type, block_of(r->dense, block), left, r->dense->scale, span, r->spans, x);
            if (biased && r->bias != NULL)
                for (int k = 0; k < NC_COLUMNS; k += NC_LANES)
                    store_f(x + k, load_f(x + k) + load_f(r->bias + first + (size_t)k));
            vec_i moved = {0};
            hot_block(form, each, r->hot, &shared, first, left, x, v, i, fired, &moved);
            changed = total(moved);
            settled = count == 0 && changed == 0 && *fired == 0;
        } else {
            *fired = 0;
        }
        if (asked) r->counts[2 * t] += (uint32_t)NC_POPCOUNT(hit & there);
        r->counts[2 * t + 1] += (uint32_t)changed;
        if (settled != 0 && t + 1 >= r->eventful && t >= r->bias_from && always == NULL) {
            until = t + 1; /* nothing happens any more */
            while (++t < r->frames) r->fired[t * r->stride + block] = 0;
        }
    }
    if (until > *r->until) *r->until = until;
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
