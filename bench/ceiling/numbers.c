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

#if CEILING_WIDE
static inline __m512i unzigzag32(__m512i values) {
    __m512i sign = _mm512_sub_epi32(_mm512_setzero_si512(), _mm512_and_si512(values, _mm512_set1_epi32(1)));
    return _mm512_xor_si512(_mm512_srli_epi32(values, 1), sign);
}

static inline __attribute__((always_inline)) const uint8_t *read32(
    const uint8_t *at, const uint8_t *end, uint32_t rows, bool isSigned, uint32_t *values) {
    for (uint32_t row = 0; row < rows; row += VARINT_GROUP) {
        uint32_t want = smaller(rows - row, VARINT_GROUP);
        __m512i found;
        unsigned bytes;
        if (varints_wide(at, want, &found, &bytes)) {
            _mm512_storeu_si512((void *)(values + row), isSigned ? unzigzag32(found) : found);
            at += bytes;
        } else {
            at = group32(at, want, isSigned, values + row);
        }
        if (at > end) return NULL;
    }
    return at;
}
#else
// Eight one-byte varints in a row are common: flags, small counts.
static inline __attribute__((always_inline)) const uint8_t *read32(
    const uint8_t *at, const uint8_t *end, uint32_t rows, bool isSigned, uint32_t *values) {
    for (uint32_t row = 0; row < rows; row += 8) {
        uint32_t want = smaller(rows - row, 8);
        uint64_t word = load64(at);
        if ((word & TOP_BITS) == 0) {
            for (uint32_t lane = 0; lane < 8; lane++) {
                uint32_t value = word >> (8 * lane) & 0xff;
                values[row + lane] = isSigned ? (value >> 1) ^ (0 - (value & 1)) : value;
            }
            at += want;
        } else {
            at = group32(at, want, isSigned, values + row);
        }
        if (at > end) return NULL;
    }
    return at;
}
#endif

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
        uint32_t want = smaller(rows - row, VARINT_GROUP);
#if CEILING_WIDE
        __m512i found;
        unsigned bytes;
        if (varints_wide(at, want, &found, &bytes)) {
            int32_t steps[VARINT_GROUP];
            _mm512_storeu_si512((void *)steps, unzigzag32(found));
            for (uint32_t lane = 0; lane < want; lane++) {
                value += (uint64_t)(int64_t)steps[lane];
                values[row + lane] = value;
            }
            at += bytes;
            row += want;
            if (at > end) return NULL;
            continue;
        }
#endif
        for (uint32_t lane = 0; lane < want; lane++) {
            uint64_t step;
            at = varint(at, &step);
            value += unzigzag64(step);
            values[row + lane] = value;
        }
        row += want;
        if (at > end) return NULL;
    }
    return at;
}
