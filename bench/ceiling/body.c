#include "body.h"

#include "numbers.h"
#include "packed.h"

const uint16_t NO_INDICES[ROWS];
const uint8_t NO_ENUMS[ROWS];
const uint32_t NO_COUNTS[ROWS];
static const uint8_t NO_ID[16];

static void absent(dictionary *it) {
    it->indices = NO_INDICES;
    it->numbers = 1;
    it->hasAbsent = true;
    it->ids = NO_ID;
}

static const uint8_t *read_enum(body *it, unsigned id, unsigned encoding, const uint8_t *at, const uint8_t *end) {
    if (encoding == ENCODING_CONSTANT) {
        uint64_t value;
        at = varint(at, &value);
        if (at > end || value >= 1u << COLUMN_BITS[id]) return NULL;
        memset(it->enums[id], (int)value, it->rows);
        return at;
    }
    uint32_t bytes = packed_bytes(it->rows, COLUMN_BITS[id]);
    if (encoding != ENCODING_PACKED || bytes > end - at) return NULL;
    packed_bytes8(at, it->rows, COLUMN_BITS[id], it->enums[id]);
    return at + bytes;
}

// `count` entries of an id16 or label column.
static const uint8_t *read_entries(
    dictionary *to, bool isLabel, uint32_t count, const uint8_t *at, const uint8_t *end) {
    if (!isLabel) {
        to->ids = at;
        return count * 16 <= end - at ? at + count * 16 : NULL;
    }
    for (uint32_t entry = 0; entry < count; entry++) {
        to->labels[entry] = at;
        if (at >= end || at[0] == 0 || at[0] > LABEL_BYTES_MAX || at[0] >= end - at) return NULL;
        at += 1 + at[0];
    }
    return at;
}

static const uint8_t *read_indices(dictionary *to, uint32_t rows, const uint8_t *at, const uint8_t *end) {
    unsigned bits = to->numbers < 2 ? 0 : 32 - (unsigned)__builtin_clz(to->numbers - 1);
    uint32_t bytes = packed_bytes(rows, bits);
    if (bytes > end - at) return NULL;
    packed_words16(at, rows, bits, to->own);
    uint16_t highest = 0;
    for (uint32_t row = 0; row < rows; row++) highest = to->own[row] > highest ? to->own[row] : highest;
    if (highest >= to->numbers) return NULL;
    to->indices = to->own;
    return at + bytes;
}

static const uint8_t *read_dictionary(
    dictionary *to, bool isLabel, unsigned encoding, uint32_t rows, const uint8_t *at, const uint8_t *end) {
    if (encoding == ENCODING_CONSTANT) {
        to->indices = NO_INDICES;
        to->numbers = 1;
        to->hasAbsent = false;
        return read_entries(to, isLabel, 1, at, end);
    }
    if (encoding != ENCODING_DICTIONARY && encoding != ENCODING_DICTIONARY_WITH_ABSENT) return NULL;
    to->hasAbsent = encoding == ENCODING_DICTIONARY_WITH_ABSENT;
    uint64_t count;
    at = varint(at, &count);
    // As many numbers as rows at most, which is what keeps an index within 12 bits.
    if (at > end || count < 1 || count > rows - to->hasAbsent) return NULL;
    to->numbers = (uint32_t)count + to->hasAbsent;
    at = read_entries(to, isLabel, (uint32_t)count, at, end);
    return at ? read_indices(to, rows, at, end) : NULL;
}

static const uint8_t *read_count(body *it, unsigned id, unsigned encoding, const uint8_t *at, const uint8_t *end) {
    uint32_t *values = it->counts[id - COUNT_FIRST];
    bool isWide = id == COLUMN_REPORTED_COST_NANO_USD;
    if (encoding == ENCODING_CONSTANT) {
        uint64_t value;
        at = varint(at, &value);
        for (uint32_t row = 0; row < it->rows; row++) {
            if (isWide) it->reported[row] = value;
            else values[row] = (uint32_t)value;
        }
        return at <= end ? at : NULL;
    }
    if (encoding != ENCODING_VARINT) return NULL;
    return isWide ? numbers_read64(at, end, it->rows, it->reported)
                  : numbers_read32(at, end, it->rows, false, values);
}

static const uint8_t *read_time(body *it, unsigned encoding, const uint8_t *at, const uint8_t *end) {
    if (encoding == ENCODING_DELTA) return numbers_read_deltas(at, end, it->rows, it->time);
    if (encoding != ENCODING_CONSTANT) return NULL;
    uint64_t value;
    at = varint(at, &value);
    for (uint32_t row = 0; row < it->rows; row++) it->time[row] = value;
    return at <= end ? at : NULL;
}

static const uint8_t *read_column(body *it, unsigned id, unsigned encoding, const uint8_t *at, const uint8_t *end) {
    switch (COLUMN_TYPE[id]) {
    case TYPE_ENUM: return read_enum(it, id, encoding, at, end);
    case TYPE_TIME: return read_time(it, encoding, at, end);
    case TYPE_ID16:
        return read_dictionary(
            id == COLUMN_SESSION ? &it->session : &it->project, false, encoding, it->rows, at, end);
    case TYPE_LABEL: return read_dictionary(&it->model, true, encoding, it->rows, at, end);
    case TYPE_COUNT:
    case TYPE_NULLABLE_COUNT: return read_count(it, id, encoding, at, end);
    case TYPE_RESIDUAL:
        if (encoding == ENCODING_CONSTANT) return read_count(it, id, encoding, at, end);
        return encoding == ENCODING_RESIDUAL
            ? numbers_read32(at, end, it->rows, true, it->counts[id - COUNT_FIRST])
            : NULL;
    default: return NULL;
    }
}

static const uint32_t *count_or_none(const body *it, unsigned id) {
    return body_has(it, id) ? it->counts[id - COUNT_FIRST] : NO_COUNTS;
}

// TG-4-6: a residual's value is it and the whole prompt of the session's usage row before, modulo 2^32.
static void resolve_residuals(body *it) {
    static uint32_t others[ROWS], prompts[BATCH_EVENTS_MAX];
    const uint32_t *input = count_or_none(it, COLUMN_INPUT_TOKENS);
    const uint32_t *short_lived = count_or_none(it, COLUMN_CACHE_WRITE_5M_TOKENS);
    const uint32_t *long_lived = count_or_none(it, COLUMN_CACHE_WRITE_1H_TOKENS);
    const uint32_t *unknown = count_or_none(it, COLUMN_CACHE_WRITE_UNKNOWN_TOKENS);
    for (uint32_t row = 0; row < it->rows; row++) {
        others[row] = input[row] + short_lived[row] + long_lived[row] + unknown[row];
    }
    memset(prompts, 0, it->session.numbers * sizeof prompts[0]);
    uint32_t *values = it->counts[COLUMN_CACHE_READ_TOKENS - COUNT_FIRST];
    const uint16_t *sessions = it->session.indices;
    if (!body_has(it, COLUMN_KIND)) {
        for (uint32_t row = 0; row < it->rows; row++) {
            uint32_t *prompt = &prompts[sessions[row]];
            values[row] += *prompt;
            *prompt = values[row] + others[row];
        }
        return;
    }
    for (uint32_t row = 0; row < it->rows; row++) {
        if (it->enums[COLUMN_KIND][row] != 0) continue;
        values[row] += prompts[sessions[row]];
        prompts[sessions[row]] = values[row] + others[row];
    }
}

bool body_decode(body *it, const uint8_t *raw, uint32_t bytes, uint32_t rows) {
    it->rows = rows;
    it->present = 0;
    absent(&it->session);
    absent(&it->project);
    absent(&it->model);
    if (rows < 1 || rows > BATCH_EVENTS_MAX || bytes > BATCH_RAW_BYTES_MAX) return false;
    const uint8_t *at = raw, *end = raw + bytes;
    bool isResidual = false;
    while (at < end) {
        unsigned id = *at & 31, encoding = *at >> 5;
        // Ascending: nothing of this or a higher id was read yet.
        if (id < 1 || id > COLUMN_MAX || it->present >> id != 0) return false;
        at = read_column(it, id, encoding, at + 1, end);
        if (!at) return false;
        it->present |= 1u << id;
        isResidual |= encoding == ENCODING_RESIDUAL;
    }
    if (!body_has(it, COLUMN_TIME_MS)) return false;
    if (isResidual) resolve_residuals(it);
    return true;
}
