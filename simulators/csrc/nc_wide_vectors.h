/* Part of nc_wide.h: whole vectors. */
/* ---- whole vectors ---- */

enum { NC_SUMS_FLOATS, NC_SUMS_PACKED, NC_SUMS_RAISED, NC_SUMS_WHOLE };

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

NC_INLINE vec_i unpacked(vec_i packed, uint32_t shift) {
    return (vec_i)((vec_u)packed << (32 - shift)) >> (32 - shift);
}

static NC_TARGET void NC_WIDE(nc_scale_packed)(size_t n, float scale, uint32_t shift, const int32_t *acc,
                                        float *out) {
    size_t j = 0;
    for (; j + NC_LANES <= n; j += NC_LANES) {
        const vec_i packed = *(const any_i *)(acc + j);
        const vec_f value = __builtin_convertvector(unpacked(packed, shift), vec_f) * scale;
        store_f(out + j, pick(differ(packed, (vec_i){0}), value, all_f(NC_UNTOUCHED)));
    }
    for (; j < n; j++)
        out[j] = acc[j] == 0 ? NC_UNTOUCHED : (float)nc_unpacked(acc[j], shift) * scale;
}

/* What one step's sums are to neurons j .. j + NC_LANES - 1; those that were touched count. */
NC_INLINE vec_f sums_vector(const int kind, const int biased, const nc_sums *s, size_t j,
                            vec_i *touched) {
    vec_f in;
    if (kind == NC_SUMS_FLOATS) {
        const vec_f sum = load_f(s->floats + j);
        *touched = counted(*touched, differ(bits_of(sum), (vec_i){0} + INT32_MIN));
        in = sum * s->scale + 0.0f;
    } else if (kind == NC_SUMS_RAISED) {
        const vec_i sum = load_i(s->packed + j);
        *touched = counted(*touched, differ(sum, (vec_i){0}));
        const vec_i raised = (vec_i)((vec_u)sum << (32 - s->shift));
        in = __builtin_convertvector(raised, vec_f) * s->scale + 0.0f;
    } else if (kind == NC_SUMS_PACKED) {
        const vec_i sum = load_i(s->packed + j);
        *touched = counted(*touched, differ(sum, (vec_i){0}));
        in = __builtin_convertvector(unpacked(sum, s->shift), vec_f) * s->scale + 0.0f;
    } else {
        in = __builtin_convertvector(load_i(s->whole + j), vec_f) * s->scale + 0.0f;
    }
    return biased != 0 ? in + load_f(s->bias + j) : in;
}

NC_INLINE size_t sums_all(const int kind, const int biased, const nc_sums *s, size_t first, size_t end,
                          float *out) {
    vec_i touched = {0};
    size_t j = first;
    for (; j + NC_LANES <= end; j += NC_LANES)
        store_f(out + j, sums_vector(kind, biased, s, j, &touched));
    size_t count = total(touched);
    for (; j < end; j++) {
        float in;
        if (kind == NC_SUMS_FLOATS) {
            uint32_t bits;
            memcpy(&bits, s->floats + j, sizeof bits);
            count += bits != 0x80000000u;
            in = s->floats[j] * s->scale + 0.0f;
        } else if (kind == NC_SUMS_RAISED) {
            count += s->packed[j] != 0;
            const uint32_t raised = (uint32_t)s->packed[j] << (32 - s->shift);
            in = (float)(int32_t)raised * s->scale + 0.0f;
        } else if (kind == NC_SUMS_PACKED) {
            count += s->packed[j] != 0;
            in = (float)nc_unpacked(s->packed[j], s->shift) * s->scale + 0.0f;
        } else {
            in = (float)s->whole[j] * s->scale + 0.0f;
        }
        out[j] = biased != 0 ? in + s->bias[j] : in;
    }
    return count;
}

static NC_TARGET size_t NC_WIDE(nc_sums_in)(const nc_sums *s, size_t first, size_t end, float *out) {
    if (s->floats != NULL)
        return s->bias != NULL ? sums_all(NC_SUMS_FLOATS, 1, s, first, end, out)
                               : sums_all(NC_SUMS_FLOATS, 0, s, first, end, out);
    /* The sum where it stands, times 2^(32 - shift): one shift less, and the same product. It rounds alike
     * as long as the scale stays a normal number. */
    const float lowered = s->packed == NULL ? 0 : s->scale / (float)((uint64_t)1 << (32 - s->shift));
    if (lowered >= 0x1p-126f) {
        nc_sums raised = *s;
        raised.scale = lowered;
        return s->bias != NULL ? sums_all(NC_SUMS_RAISED, 1, &raised, first, end, out)
                               : sums_all(NC_SUMS_RAISED, 0, &raised, first, end, out);
    }
    if (s->packed != NULL)
        return s->bias != NULL ? sums_all(NC_SUMS_PACKED, 1, s, first, end, out)
                               : sums_all(NC_SUMS_PACKED, 0, s, first, end, out);
    return s->bias != NULL ? sums_all(NC_SUMS_WHOLE, 1, s, first, end, out)
                           : sums_all(NC_SUMS_WHOLE, 0, s, first, end, out);
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

/* The bits of a word. Four at a time, whether there are any or not: where few fire, whether a word has
 * one is hard to foretell. What is beyond the last does not count. */
NC_INLINE uint32_t set_bits(uint64_t left, uint32_t base, uint32_t *idx) {
    const uint32_t most = (uint32_t)NC_POPCOUNT(left);
    uint32_t done = 0;
    do {
        for (int k = 0; k < 4; k++) {
            const uint64_t some = left | (uint64_t)1 << 63;
            *idx++ = base + (uint32_t)__builtin_ctzll(some);
            left &= left - 1;
        }
        done += 4;
    } while (done < most);
    return most;
}

enum { TOGETHER = 4 };
/* The places of the set bits of flags[words], plus 64 `first`; room in idx as above. Words are passed
 * over together where none has a bit: most of them have where neurons fire at all. */
static NC_TARGET size_t NC_WIDE(nc_events_of_bits)(size_t words, size_t first, const uint64_t *flags,
                                                   uint32_t *idx) {
    size_t count = 0;
    for (size_t w = 0; w < words; w += TOGETHER) {
        const size_t end = words - w < TOGETHER ? words : w + TOGETHER;
        uint64_t any = 0;
        for (size_t k = w; k < end; k++) any |= flags[k];
        if (any == 0) continue;
        for (size_t k = w; k < end; k++)
            count += set_bits(flags[k], (uint32_t)((first + k) * 64), idx + count);
    }
    return count;
}
