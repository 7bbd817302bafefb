// Adds the rows of a body to the cells they belong to, as the gateway's aggregator does: rows of kind usage and
// correction, and a correction is no event.
#ifndef CEILING_AGGREGATE_H
#define CEILING_AGGREGATE_H
#include "body.h"
#include "table.h"

// `workstation` is whose rows they are.
void aggregate(cell_table *table, const body *from, uint64_t workstation);

#endif
