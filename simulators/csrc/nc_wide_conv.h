/* Part of nc_wide.h: convolutions, and the neurons that they feed. */
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

/* Distances in floats, read once: behind a vector store the compiler would read them again. */
typedef struct {
    const nc_place *place;
    const uint32_t *row_start, *row_tap, *row_out, *col_start, *col_tap, *col_out;
    size_t wide, out_row, out_place, tap_row, channel, in_group;
} conv_walk;

NC_INLINE conv_walk walk_of(const nc_window *g) {
    return (conv_walk){
        .place = g->place, .row_start = g->row_start, .row_tap = g->row_tap, .row_out = g->row_out,
        .col_start = g->col_start, .col_tap = g->col_tap, .col_out = g->col_out,
        .wide = g->out_stride, .out_place = (size_t)g->groups * g->out_stride,
        .out_row = (size_t)g->ow * g->groups * g->out_stride,
        .tap_row = (size_t)g->kw * g->out_stride,
        .channel = (size_t)g->kh * g->kw * g->out_stride, .in_group = g->c_in / g->groups,
    };
}

/* Output rows first .. end - 1 of acc. */
typedef struct {
    float *acc;
    uint32_t first, end;
} conv_rows;

/* `valued`, `runs` and `clip` (to the rows of `to`) are constants at every call, and with `runs` whether
 * there is a `dirty`. */
NC_INLINE void conv_event(const conv_walk *g, const float *weights, uint32_t event, float value,
                          const int valued, const int runs, const int clip, conv_rows to,
                          uint32_t *dirty) {
    const nc_place at = g->place[event];
    const size_t wide = g->wide;
    const uint32_t q0 = g->col_start[at.x], q1 = g->col_start[at.x + 1];
    uint32_t r0 = g->row_start[at.y], r1 = g->row_start[at.y + 1];
    if (q0 == q1) return;
    if (clip != 0) {
        while (r0 < r1 && g->row_out[r0] < to.first) r0++;
        while (r0 < r1 && g->row_out[r1 - 1] >= to.end) r1--;
    }
    const uint32_t left = g->col_out[q0];
    const float *channel = weights + at.c * g->channel;
    for (uint32_t r = r0; r < r1; r++) {
        const uint32_t oy = g->row_out[r];
        const float *taps = channel + g->row_tap[r] * g->tap_row;
        float *row = to.acc + oy * g->out_row;
        if (dirty != NULL) {
            const uint32_t right = g->col_out[q1 - 1] + 1;
            if (left < dirty[2 * oy]) dirty[2 * oy] = left;
            if (right > dirty[2 * oy + 1]) dirty[2 * oy + 1] = right;
        }
        if (runs != 0) {
            add_run(taps + g->col_tap[q0] * wide, value, valued, (q1 - q0) * wide,
                    row + left * wide);
            continue;
        }
        const size_t group = at.c / g->in_group * wide;
        for (uint32_t q = q0; q < q1; q++)
            add_run(taps + g->col_tap[q] * wide, value, valued, wide,
                    row + g->col_out[q] * g->out_place + group);
    }
}

NC_INLINE void conv_events(const nc_window *g, const float *weights, const nc_span *span,
                           const int valued, const int runs, const int clip, conv_rows to,
                           uint32_t *dirty) {
    const conv_walk walk = walk_of(g);
    const uint32_t *idx = span->idx;
    const float *val = span->val;
    const size_t n = span->count;
    for (size_t k = 0; k < n; k++)
        conv_event(&walk, weights, idx[k], valued != 0 ? val[k] : 1.0f, valued, runs, clip, to,
                   dirty);
}

static NC_TARGET void NC_WIDE(nc_conv_sum)(const nc_window *g, const float *weights,
                                           const nc_span *span, uint32_t first, uint32_t end,
                                           float *acc, uint32_t *dirty) {
    const conv_rows to = {acc, first, end};
    const int valued = span->val != NULL, all = first == 0 && end == g->oh;
    if (dirty == NULL && g->runs != 0 && all) {
        if (valued == 0) conv_events(g, weights, span, 0, 1, 0, to, NULL);
        else conv_events(g, weights, span, 1, 1, 0, to, NULL);
    } else if (dirty == NULL && g->runs != 0) {
        if (valued == 0) conv_events(g, weights, span, 0, 1, 1, to, NULL);
        else conv_events(g, weights, span, 1, 1, 1, to, NULL);
    } else if (g->runs != 0 && all) {
        if (valued == 0) conv_events(g, weights, span, 0, 1, 0, to, dirty);
        else conv_events(g, weights, span, 1, 1, 0, to, dirty);
    } else if (g->runs != 0) {
        if (valued == 0) conv_events(g, weights, span, 0, 1, 1, to, dirty);
        else conv_events(g, weights, span, 1, 1, 1, to, dirty);
    } else {
        if (valued == 0) conv_events(g, weights, span, 0, 0, 1, to, dirty);
        else conv_events(g, weights, span, 1, 0, 1, to, dirty);
    }
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
    size_t touched = 0;
    vec_i changed = {0};
    for (size_t j = r->first; j < r->end; j += NC_COLUMNS) {
        const size_t left = r->end - j;
        const uint64_t there = left >= NC_COLUMNS ? ~(uint64_t)0 : ((uint64_t)1 << left) - 1;
        float x[NC_COLUMNS] __attribute__((aligned(64)));
        uint64_t hit = r->always == NULL ? 0 : r->always[j / 64];
#pragma GCC unroll 16
        for (size_t k = 0; k < NC_COLUMNS; k += (size_t)NC_LANES) {
            const vec_f sum = load_f(r->acc + j + k);
            hit |= (uint64_t)bits_in(differ(bits_of(sum), (vec_i){0} + INT32_MIN)) << k;
            vec_f in = sum * r->scale + 0.0f;
            if (r->bias != NULL) in += load_f(r->bias + j + k);
            store_f(x + k, in);
            store_f(r->acc + j + k, empty);
        }
        hot_block(form, each, r->hot, &shared, j, left, x, r->v + j, r->i == NULL ? NULL : r->i + j,
                  r->fired + j / 64, &changed);
        touched += (size_t)NC_POPCOUNT(hit & there);
    }
    *r->touched = touched;
    *r->changed = total(changed);
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
