#include "table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>

static void *pages(size_t bytes) {
    size_t huge = (size_t)2 << 20;
    bytes = (bytes + huge - 1) / huge * huge;
    void *memory = aligned_alloc(huge, bytes);
    if (!memory) {
        perror("ceiling: memory");
        exit(1);
    }
    madvise(memory, bytes, MADV_HUGEPAGE);
    memset(memory, 0, bytes);
    return memory;
}

cell_table *table_make(void) {
    cell_table *table = pages(sizeof *table);
    table->slots = pages(CELL_SLOTS * sizeof table->slots[0]);
    table->labels = pages(sizeof *table->labels);
    table->cells = pages(CELLS_MAX * sizeof table->cells[0]);
    // Of a random key, as in the gateway: no peer can choose cells that collide.
    uint64_t key[2];
    if (getrandom(key, sizeof key, 0) != sizeof key) {
        perror("ceiling: getrandom");
        exit(1);
    }
    table->key_first = key[0];
    table->key_second = key[1];
    return table;
}

cell *table_cell(cell_table *table, const cell_key *key, uint64_t hash) {
    uint32_t slot = hash % CELL_SLOTS;
    uint64_t tag = hash & ~(uint64_t)UINT32_MAX;
    for (; table->slots[slot] != 0; slot = (slot + 1) % CELL_SLOTS) {
        if ((table->slots[slot] ^ tag) >> 32 != 0) continue;
        cell *candidate = &table->cells[(uint32_t)table->slots[slot] - 1];
        if (memcmp(&candidate->key, key, sizeof *key) == 0) return candidate;
    }
    cell *fresh = &table->cells[table->count++];
    table->slots[slot] = tag | table->count;
    memset(fresh, 0, sizeof *fresh);
    fresh->key = *key;
    return fresh;
}

void table_drain(cell_table *table, int isLast) {
    if (table->count < CELLS_FULL && table->labels->count < LABELS_FULL && !isLast) return;
    grand_total *total = &table->total;
    for (uint32_t index = 0; index < table->count; index++) {
        const cell *from = &table->cells[index];
        for (unsigned lane = 0; lane < TOKEN_LANES; lane++) total->lanes[lane] += from->lanes[lane];
        total->events += from->events;
        total->tools += from->tools;
        total->reported += from->reported;
    }
    total->cells += table->count;
    total->drains++;
    table->count = 0;
    memset(table->slots, 0, CELL_SLOTS * sizeof table->slots[0]);
    labels_forget(table->labels);
}
