// Loads of any alignment, and the two instructions that make packed integers cheap (BMI2's PEXT and PDEP), with plain
// loops in their place where a machine lacks them.
#ifndef CEILING_BITS_H
#define CEILING_BITS_H
#include <stdint.h>
#include <string.h>

#if defined(__BMI2__)
#include <immintrin.h>
#endif

static inline uint16_t load16(const uint8_t *at) {
    uint16_t value;
    memcpy(&value, at, sizeof value);
    return value;
}

static inline uint32_t load32(const uint8_t *at) {
    uint32_t value;
    memcpy(&value, at, sizeof value);
    return value;
}

static inline uint64_t load64(const uint8_t *at) {
    uint64_t value;
    memcpy(&value, at, sizeof value);
    return value;
}

static inline void store16(uint8_t *at, uint16_t value) { memcpy(at, &value, sizeof value); }
static inline void store32(uint8_t *at, uint32_t value) { memcpy(at, &value, sizeof value); }
static inline void store64(uint8_t *at, uint64_t value) { memcpy(at, &value, sizeof value); }

// The bits of `word` under `mask`, moved together.
static inline uint64_t bits_gather(uint64_t word, uint64_t mask) {
#if defined(__BMI2__)
    return _pext_u64(word, mask);
#else
    uint64_t result = 0;
    for (unsigned shift = 0; mask; shift++, mask &= mask - 1) result |= (uint64_t)((word & mask & -mask) != 0) << shift;
    return result;
#endif
}

// The low bits of `word`, spread to where `mask` has ones.
static inline uint64_t bits_spread(uint64_t word, uint64_t mask) {
#if defined(__BMI2__)
    return _pdep_u64(word, mask);
#else
    uint64_t result = 0;
    for (; mask; word >>= 1, mask &= mask - 1) result |= (word & 1) ? mask & -mask : 0;
    return result;
#endif
}

#endif
