// One file for all tenants' bodies: zeros written beforehand, records gathered in memory, once a round written and
// synced.
//
// At its end it begins again at the front: a measurement of any length needs no more than its size (JOURNAL_BYTES
// unless told), and writing over old records costs the disk what writing over zeros does. Nothing ever reads it but
// parts.c, which finds bodies there.
#ifndef CEILING_JOURNAL_H
#define CEILING_JOURNAL_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { JOURNAL_BYTES = 256 << 20, STAGING_BYTES = 4 << 20, BLOCK_BYTES = 4096, RECORD_HEADER = 40 };

// "TCEI", as its bytes stand in the file.
#define RECORD_MAGIC 0x49454354u

typedef struct {
    int file;
    bool isSynced;
    uint64_t size, offset, bytes, syncs;
    size_t staged;
    uint8_t *staging;
} journal;

// `size` is a multiple of STAGING_BYTES. Exits with a message where the file cannot be made.
void journal_open(journal *it, const char *path, uint64_t size, bool isSynced);

// Stages a record: 40 bytes of header, then the body.
//
//     | u32 magic | u32 body bytes | u64 workstation | u64 first | u64 chain after | u32 rows | u32 0 |
void journal_append(
    journal *it, uint64_t workstation, uint64_t first, uint64_t chain, uint32_t rows, const uint8_t *body,
    uint32_t bytes);

// Everything staged is on stable storage then. A failure ends the program: nothing may be acknowledged any more.
void journal_commit(journal *it);

#endif
