// Sums by the gateway's rollup key, in a flat open-addressing table.
//
// Of the gateway's size too: at 65,536 cells it is drained, here into one grand total and not into a database.
#ifndef CEILING_TABLE_H
#define CEILING_TABLE_H
#include <stddef.h>

#include "fold.h"
#include "labels.h"

enum {
    CELLS_FULL = 65536,
    // One more batch always fits.
    CELLS_MAX = CELLS_FULL + BATCH_EVENTS_MAX,
    CELL_SLOTS = 262144,
    KEY_WORDS = 7,
    TOKEN_LANES = 8,
};

// Session and project two words each; quarter and label; workstation; agent and origin.
typedef struct {
    uint64_t words[KEY_WORDS];
} cell_key;

typedef struct {
    _Alignas(64) cell_key key;
    // Columns 12 to 19 in their order: six classes of tokens, reasoning, web searches.
    _Alignas(64) uint64_t lanes[TOKEN_LANES];
    // Pairs that one vector of two words takes: sums, and greatest ones. The earliest time is kept as its complement.
    uint64_t events, tools;
    uint64_t not_first_ms, last_ms;
    uint64_t reported;
} cell;

typedef struct {
    uint64_t cells, drains;
    uint64_t lanes[TOKEN_LANES];
    uint64_t events, tools, reported;
} grand_total;

typedef struct {
    uint32_t count;
    uint64_t key_first, key_second;
    grand_total total;
    // Upper half of the hash and index + 1; 0 is free.
    uint64_t *slots;
    cell *cells;
    label_table *labels;
} cell_table;

// With memory for as many cells as there can be, all of it touched, so that no page fault falls into a measurement.
cell_table *table_make(void);

// A search in three steps, so that a batch can take each step for all its keys before the next: the memory that a step
// needs is on its way while the others are taken.
static inline uint64_t table_hash(const cell_table *table, const cell_key *key) {
    const uint64_t *word = key->words;
    uint64_t first = table->key_first, second = table->key_second;
    // Three products that do not wait for one another, and one of them all.
    uint64_t session = fold(word[0] ^ first, word[1] ^ second);
    uint64_t project = fold(word[2] ^ second, word[3] ^ first);
    uint64_t rest = fold(word[4] ^ first, word[5] ^ second);
    uint64_t hash = fold(session ^ (project << 1 | project >> 63), rest ^ word[6] ^ (second | 1));
    __builtin_prefetch(&table->slots[hash % CELL_SLOTS]);
    return hash;
}

static inline void table_prefetch(const cell_table *table, uint64_t hash) {
    // Where no cell is yet, this is the one that comes next, or one that will not be looked at.
    uint32_t number = (uint32_t)table->slots[hash % CELL_SLOTS];
    const cell *candidate = &table->cells[number == 0 ? table->count : number - 1];
    __builtin_prefetch(&candidate->key);
    __builtin_prefetch(&candidate->lanes);
    __builtin_prefetch(&candidate->events);
}

cell *table_cell(cell_table *table, const cell_key *key, uint64_t hash);

// Adds all cells to the grand total and starts anew, if the table is full or `isLast`.
void table_drain(cell_table *table, int isLast);

#endif
