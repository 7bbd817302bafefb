// What the parts of the preload library share. The contract with its users stands at the head of shim.c.
#ifndef TORTURE_SHIM_H
#define TORTURE_SHIM_H
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

#define SHIM __attribute__((visibility("default")))

/// The next definition of a symbol: the C library's, or OpenSSL's. Looked up once a symbol.
#define NEXT(result, name, ...)                                                                                        \
    typedef result (*name##_next)(__VA_ARGS__);                                                                        \
    static name##_next next_##name(void) {                                                                             \
        static _Atomic(void *) found;                                                                                  \
        void *address = atomic_load_explicit(&found, memory_order_acquire);                                            \
        if (address == NULL) {                                                                                         \
            address = shim_next(#name);                                                                                \
            atomic_store_explicit(&found, address, memory_order_release);                                              \
        }                                                                                                              \
        return (name##_next)address;                                                                                   \
    }

// MARK: shim.c — settings, and which descriptors are watched

enum { FD_OTHER = 0, FD_FILE = 1, FD_FOLDER = 2, FD_COUNT = 1 << 16 };

/// Reads the environment, once, before the first call that may be watched; true where a folder is watched.
bool shim_ready(void);
void *shim_next(const char *name);
/// Says why on standard error and ends the process with status 86.
_Noreturn void shim_fail(const char *why);

/// What a descriptor is, and the inode behind it.
int shim_kind(int descriptor, uint64_t *file);
/// Looks at a descriptor that was just opened. Returns its kind; `path` (PATH_MAX bytes) is relative to the folder.
int shim_adopt(int descriptor, char *path);
void shim_forget(int descriptor);
void shim_copy(int from, int to);
/// The path of `name` as seen from folder `at`, relative to the watched folder; false if it lies elsewhere.
bool shim_path(int at, const char *name, char *path);

/// Kernel calls that are seen by nobody, through the C library's own `syscall`; up to six arguments.
long shim_call(long number, long a, long b, long c, long d, long e, long f);
#define shim_kernel(...) SHIM_KERNEL(__VA_ARGS__, 0, 0, 0, 0, 0, 0, 0)
#define SHIM_KERNEL(n, a, b, c, d, e, f, ...)                                                                          \
    shim_call((long)(n), (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f))

// MARK: log.c — the log

enum {
    LOG_START = 1, LOG_OPEN, LOG_WRITE, LOG_SIZE, LOG_MAKEDIR, LOG_RENAME, LOG_UNLINK, LOG_LINK, LOG_SYNC_BEGINS,
    LOG_SYNC_ENDED, LOG_SENDING, LOG_SENT, LOG_RECEIVED, LOG_CHANNEL_ENDS, LOG_FAULT, LOG_UNMODELLED
};

extern bool log_is_on, log_has_tls;
void log_open(const char *file, const char *folder);
void log_add(int kind, int flags, uint64_t file, int64_t a, int64_t b, const char *name, const void *data,
             size_t count);
/// A write of the pieces; all zeros are noted and left out.
void log_write(uint64_t file, int64_t offset, const struct iovec *pieces, int count, size_t bytes);

// MARK: faults.c — faults by chance, and the harness's switches

enum { FAULT_EIO = 0, FAULT_ENOSPC, FAULT_SHORT, FAULT_EINTR, FAULT_SYNC, FAULT_READ, FAULT_KINDS };
enum { SWITCH_CALM = 1, SWITCH_FULL = 2, SWITCH_SYNC = 4, SWITCH_HOLD = 8 };

void faults_parse(const char *list);
void faults_control(const char *file);
/// Draws whether the fault comes now, and logs it if so.
bool fault_comes(int kind, uint64_t file, const char *call);
/// Whether the sync with this number is the one that was ordered to fail.
bool fault_at_sync(uint64_t number, uint64_t file, const char *call);
/// A count that a short write moves instead of `count`.
size_t fault_shorten(size_t count);
void fault_delay_sync(void);
uint32_t control_switches(void);
int64_t control_clock_offset(void);

// MARK: files.c

/// Whether a write of `count` bytes at `offset` fails, is cut short (`count` shrinks) or goes on. Sets errno.
bool write_fails(int descriptor, uint64_t file, int64_t offset, size_t *count, const char *call);

// MARK: syncs.c

int shim_sync_file_system(int descriptor);
#endif
