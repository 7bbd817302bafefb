// A raw body (protocol/SPEC.md section 4) as arrays, one for each column.
#ifndef CEILING_BODY_H
#define CEILING_BODY_H
#include <stdbool.h>

#include "tables.h"
#include "varints.h"

enum {
    // Whole groups are written: rows beyond the last one hold anything.
    ROWS = BATCH_EVENTS_MAX + 64,
    COUNT_FIRST = COLUMN_INPUT_TOKENS,
    COUNT_LAST = COLUMN_CONTEXT_TOKENS,
    COUNTS = COUNT_LAST - COUNT_FIRST + 1,
};

// An id16 or label column: an entry number for each row. With `hasAbsent`, 0 is absent and entry n has number n + 1.
typedef struct {
    const uint16_t *indices;
    // Numbers in use: entries, and one for absent.
    uint32_t numbers;
    bool hasAbsent;
    // id16: the entries, one behind the other. Label: `entries[n]` from its length byte on.
    const uint8_t *ids;
    const uint8_t *labels[BATCH_EVENTS_MAX];
    uint16_t own[ROWS];
} dictionary;

typedef struct {
    uint32_t rows;
    // Bit `id` is set for each column of the body.
    uint32_t present;
    uint64_t time[ROWS];
    dictionary session, project, model;
    uint64_t reported[ROWS];
    // Enum columns by id; valid where present.
    uint8_t enums[COLUMN_MAX + 1][ROWS];
    // Counts by id - COUNT_FIRST, modulo 2^32, which holds every legal value; valid where present. Nullable ones are
    // value + 1. The reported cost stands above, for it is wider.
    uint32_t counts[COUNTS][ROWS];
} body;

static inline bool body_has(const body *it, unsigned id) { return it->present >> id & 1; }

// Reads `bytes` bytes at `raw` into `it`; false where they are no body of `rows` rows. READ_SLACK bytes behind them
// must be readable. `it` points into `raw`.
bool body_decode(body *it, const uint8_t *raw, uint32_t bytes, uint32_t rows);

// What stands where a column is absent.
extern const uint16_t NO_INDICES[ROWS];
extern const uint8_t NO_ENUMS[ROWS];
extern const uint32_t NO_COUNTS[ROWS];

#endif
