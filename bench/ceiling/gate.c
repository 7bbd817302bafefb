#include "gate.h"

#include <lz4.h>

#include "frames.h"

// The preset dictionary stands right before the output, where LZ4 reads it as what was decoded before: its fast way.
static uint8_t scratch[PRESET_DICTIONARY_BYTES + BATCH_RAW_BYTES_MAX + READ_SLACK];

static bool unpack(const uint8_t *block, uint32_t bytes, uint32_t raw_bytes) {
    if (scratch[PRESET_DICTIONARY_BYTES - 1] != PRESET_DICTIONARY[PRESET_DICTIONARY_BYTES - 1])
        memcpy(scratch, PRESET_DICTIONARY, PRESET_DICTIONARY_BYTES);
    int written = LZ4_decompress_safe_usingDict(
        (const char *)block, (char *)scratch + PRESET_DICTIONARY_BYTES, (int)bytes, (int)raw_bytes,
        (const char *)scratch, PRESET_DICTIONARY_BYTES);
    return written == (int)raw_bytes;
}

bool gate_take(gate *it, const uint8_t *frame, uint32_t bytes, uint64_t workstation) {
    static body decoded;
    if (bytes < BATCH_BODY || (frame[5] & ~BATCH_FLAG_LZ4) != 0) return false;
    uint32_t rows = load32(frame + BATCH_COUNT), raw_bytes = load32(frame + BATCH_RAW_BYTES);
    uint32_t body_bytes = bytes - BATCH_BODY;
    if (raw_bytes > BATCH_RAW_BYTES_MAX) return false;
    uint8_t *raw = scratch + PRESET_DICTIONARY_BYTES;
    if (frame[5] & BATCH_FLAG_LZ4) {
        if (!unpack(frame + BATCH_BODY, body_bytes, raw_bytes)) return false;
    } else {
        if (body_bytes != raw_bytes) return false;
        memcpy(raw, frame + BATCH_BODY, raw_bytes);
    }
    if (!body_decode(&decoded, raw, raw_bytes, rows)) return false;
    aggregate(it->table, &decoded, workstation);
    journal_append(
        it->journal, workstation, load64(frame + BATCH_FIRST), load64(frame + BATCH_CHAIN_AFTER), rows, raw, raw_bytes);
    it->batches++;
    it->events += rows;
    it->raw_bytes += raw_bytes;
    it->body_bytes += body_bytes;
    return true;
}
