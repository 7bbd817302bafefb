// Numbers for model labels, so that a cell's key holds no text.
#ifndef CEILING_LABELS_H
#define CEILING_LABELS_H
#include <stdint.h>

#include "tables.h"

enum {
    LABEL_SLOTS = 32768,
    // Forgotten with the cells once there are so many; one more batch always fits.
    LABELS_FULL = 8192,
    LABELS_MAX = LABELS_FULL + BATCH_EVENTS_MAX,
};

typedef struct {
    uint32_t count;
    // Index + 1, 0 is free.
    uint16_t slots[LABEL_SLOTS];
    // Length byte and text, as on the wire.
    uint8_t text[LABELS_MAX][LABEL_BYTES_MAX + 1];
} label_table;

// The number of the label at `label`, a length byte and its text. READ_SLACK bytes behind it must be readable.
uint32_t labels_number(label_table *labels, const uint8_t *label, uint64_t hash_key);

void labels_forget(label_table *labels);

#endif
