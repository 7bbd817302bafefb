// What was measured, as one line of JSON.
#ifndef CEILING_REPORT_H
#define CEILING_REPORT_H
#include <stdint.h>

#include "gate.h"

typedef struct {
    // Nanoseconds.
    uint64_t user, system, wall;
    uint64_t events;
} instant;

// From behind the first commit to behind the last: the handshakes before it and the ends after it are not counted.
typedef struct {
    uint64_t rounds;
    instant first, last;
} measure;

// Told behind each commit. It costs a system call of 0.3 us a round.
void measure_round(measure *it, const gate *from);

void report(const measure *it, const gate *from);

#endif
