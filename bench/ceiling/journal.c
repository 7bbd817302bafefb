#include "journal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bits.h"

static void fail(const char *what) {
    perror(what);
    exit(1);
}

// Whole blocks, the last one padded with zeros, which are no record: straight from memory to the disk, where the file
// system lets us.
static void write_out(journal *it) {
    size_t padded = (it->staged + BLOCK_BYTES - 1) / BLOCK_BYTES * BLOCK_BYTES;
    memset(it->staging + it->staged, 0, padded - it->staged);
    it->staged = padded;
    if (it->offset + it->staged > it->size) it->offset = 0;
    for (size_t done = 0; done < it->staged;) {
        ssize_t count = pwrite(it->file, it->staging + done, it->staged - done, (off_t)(it->offset + done));
        if (count < 0) fail("ceiling: journal");
        done += (size_t)count;
    }
    it->offset += it->staged;
    it->bytes += it->staged;
    it->staged = 0;
}

void journal_open(journal *it, const char *path, uint64_t size, bool isSynced) {
    memset(it, 0, sizeof *it);
    it->isSynced = isSynced;
    it->size = size;
    int flags = O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC;
    it->file = open(path, flags | O_DIRECT, 0600);
    if (it->file < 0 && errno == EINVAL) it->file = open(path, flags, 0600);
    if (it->file < 0) fail("ceiling: journal");
    it->staging = aligned_alloc(BLOCK_BYTES, STAGING_BYTES);
    if (!it->staging) fail("ceiling: memory");
    memset(it->staging, 0, STAGING_BYTES);
    for (uint64_t written = 0; written < size; written += STAGING_BYTES) {
        it->staged = STAGING_BYTES;
        write_out(it);
    }
    if (fsync(it->file) != 0) fail("ceiling: journal");
    it->offset = it->bytes = 0;
}

void journal_append(
    journal *it, uint64_t workstation, uint64_t first, uint64_t chain, uint32_t rows, const uint8_t *body,
    uint32_t bytes) {
    if (it->staged + RECORD_HEADER + bytes > STAGING_BYTES) write_out(it);
    uint8_t *at = it->staging + it->staged;
    store32(at, RECORD_MAGIC);
    store32(at + 4, bytes);
    store64(at + 8, workstation);
    store64(at + 16, first);
    store64(at + 24, chain);
    store32(at + 32, rows);
    store32(at + 36, 0);
    memcpy(at + RECORD_HEADER, body, bytes);
    it->staged += RECORD_HEADER + bytes;
}

void journal_commit(journal *it) {
    if (it->staged > 0) write_out(it);
    if (!it->isSynced) return;
    if (fdatasync(it->file) != 0) fail("ceiling: journal");
    it->syncs++;
}
