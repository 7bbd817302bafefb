// Sums by the gateway's rollup key, in a flat open-addressing table.
//
// Of the gateway's size too: at 65,536 cells it is drained, here into one grand total and not into a database.
#ifndef CEILING_TABLE_H
#define CEILING_TABLE_H
#include <stddef.h>

#include "labels.h"

__extension__ typedef __int128 femto_usd;

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
    uint64_t unpriced;
    // Columns 12 to 19 in their order: six classes of tokens, reasoning, web searches.
    _Alignas(64) uint64_t lanes[TOKEN_LANES];
    uint64_t events, tools, reported;
    uint64_t first_ms, last_ms;
    femto_usd cost;
} cell;

typedef struct {
    uint64_t cells, drains;
    uint64_t lanes[TOKEN_LANES];
    uint64_t events, tools, reported, unpriced;
    femto_usd cost;
} grand_total;

typedef struct {
    uint32_t count;
    uint64_t key_first, key_second;
    grand_total total;
    // Upper half of the hash and index + 1; 0 is free.
    uint64_t *slots;
    cell *cells;
    label_table labels;
} cell_table;

// With memory for as many cells as there can be, all of it touched, so that no page fault falls into a measurement.
cell_table *table_make(void);

cell *table_cell(cell_table *table, const cell_key *key);

// Adds all cells to the grand total and starts anew, if the table is full or `isLast`.
void table_drain(cell_table *table, int isLast);

#endif
