/* Whole vectors: adding parts, scaling, counting flags, finding events. */
#include "nc_kernel.h"

#include <string.h>

void nc_add_f32(size_t n, const float *restrict part, float *restrict total) {
    for (size_t j = 0; j < n; j++) total[j] += part[j];
}

void nc_divide_f32(size_t n, float divisor, float *restrict total) {
    for (size_t j = 0; j < n; j++) total[j] /= divisor;
}

void nc_divide_planes_f32(size_t planes, size_t n, const float *restrict divisors,
                          float *restrict total) {
    for (size_t c = 0; c < planes; c++)
        for (size_t j = 0; j < n; j++) total[c * n + j] /= divisors[j];
}

void nc_scale_f32(size_t n, float scale, float *restrict total) {
    for (size_t j = 0; j < n; j++) total[j] *= scale;
}

void nc_scale_i64(size_t n, float scale, const int64_t *restrict acc, float *restrict out) {
    for (size_t j = 0; j < n; j++) out[j] = (float)acc[j] * scale;
}

void nc_or_u8(size_t n, const uint8_t *restrict flags, uint8_t *restrict touched) {
    for (size_t j = 0; j < n; j++) touched[j] |= flags[j];
}

size_t nc_count_u8(size_t n, const uint8_t *restrict flags) {
    size_t total = 0;
    for (size_t j = 0; j < n;) { /* chunks that cannot overflow a narrow sum, which vectorises */
        const size_t end = n - j < 32768 ? n : j + 32768;
        uint16_t some = 0;
        for (; j < end; j++) some = (uint16_t)(some + flags[j]);
        total += some;
    }
    return total;
}

int nc_within_f32(size_t n, const float *restrict val, float limit) {
    int within = 1;
    for (size_t j = 0; j < n; j++) within &= val[j] <= limit && val[j] >= -limit; /* NaN: 0 */
    return within;
}

int nc_at_least_f32(size_t n, const float *restrict val, float limit) {
    int within = 1;
    for (size_t j = 0; j < n; j++) within &= val[j] >= limit && val[j] <= 3.0e38f; /* NaN: 0 */
    return within;
}

size_t nc_nonzero_f32(size_t n, const float *restrict x, uint8_t *restrict touched) {
    size_t total = 0;
    if (touched != NULL)
        for (size_t j = 0; j < n; j++) touched[j] |= (uint8_t)(x[j] != 0.0f);
    for (size_t j = 0; j < n;) { /* in chunks that a narrow sum holds, which vectorises */
        const size_t end = n - j < 32768 ? n : j + 32768;
        uint32_t some = 0;
        for (; j < end; j++) some += x[j] != 0.0f ? 1u : 0u;
        total += some;
    }
    return total;
}

uint32_t nc_bits_set(uint64_t bits) {
    bits -= bits >> 1 & 0x5555555555555555u;
    bits = (bits & 0x3333333333333333u) + (bits >> 2 & 0x3333333333333333u);
    bits = (bits + (bits >> 4)) & 0x0F0F0F0F0F0F0F0Fu;
    return (uint32_t)(bits * 0x0101010101010101u >> 56);
}

void nc_bytes_of_bits(size_t n, const uint64_t *restrict flags, uint8_t *restrict bytes) {
    for (size_t j = 0; j < n; j++) bytes[j] = (uint8_t)(flags[j / 64] >> (j % 64) & 1);
}

size_t nc_events_of_u8(size_t n, const uint8_t *restrict fired, uint32_t *restrict idx) {
    size_t count = 0, j = 0;
    for (; j + 8 <= n; j += 8) {
        uint64_t eight;
        memcpy(&eight, fired + j, sizeof eight);
        if (eight == 0) continue;
        for (size_t b = j; b < j + 8; b++) {
            idx[count] = (uint32_t)b;
            count += fired[b];
        }
    }
    for (; j < n; j++) {
        idx[count] = (uint32_t)j; /* count <= j < n: never past the end */
        count += fired[j];
    }
    return count;
}
