// What becomes of a BATCH: decompressed, decoded, added up, staged for the journal.
#ifndef CEILING_GATE_H
#define CEILING_GATE_H
#include "aggregate.h"
#include "journal.h"

typedef struct {
    cell_table *table;
    journal *journal;
    uint64_t batches, events, raw_bytes, body_bytes;
} gate;

// Takes the frame of `bytes` bytes at `frame`, a BATCH by its type; false where it is none that can be read.
bool gate_take(gate *it, const uint8_t *frame, uint32_t bytes, uint64_t workstation);

#endif
