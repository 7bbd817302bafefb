// LEB128 varints, many at a time. This is where a gateway's decoder spends its time, so it is written twice:
//
// - `varint`, one at a time, without a loop over its bytes: eight bytes are loaded, the first byte without a top bit is
//   found, PEXT moves the sevens together;
// - `varints_wide`, sixteen at a time with AVX-512 VBMI2, where the machine has it: no branch depends on a length.
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
#define LOW_SEVENS 0x7f7f7f7f7f7f7f7fu

// Nine and ten bytes, and what never ends: the value is of no use then, the position moves by ten.
static inline const uint8_t *varint_long(const uint8_t *at, uint64_t *value) {
    uint64_t result = bits_gather(load64(at), LOW_SEVENS);
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
    *value = bits_gather(word & (ends ^ (ends - 1)), LOW_SEVENS);
    return at + ((unsigned)__builtin_ctzll(ends) >> 3) + 1;
}

// 0, 1, 2, 3 … stand for 0, -1, 1, -2 ….
static inline uint64_t unzigzag64(uint64_t value) { return (value >> 1) ^ (0 - (value & 1)); }

#if defined(__AVX512VBMI2__) && defined(__AVX512BW__) && defined(__AVX512VL__) && defined(__AVX512VBMI__)
#define CEILING_WIDE 1

// The first `want` (1 to 16) varints at `at`, if none is longer than four bytes: their values, and their bytes in all.
// Lanes beyond `want` hold anything.
//
//     bytes   83 01 | 05 | ff 7f …         top bits say where each ends
//     ends        1 |  2 |     4           VPCOMPRESSB of 0, 1, 2 … under them
//     lanes   83 01 .. .. | 05 .. .. .. | ff 7f .. ..      VPERMB, four bytes from each start
//     values  131 | 5 | 16383              what is beyond the end cleared, then two multiply-adds move sevens together
static inline bool varints_wide(const uint8_t *at, unsigned want, __m512i *values, unsigned *bytes) {
    const __m512i places = _mm512_set_epi8(
        63, 62, 61, 60, 59, 58, 57, 56, 55, 54, 53, 52, 51, 50, 49, 48, 47, 46, 45, 44, 43, 42, 41, 40, 39, 38, 37, 36,
        35, 34, 33, 32, 31, 30, 29, 28, 27, 26, 25, 24, 23, 22, 21, 20, 19, 18, 17, 16, 15, 14, 13, 12, 11, 10, 9, 8, 7,
        6, 5, 4, 3, 2, 1, 0);
    const __m512i fours = _mm512_set_epi32(
        0x0f0f0f0f, 0x0e0e0e0e, 0x0d0d0d0d, 0x0c0c0c0c, 0x0b0b0b0b, 0x0a0a0a0a, 0x09090909, 0x08080808, 0x07070707,
        0x06060606, 0x05050505, 0x04040404, 0x03030303, 0x02020202, 0x01010101, 0x00000000);
    const __m512i steps = _mm512_set1_epi32(0x03020100);
    const __m512i kept = _mm512_castsi128_si512(_mm_set_epi32(0x7f7f7f7f, 0x007f7f7f, 0x00007f7f, 0x0000007f));

    __m512i word = _mm512_loadu_si512((const void *)at);
    uint64_t last = ~(uint64_t)_mm512_movepi8_mask(word);
    // 65 where the last of them does not end within these 64 bytes.
    *bytes = (unsigned)_tzcnt_u64(bits_spread(1ull << (want - 1), last)) + 1;
    __m128i ends = _mm512_castsi512_si128(_mm512_maskz_compress_epi8((__mmask64)last, places));
    __m128i before = _mm_alignr_epi8(ends, _mm_set1_epi8(-1), 15);
    __m128i starts = _mm_sub_epi8(before, _mm_set1_epi8(-1));
    __m128i more = _mm_sub_epi8(ends, starts);
    uint32_t isLong = _mm_cmpgt_epu8_mask(more, _mm_set1_epi8(3)) & (0xffffu >> (16 - want));
    if (*bytes > 64 || isLong != 0) return false;
    __m512i source = _mm512_shuffle_epi8(_mm512_broadcast_i32x4(starts), fours);
    __m512i lanes = _mm512_permutexvar_epi8(_mm512_add_epi8(source, steps), word);
    lanes = _mm512_and_si512(lanes, _mm512_permutexvar_epi32(_mm512_cvtepu8_epi32(more), kept));
    __m512i pairs = _mm512_maddubs_epi16(_mm512_set1_epi16((short)0x8001), lanes);
    *values = _mm512_madd_epi16(pairs, _mm512_set1_epi32(0x40000001));
    return true;
}
#endif

#endif
