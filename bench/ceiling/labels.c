#include "labels.h"

#include "bits.h"
#include "fold.h"

static uint64_t hash(const uint8_t *label, uint64_t key) {
    uint64_t result = key;
    unsigned bytes = 1u + label[0];
    unsigned at = 0;
    for (; bytes - at > 8; at += 8) result = fold(load64(label + at) ^ result, key | 1);
    uint64_t tail = load64(label + at) << (8 * (8 - (bytes - at)));
    return fold(tail ^ result, key | 1);
}

uint32_t labels_number(label_table *labels, const uint8_t *label, uint64_t hash_key) {
    uint32_t slot = (uint32_t)hash(label, hash_key) % LABEL_SLOTS;
    for (; labels->slots[slot] != 0; slot = (slot + 1) % LABEL_SLOTS) {
        uint32_t number = labels->slots[slot] - 1u;
        if (memcmp(labels->text[number], label, 1u + label[0]) == 0) return number;
    }
    uint32_t number = labels->count++;
    memcpy(labels->text[number], label, 1u + label[0]);
    labels->slots[slot] = (uint16_t)(number + 1);
    return number;
}

void labels_forget(label_table *labels) {
    labels->count = 0;
    memset(labels->slots, 0, sizeof labels->slots);
}
