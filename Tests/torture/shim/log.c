// The log: one record a system call, appended with one write so that a kill tears the last record at most.
#include "shim.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

bool log_is_on, log_has_tls;
static int log_descriptor = -1;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static uint64_t order;

struct head {
    uint32_t length;
    uint8_t kind, flags;
    uint16_t name_bytes;
    uint64_t order, time, file;
    int64_t a, b;
    uint32_t thread, zero;
};
_Static_assert(sizeof(struct head) == 56, "the log's head is 56 bytes");

/// Replaces the first `%p` by the process id.
static void named(const char *file, char *path, size_t size) {
    const char *mark = strstr(file, "%p");
    int count = mark == NULL
                    ? snprintf(path, size, "%s", file)
                    : snprintf(path, size, "%.*s%ld%s", (int)(mark - file), file, (long)getpid(), mark + 2);
    if (count <= 0 || (size_t)count >= size) shim_fail("TORTURE_LOG is too long");
}

void log_open(const char *file, const char *folder) {
    char path[PATH_MAX];
    named(file, path, sizeof path);
    int low = (int)shim_kernel(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (low < 0) shim_fail("TORTURE_LOG cannot be opened");
    // Out of the way of the program, whose descriptors keep the numbers that they have without us.
    int high = (int)shim_kernel(SYS_fcntl, low, F_DUPFD_CLOEXEC, 900);
    log_descriptor = high >= 0 ? high : low;
    if (high >= 0) (void)shim_kernel(SYS_close, low);
    log_is_on = true;
    const char *tls = getenv("TORTURE_LOG_TLS");
    log_has_tls = tls != NULL && strcmp(tls, "1") == 0;
    log_add(LOG_START, 0, 0, (int64_t)getpid(), 1, folder, NULL, 0);
}

static uint64_t now(void) {
    struct timespec time;
    if (shim_kernel(SYS_clock_gettime, CLOCK_MONOTONIC, &time) != 0) return 0;
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

static void append(int kind, int flags, uint64_t file, int64_t a, int64_t b, const char *name,
                   const struct iovec *pieces, int count, size_t bytes) {
    enum { PIECES = 64 };
    static _Thread_local uint32_t thread;
    struct iovec parts[PIECES + 2];
    size_t name_bytes = name == NULL ? 0 : strlen(name);
    size_t length = sizeof(struct head) + name_bytes + bytes;
    if (count > PIECES || length > INT32_MAX) shim_fail("a call is too large for the log");
    int before = errno;
    if (thread == 0) thread = (uint32_t)shim_kernel(SYS_gettid);
    struct head head = {.length = (uint32_t)length, .kind = (uint8_t)kind, .flags = (uint8_t)flags,
                        .name_bytes = (uint16_t)name_bytes, .file = file, .a = a, .b = b, .thread = thread};
    int used = 0;
    parts[used++] = (struct iovec){.iov_base = &head, .iov_len = sizeof head};
    if (name_bytes > 0) parts[used++] = (struct iovec){.iov_base = (void *)name, .iov_len = name_bytes};
    size_t left = bytes;
    for (int index = 0; index < count && left > 0; index += 1) {
        size_t part = pieces[index].iov_len < left ? pieces[index].iov_len : left;
        if (part > 0) parts[used++] = (struct iovec){.iov_base = pieces[index].iov_base, .iov_len = part};
        left -= part;
    }
    (void)pthread_mutex_lock(&lock);
    head.order = order += 1;
    head.time = now();
    long written = shim_kernel(SYS_writev, log_descriptor, parts, used);
    (void)pthread_mutex_unlock(&lock);
    if (written != (long)length) shim_fail("the log cannot be written");
    errno = before;
}

void log_add(int kind, int flags, uint64_t file, int64_t a, int64_t b, const char *name, const void *data,
             size_t count) {
    if (!log_is_on) return;
    struct iovec piece = {.iov_base = (void *)data, .iov_len = count};
    append(kind, flags, file, a, b, name, &piece, data == NULL ? 0 : 1, data == NULL ? 0 : count);
}

static bool is_zero(const unsigned char *bytes, size_t count) {
    return count == 0 || (bytes[0] == 0 && memcmp(bytes, bytes + 1, count - 1) == 0);
}

void log_write(uint64_t file, int64_t offset, const struct iovec *pieces, int count, size_t bytes) {
    if (!log_is_on) return;
    bool zeros = true;
    size_t left = bytes;
    for (int index = 0; index < count && zeros && left > 0; index += 1) {
        size_t part = pieces[index].iov_len < left ? pieces[index].iov_len : left;
        zeros = is_zero(pieces[index].iov_base, part);
        left -= part;
    }
    append(LOG_WRITE, zeros ? 1 : 0, file, offset, (int64_t)bytes, NULL, pieces, count, zeros ? 0 : bytes);
}
