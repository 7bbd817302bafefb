// Loads of any alignment, and the two instructions that make packed integers cheap (BMI2's PEXT and PDEP), with
// shifts in their place where a machine lacks them.
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

// The low seven bits of each byte, moved together.
static inline uint64_t bits_sevens(uint64_t word) {
#if defined(__BMI2__)
    return _pext_u64(word, 0x7f7f7f7f7f7f7f7fu);
#else
    word = (word & 0x007f007f007f007fu) | (word & 0x7f007f007f007f00u) >> 1;
    word = (word & 0x00003fff00003fffu) | (word & 0x3fff00003fff0000u) >> 2;
    return (word & 0x000000000fffffffu) | (word & 0x0fffffff00000000u) >> 4;
#endif
}

// The lowest values of `bits` bits, spread to one in each `lane` bits of the result.
static inline uint64_t bits_lanes(uint64_t word, unsigned bits, unsigned lane) {
    uint64_t value = (1ull << bits) - 1;
#if defined(__BMI2__)
    uint64_t every = lane == 8 ? 0x0101010101010101u : 0x0001000100010001u;
    return _pdep_u64(word, every * value);
#else
    uint64_t result = 0;
    for (unsigned at = 0, shift = 0; at < 64; at += lane, shift += bits) result |= (word >> shift & value) << at;
    return result;
#endif
}

#endif
