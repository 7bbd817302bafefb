// Columns of varints into arrays: counts, residuals, reported costs, times. Each returns the position behind the
// column, or a null pointer where the body ends within it.
#ifndef CEILING_NUMBERS_H
#define CEILING_NUMBERS_H
#include "varints.h"

// Values modulo 2^32; with `isSigned`, zigzag ones.
const uint8_t *numbers_read32(
    const uint8_t *at, const uint8_t *end, uint32_t rows, bool isSigned, uint32_t *values);

const uint8_t *numbers_read64(const uint8_t *at, const uint8_t *end, uint32_t rows, uint64_t *values);

// The first value, then differences.
const uint8_t *numbers_read_deltas(const uint8_t *at, const uint8_t *end, uint32_t rows, uint64_t *values);

#endif
