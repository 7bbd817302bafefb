// XXH3, compiled into the caller: the chain hashes about a hundred bytes an
// event, and a call across the library's border would cost as much as the hash.
#ifndef TALLY_CXXHASH_SHIM_H
#define TALLY_CXXHASH_SHIM_H
#define XXH_INLINE_ALL
#include <xxhash.h>
static inline unsigned long long tally_xxh3_64(const void *bytes, size_t count) {
    return XXH3_64bits(bytes, count);
}
static inline unsigned long long tally_xxh3_64_seeded(const void *bytes, size_t count, unsigned long long seed) {
    return XXH3_64bits_withSeed(bytes, count, seed);
}
#endif
