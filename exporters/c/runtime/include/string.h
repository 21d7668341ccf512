/* What the kernel uses of <string.h>, for compilers that come without a C library. */
#ifndef NC_STRING_H
#define NC_STRING_H

#include <stddef.h>

void *memcpy(void *restrict to, const void *restrict from, size_t n);
void *memmove(void *to, const void *from, size_t n);
void *memset(void *to, int byte, size_t n);
int memcmp(const void *one, const void *other, size_t n);

#endif
