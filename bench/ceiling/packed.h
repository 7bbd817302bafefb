// Values of a few bits each, lowest bits first: enums and dictionary indices. Eight values fill as many bytes as one
// has bits, so PDEP spreads a group of eight at once.
#ifndef CEILING_PACKED_H
#define CEILING_PACKED_H
#include "bits.h"

static inline uint32_t packed_bytes(uint32_t rows, unsigned bits) { return (rows * bits + 7) / 8; }

// Up to 8 bits into a byte each. Reads and writes up to eight bytes more than it has to.
static inline void packed_bytes8(const uint8_t *at, uint32_t rows, unsigned bits, uint8_t *values) {
    for (uint32_t row = 0; row < rows; row += 8, at += bits) store64(values + row, bits_lanes(load64(at), bits, 8));
}

// Up to 12 bits into two bytes each. Reads up to eight bytes more than it has to, writes up to sixteen.
static inline void packed_words16(const uint8_t *at, uint32_t rows, unsigned bits, uint16_t *values) {
    for (uint32_t row = 0; row < rows; row += 8, at += bits) {
        uint64_t first = bits_lanes(load64(at), bits, 16);
        uint64_t second = bits_lanes(load64(at + bits / 2) >> (4 * (bits & 1)), bits, 16);
        memcpy(values + row, &first, sizeof first);
        memcpy(values + row + 4, &second, sizeof second);
    }
}

#endif
