// How often this thread asks for memory.
#ifndef TALLY_ALLOCATION_COUNT_H
#define TALLY_ALLOCATION_COUNT_H

/// Calls of malloc, calloc, realloc and their like on this thread so far; 0 for ever where a sanitizer has taken their
/// place.
unsigned long tally_allocations(void);

/// Whether they are counted at all.
int tally_counts_allocations(void);

#endif
