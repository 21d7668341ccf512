/* The four functions that a compiler may call by itself, for programs without a C library. Compile
 * with -fno-tree-loop-distribute-patterns, or the loops become calls of themselves. */
#include <string.h>

void *memcpy(void *restrict to, const void *restrict from, size_t n) {
    unsigned char *out = to;
    const unsigned char *in = from;
    for (size_t k = 0; k < n; k++) out[k] = in[k];
    return to;
}

void *memmove(void *to, const void *from, size_t n) {
    unsigned char *out = to;
    const unsigned char *in = from;
    if (out <= in)
        for (size_t k = 0; k < n; k++) out[k] = in[k];
    else
        for (size_t k = n; k-- > 0;) out[k] = in[k];
    return to;
}

void *memset(void *to, int byte, size_t n) {
    unsigned char *out = to;
    for (size_t k = 0; k < n; k++) out[k] = (unsigned char)byte;
    return to;
}

int memcmp(const void *one, const void *other, size_t n) {
    const unsigned char *a = one, *b = other;
    for (size_t k = 0; k < n; k++)
        if (a[k] != b[k]) return a[k] < b[k] ? -1 : 1;
    return 0;
}
