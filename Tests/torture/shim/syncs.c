// fsync, fdatasync, syncfs and sync: begun in the log before the call, ended in it after.
#include "shim.h"

#include <stdio.h>
#include <stdlib.h>

NEXT(int, fsync, int)
NEXT(int, fdatasync, int)
NEXT(void, sync, void)

enum { SYNC_FILE = 1, SYNC_DATA = 2, SYNC_FILE_SYSTEM = 3 };

/// Whether TORTURE_IGNORE_SYNCS takes the sync of `descriptor` away: all, or those of paths that hold its text. A sync
/// of the whole file system goes with either.
static bool is_ignored(int kind, int descriptor) {
    static _Atomic(const char *) known;
    const char *text = atomic_load_explicit(&known, memory_order_relaxed);
    if (text == NULL) {
        text = getenv("TORTURE_IGNORE_SYNCS");
        if (text == NULL) text = "";
        atomic_store_explicit(&known, text, memory_order_relaxed);
    }
    if (*text == 0) return false;
    if (kind == SYNC_FILE_SYSTEM || strcmp(text, "1") == 0) return true;
    char link[64], full[PATH_MAX];
    (void)snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    ssize_t count = readlink(link, full, sizeof full - 1);
    if (count < 0) return false;
    full[count] = 0;
    return strstr(full, text) != NULL;
}

static int64_t begun(int kind, uint64_t file) {
    static _Atomic(int64_t) tickets;
    int64_t ticket = atomic_fetch_add_explicit(&tickets, 1, memory_order_relaxed) + 1;
    log_add(LOG_SYNC_BEGINS, 0, file, kind, ticket, NULL, NULL, 0);
    fault_delay_sync();
    return ticket;
}

static int ended(int kind, uint64_t file, int64_t ticket, int result) {
    log_add(LOG_SYNC_ENDED, result == 0 ? 0 : 1, file, kind, ticket, NULL, NULL, 0);
    return result;
}

/// A failed sync leaves the pages clean, so the kernel is not asked at all: the next sync succeeds.
static int failed(int kind, uint64_t file, int64_t ticket) {
    (void)ended(kind, file, ticket, -1);
    errno = EIO;
    return -1;
}

static int sync_one(int kind, int descriptor, int (*next)(int), const char *call) {
    uint64_t file = 0;
    if (!shim_ready() || shim_kind(descriptor, &file) == FD_OTHER) return next(descriptor);
    if (is_ignored(kind, descriptor)) return 0;
    int64_t ticket = begun(kind, file);
    if (fault_at_sync((uint64_t)ticket, file, call) || fault_comes(FAULT_SYNC, file, call))
        return failed(kind, file, ticket);
    return ended(kind, file, ticket, next(descriptor));
}

static int kernel_syncfs(int descriptor) { return (int)shim_kernel(SYS_syncfs, descriptor); }

int shim_sync_file_system(int descriptor) {
    return sync_one(SYNC_FILE_SYSTEM, descriptor, kernel_syncfs, "syncfs");
}

SHIM int fsync(int descriptor) { return sync_one(SYNC_FILE, descriptor, next_fsync(), "fsync"); }
SHIM int fdatasync(int descriptor) { return sync_one(SYNC_DATA, descriptor, next_fdatasync(), "fdatasync"); }
SHIM int syncfs(int descriptor) { return shim_sync_file_system(descriptor); }

SHIM void sync(void) {
    if (!shim_ready()) {
        next_sync()();
        return;
    }
    if (is_ignored(SYNC_FILE_SYSTEM, -1)) return;
    int64_t ticket = begun(SYNC_FILE_SYSTEM, 0);
    next_sync()();
    (void)ended(SYNC_FILE_SYSTEM, 0, ticket, 0);
}
