// LEB128 varints, many at a time. This is where a gateway's decoder spends its time, so it is written three times:
//
// - `varint`, one at a time, without a loop over its bytes: eight bytes are loaded, the first byte without a top bit is
//   found, PEXT moves the sevens together;
// - `varints_masked`, those that end within 64 bytes, for any machine: their ends are found first, all at once;
// - `varints_wide`, the same with AVX-512 VBMI2, sixteen values at a time.
//
// Both read beyond the end of what they are given: READ_SLACK bytes must be readable there, and the callers compare the
// position with the end behind every group.
#ifndef CEILING_VARINTS_H
#define CEILING_VARINTS_H
#include <stdbool.h>

#include "bits.h"

// A group of sixteen varints of ten bytes each, and the last load.
enum { VARINT_GROUP = 16, READ_SLACK = 256 };

#define TOP_BITS 0x8080808080808080u

// Nine and ten bytes, and what never ends: the value is of no use then, the position moves by ten.
static inline const uint8_t *varint_long(const uint8_t *at, uint64_t *value) {
    uint64_t result = bits_sevens(load64(at));
    unsigned bytes = at[8] < 0x80 ? 9 : 10;
    result |= (uint64_t)(at[8] & 0x7f) << 56;
    if (bytes == 10) result |= (uint64_t)at[9] << 63;
    *value = result;
    return at + bytes;
}

static inline const uint8_t *varint(const uint8_t *at, uint64_t *value) {
    uint64_t word = load64(at);
    if ((word & 0x80) == 0) {
        *value = word & 0x7f;
        return at + 1;
    }
    uint64_t ends = ~word & TOP_BITS;
    if (ends == 0) return varint_long(at, value);
    *value = bits_sevens(word & (ends ^ (ends - 1)));
    return at + ((unsigned)__builtin_ctzll(ends) >> 3) + 1;
}

// 0, 1, 2, 3 … stand for 0, -1, 1, -2 ….
static inline uint64_t unzigzag64(uint64_t value) { return (value >> 1) ^ (0 - (value & 1)); }

// The top bits of eight bytes, as eight bits.
static inline uint64_t top_bits(uint64_t word) { return ((word & TOP_BITS) >> 7) * 0x0102040810204080u >> 56; }

// As many of the next `left` varints as end within 64 bytes, if none of them is longer than four: their number, else 0.
// All 64 places of `values` may be written.
//
// The mask of all ends comes before the first value, so that the place of the next varint is one instruction away and
// not a load, a search and an addition; no branch asks how long any of them is; and the sevens are moved together in a
// loop of their own, which the compiler makes into vectors.
static inline __attribute__((always_inline)) uint32_t varints_masked(
    const uint8_t *at, uint32_t left, bool isSigned, uint32_t *values, uint32_t *bytes) {
    uint64_t last = 0;
    for (unsigned word = 0; word < 8; word++) last |= top_bits(~load64(at + 8 * word)) << (8 * word);
    uint32_t count = (uint32_t)__builtin_popcountll(last), start = 0, isLong = 0;
    if (count > left) count = left;
    for (uint32_t index = 0; index < count; index++, last &= last - 1) {
        uint32_t end = (uint32_t)__builtin_ctzll(last), more = end - start;
        values[index] = load32(at + start) & UINT32_MAX >> ((24 - 8 * more) & 31);
        isLong |= more > 3;
        start = end + 1;
    }
    if (isLong) return 0;
    for (uint32_t index = 0; index < (count + 7) / 8 * 8; index++) {
        uint32_t word = values[index];
        word = (word & 0x7f) | (word >> 1 & 0x3f80) | (word >> 2 & 0x1fc000) | (word >> 3 & 0xfe00000);
        values[index] = isSigned ? (word >> 1) ^ (0 - (word & 1)) : word;
    }
    *bytes = start;
    return count;
}

#if defined(__AVX512VBMI2__) && defined(__AVX512BW__) && defined(__AVX512VL__) && defined(__AVX512VBMI__) && \
    defined(__BMI2__) && defined(__LZCNT__) && defined(__POPCNT__)
#define CEILING_WIDE 1

// Sixteen of the varints in `word`: those that begin at `starts` and have `more` bytes more than one, three at most.
//
//     word    83 01 05 ff 7f …
//     lanes   83 01 .. .. | 05 .. .. .. | ff 7f .. ..      VPERMB: four bytes from each start
//     values  131 | 5 | 16383              what is beyond the end cleared, then two multiply-adds move sevens together
static inline __m512i varints_sixteen(__m512i word, __m128i starts, __m128i more) {
    const __m512i fours = _mm512_set_epi32(
        0x0f0f0f0f, 0x0e0e0e0e, 0x0d0d0d0d, 0x0c0c0c0c, 0x0b0b0b0b, 0x0a0a0a0a, 0x09090909, 0x08080808, 0x07070707,
        0x06060606, 0x05050505, 0x04040404, 0x03030303, 0x02020202, 0x01010101, 0x00000000);
    const __m512i kept = _mm512_castsi128_si512(_mm_set_epi32(0x7f7f7f7f, 0x007f7f7f, 0x00007f7f, 0x0000007f));
    __m512i source = _mm512_shuffle_epi8(_mm512_broadcast_i32x4(starts), fours);
    __m512i lanes = _mm512_permutexvar_epi8(_mm512_add_epi8(source, _mm512_set1_epi32(0x03020100)), word);
    lanes = _mm512_and_si512(lanes, _mm512_permutexvar_epi32(_mm512_cvtepu8_epi32(more), kept));
    __m512i pairs = _mm512_maddubs_epi16(_mm512_set1_epi16((short)0x8001), lanes);
    return _mm512_madd_epi16(pairs, _mm512_set1_epi32(0x40000001));
}

static inline __m512i unzigzag_sixteen(__m512i values) {
    __m512i sign = _mm512_sub_epi32(_mm512_setzero_si512(), _mm512_and_si512(values, _mm512_set1_epi32(1)));
    return _mm512_xor_si512(_mm512_srli_epi32(values, 1), sign);
}

// As many of the next `left` varints as end within 64 bytes, if none of them is longer than four: their number, else 0.
// All 64 places of `values` may be written.
//
// No branch depends on a length, and the next position hangs on a mask and a count of zeros alone, for positions are
// what one column's bytes have to wait for.
static inline __attribute__((always_inline)) uint32_t varints_wide(
    const uint8_t *at, uint32_t left, bool isSigned, uint32_t *values, uint32_t *bytes) {
    const __m512i places = _mm512_set_epi8(
        63, 62, 61, 60, 59, 58, 57, 56, 55, 54, 53, 52, 51, 50, 49, 48, 47, 46, 45, 44, 43, 42, 41, 40, 39, 38, 37, 36,
        35, 34, 33, 32, 31, 30, 29, 28, 27, 26, 25, 24, 23, 22, 21, 20, 19, 18, 17, 16, 15, 14, 13, 12, 11, 10, 9, 8, 7,
        6, 5, 4, 3, 2, 1, 0);
    __m512i word = _mm512_loadu_si512((const void *)at);
    uint64_t last = ~(uint64_t)_mm512_movepi8_mask(word);
    uint32_t count = (uint32_t)_mm_popcnt_u64(last);
    if (count == 0) return 0;
    if (count > left) {
        // Nothing behind the last that is wanted.
        count = left;
        last &= ~0ull >> _lzcnt_u64(_pdep_u64(1ull << (left - 1), last));
    }
    *bytes = 64 - (uint32_t)_lzcnt_u64(last);
    __m512i ends = _mm512_maskz_compress_epi8((__mmask64)last, places);
    __m512i starts = _mm512_maskz_compress_epi8((__mmask64)(last << 1 | 1), places);
    __m512i more = _mm512_sub_epi8(ends, starts);
    if ((_mm512_cmpgt_epu8_mask(more, _mm512_set1_epi8(3)) & (~0ull >> (64 - count))) != 0) return 0;
    for (uint32_t group = 0; group < 4; group++) {
        if (count <= group * 16) break;
        __m128i first = _mm512_castsi512_si128(starts), rest = _mm512_castsi512_si128(more);
        if (group == 1) first = _mm512_extracti32x4_epi32(starts, 1), rest = _mm512_extracti32x4_epi32(more, 1);
        if (group == 2) first = _mm512_extracti32x4_epi32(starts, 2), rest = _mm512_extracti32x4_epi32(more, 2);
        if (group == 3) first = _mm512_extracti32x4_epi32(starts, 3), rest = _mm512_extracti32x4_epi32(more, 3);
        __m512i found = varints_sixteen(word, first, rest);
        _mm512_storeu_si512((void *)(values + group * 16), isSigned ? unzigzag_sixteen(found) : found);
    }
    return count;
}
#endif

static inline __attribute__((always_inline)) uint32_t varints_many(
    const uint8_t *at, uint32_t left, bool isSigned, uint32_t *values, uint32_t *bytes) {
#if CEILING_WIDE
    return varints_wide(at, left, isSigned, values, bytes);
#else
    return varints_masked(at, left, isSigned, values, bytes);
#endif
}

#endif
