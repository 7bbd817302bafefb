// Two words into one through a 128-bit product, as the gateway's tables hash.
#ifndef CEILING_FOLD_H
#define CEILING_FOLD_H
#include <stdint.h>

static inline uint64_t fold(uint64_t left, uint64_t right) {
    __extension__ unsigned __int128 product = (unsigned __int128)left * right;
    return (uint64_t)(product >> 64) ^ (uint64_t)product;
}

#endif
