#include "numbers.h"

// One group by the way that takes every length.
static inline const uint8_t *group32(const uint8_t *at, uint32_t want, bool isSigned, uint32_t *values) {
    for (uint32_t row = 0; row < want; row++) {
        uint64_t value;
        at = varint(at, &value);
        values[row] = (uint32_t)(isSigned ? unzigzag64(value) : value);
    }
    return at;
}

static inline uint32_t smaller(uint32_t left, uint32_t right) { return left < right ? left : right; }

static inline __attribute__((always_inline)) const uint8_t *read32(
    const uint8_t *at, const uint8_t *end, uint32_t rows, bool isSigned, uint32_t *values) {
    for (uint32_t row = 0; row < rows;) {
        uint32_t bytes, count = varints_many(at, rows - row, isSigned, values + row, &bytes);
        if (count > 0) {
            at += bytes;
        } else {
            count = smaller(rows - row, VARINT_GROUP);
            at = group32(at, count, isSigned, values + row);
        }
        row += count;
        if (at > end) return NULL;
    }
    return at;
}

const uint8_t *numbers_read32(
    const uint8_t *at, const uint8_t *end, uint32_t rows, bool isSigned, uint32_t *values) {
    return isSigned ? read32(at, end, rows, true, values) : read32(at, end, rows, false, values);
}

const uint8_t *numbers_read64(const uint8_t *at, const uint8_t *end, uint32_t rows, uint64_t *values) {
    for (uint32_t row = 0; row < rows; row++) {
        at = varint(at, values + row);
        if (at > end) return NULL;
    }
    return at;
}

const uint8_t *numbers_read_deltas(const uint8_t *at, const uint8_t *end, uint32_t rows, uint64_t *values) {
    uint64_t value;
    at = varint(at, &value);
    if (at > end) return NULL;
    values[0] = value;
    for (uint32_t row = 1; row < rows;) {
        uint32_t steps[64], bytes, count = varints_many(at, rows - row, true, steps, &bytes);
        if (count > 0) {
            at += bytes;
            for (uint32_t lane = 0; lane < count; lane++) {
                value += (uint64_t)(int64_t)(int32_t)steps[lane];
                values[row + lane] = value;
            }
        } else {
            count = smaller(rows - row, VARINT_GROUP);
            for (uint32_t lane = 0; lane < count; lane++) {
                uint64_t step;
                at = varint(at, &step);
                value += unzigzag64(step);
                values[row + lane] = value;
            }
        }
        row += count;
        if (at > end) return NULL;
    }
    return at;
}
