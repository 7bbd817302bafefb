// The ceiling's two loops by themselves: how long decoding and adding up take, over the bodies of a journal that the
// ceiling wrote, without network, disk or cryptography. The best of many short turns, so that it can be told on a busy
// machine.
//
//     parts JOURNAL [TURNS]
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>

#include "aggregate.h"
#include "journal.h"

enum { BODIES_MAX = 1024, WARM = 1 };

typedef struct {
    const uint8_t *raw;
    uint32_t bytes, rows;
    uint64_t workstation;
} piece;

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

// The first records of the file; the slack behind the last is the file's own rest.
static size_t find(const uint8_t *file, size_t bytes, piece *pieces) {
    size_t count = 0;
    for (size_t at = 0; at + RECORD_HEADER + READ_SLACK < bytes && count < BODIES_MAX;) {
        if (load32(file + at) == 0) {
            // A round ends with zeros to the end of a block.
            at = (at / BLOCK_BYTES + 1) * BLOCK_BYTES;
            continue;
        }
        piece *it = &pieces[count];
        it->bytes = load32(file + at + 4);
        it->workstation = load64(file + at + 8);
        it->rows = load32(file + at + 32);
        it->raw = file + at + RECORD_HEADER;
        if (load32(file + at) != RECORD_MAGIC || bytes - at < RECORD_HEADER + READ_SLACK + it->bytes) break;
        at += RECORD_HEADER + it->bytes;
        count++;
    }
    return count;
}

int main(int count, char **arguments) {
    static piece pieces[BODIES_MAX];
    static body decoded;
    int file = count > 1 ? open(arguments[1], O_RDONLY) : -1;
    struct stat facts;
    if (file < 0 || fstat(file, &facts) != 0) {
        fprintf(stderr, "usage: parts JOURNAL [TURNS]\n");
        return 64;
    }
    void *bytes = mmap(NULL, (size_t)facts.st_size, PROT_READ, MAP_PRIVATE, file, 0);
    size_t found = bytes == MAP_FAILED ? 0 : find(bytes, (size_t)facts.st_size, pieces);
    if (found == 0) {
        fprintf(stderr, "parts: no records\n");
        return 1;
    }
    cell_table *table = table_make();
    double decode = 1e18, both = 1e18, events = 0, raw = 0;
    for (size_t index = 0; index < found; index++) {
        events += pieces[index].rows;
        raw += pieces[index].bytes;
    }
    int turns = count > 2 ? atoi(arguments[2]) : 200;
    for (int turn = 0; turn < turns; turn++) {
        double from = now();
        for (size_t index = 0; index < found; index++) {
            if (!body_decode(&decoded, pieces[index].raw, pieces[index].bytes, pieces[index].rows)) return 1;
        }
        double middle = now();
        for (size_t index = 0; index < found; index++) {
            if (!body_decode(&decoded, pieces[index].raw, pieces[index].bytes, pieces[index].rows)) return 1;
            aggregate(table, &decoded, pieces[index].workstation);
        }
        double to = now();
        if (turn < WARM) continue;
        if (middle - from < decode) decode = middle - from;
        if (to - middle < both) both = to - middle;
    }
    printf(
        "%zu bodies, %.0f events, %.1f bytes each: decode %.2f ns an event, with adding up %.2f (%u cells)\n", found,
        events, raw / events, decode / events, both / events, table->count);
    return 0;
}
