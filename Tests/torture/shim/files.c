// Calls on open files: open, write, truncate, close, and the copies of descriptors.
#include "shim.h"

#include <sys/mman.h>

NEXT(int, openat, int, const char *, int, ...)
NEXT(int, close, int)
NEXT(int, dup, int)
NEXT(int, dup2, int, int)
NEXT(int, dup3, int, int, int)
NEXT(int, fcntl, int, int, ...)
NEXT(ssize_t, write, int, const void *, size_t)
NEXT(ssize_t, pwrite, int, const void *, size_t, off_t)
NEXT(ssize_t, writev, int, const struct iovec *, int)
NEXT(ssize_t, pwritev, int, const struct iovec *, int, off_t)
NEXT(ssize_t, pwritev2, int, const struct iovec *, int, off_t, int)
NEXT(ssize_t, read, int, void *, size_t)
NEXT(ssize_t, pread, int, void *, size_t, off_t)
NEXT(int, ftruncate, int, off_t)
NEXT(int, fallocate, int, int, off_t, off_t)
NEXT(int, posix_fallocate, int, off_t, off_t)
NEXT(void *, mmap, void *, size_t, int, int, int, off_t)

_Static_assert(sizeof(off_t) == 8, "the 64-bit aliases below are the same functions");

// MARK: Opening

static int open_watched(int at, const char *name, int flags, mode_t mode, const char *call) {
    if (!shim_ready()) return next_openat()(at, name, flags, mode);
    char path[PATH_MAX];
    bool may_create = (flags & O_CREAT) != 0;
    bool existed = true;
    if (may_create) {
        struct stat facts;
        int before = errno;
        existed = fstatat(at, name, &facts, 0) == 0;
        errno = before;
    }
    if ((flags & O_ACCMODE) != O_RDONLY && shim_path(at, name, path)) {
        if (!existed && fault_comes(FAULT_ENOSPC, 0, call)) { errno = ENOSPC; return -1; }
        if (!existed && fault_comes(FAULT_EIO, 0, call)) { errno = EIO; return -1; }
        if (fault_comes(FAULT_EINTR, 0, call)) { errno = EINTR; return -1; }
    }
    int descriptor = next_openat()(at, name, flags, mode);
    if (descriptor < 0) return descriptor;
    int kind = shim_adopt(descriptor, path);
    if (kind == FD_OTHER) return descriptor;
    uint64_t file = 0;
    (void)shim_kind(descriptor, &file);
    if ((flags & O_TMPFILE) == O_TMPFILE) log_add(LOG_UNMODELLED, 0, file, 0, 0, "open(O_TMPFILE)", NULL, 0);
    bool is_emptied = (flags & O_TRUNC) != 0 && existed;
    bool is_read = (flags & O_ACCMODE) == O_RDONLY;
    int how = (existed ? 0 : 1) | (is_emptied ? 2 : 0) | (kind == FD_FOLDER ? 4 : 0) | (is_read ? 8 : 0);
    log_add(LOG_OPEN, 0, file, how, 0, path, NULL, 0);
    return descriptor;
}

#define OPEN_MODE(flags)                                                                                               \
    mode_t mode = 0;                                                                                                   \
    if ((flags) & (O_CREAT | __O_TMPFILE)) {                                                                           \
        va_list list;                                                                                                  \
        va_start(list, flags);                                                                                         \
        mode = va_arg(list, mode_t);                                                                                   \
        va_end(list);                                                                                                  \
    }

SHIM int open(const char *name, int flags, ...) {
    OPEN_MODE(flags)
    return open_watched(AT_FDCWD, name, flags, mode, "open");
}
SHIM int open64(const char *name, int flags, ...) {
    OPEN_MODE(flags)
    return open_watched(AT_FDCWD, name, flags, mode, "open");
}
SHIM int openat(int at, const char *name, int flags, ...) {
    OPEN_MODE(flags)
    return open_watched(at, name, flags, mode, "openat");
}
SHIM int openat64(int at, const char *name, int flags, ...) {
    OPEN_MODE(flags)
    return open_watched(at, name, flags, mode, "openat");
}
SHIM int creat(const char *name, mode_t mode) {
    return open_watched(AT_FDCWD, name, O_CREAT | O_WRONLY | O_TRUNC, mode, "creat");
}
SHIM int creat64(const char *name, mode_t mode) { return creat(name, mode); }
SHIM int __open_2(const char *name, int flags) { return open_watched(AT_FDCWD, name, flags, 0, "open"); }
SHIM int __open64_2(const char *name, int flags) { return open_watched(AT_FDCWD, name, flags, 0, "open"); }
SHIM int __openat_2(int at, const char *name, int flags) { return open_watched(at, name, flags, 0, "openat"); }
SHIM int __openat64_2(int at, const char *name, int flags) { return open_watched(at, name, flags, 0, "openat"); }

SHIM int close(int descriptor) {
    // Before the call: another thread may get the number at once.
    if (shim_ready()) shim_forget(descriptor);
    return next_close()(descriptor);
}

static int copied(int from, int to) {
    if (to >= 0 && to != from && shim_ready()) shim_copy(from, to);
    return to;
}
SHIM int dup(int from) { return copied(from, next_dup()(from)); }
SHIM int dup2(int from, int to) { return copied(from, next_dup2()(from, to)); }
SHIM int dup3(int from, int to, int flags) { return copied(from, next_dup3()(from, to, flags)); }

static int fcntl_watched(int descriptor, int command, long argument) {
    int result = next_fcntl()(descriptor, command, argument);
    return command == F_DUPFD || command == F_DUPFD_CLOEXEC ? copied(descriptor, result) : result;
}

#define FCNTL_ARGUMENT(command)                                                                                        \
    va_list list;                                                                                                      \
    va_start(list, command);                                                                                           \
    long argument = va_arg(list, long);                                                                                \
    va_end(list);

SHIM int fcntl(int descriptor, int command, ...) {
    FCNTL_ARGUMENT(command)
    return fcntl_watched(descriptor, command, argument);
}
SHIM int fcntl64(int descriptor, int command, ...) {
    FCNTL_ARGUMENT(command)
    return fcntl_watched(descriptor, command, argument);
}

// MARK: Writing

bool write_fails(int descriptor, uint64_t file, int64_t offset, size_t *count, const char *call) {
    if (fault_comes(FAULT_EINTR, file, call)) { errno = EINTR; return true; }
    if (fault_comes(FAULT_EIO, file, call)) { errno = EIO; return true; }
    struct stat facts;
    bool grows = fstat(descriptor, &facts) == 0 && offset + (int64_t)*count > (int64_t)facts.st_size;
    if (grows && fault_comes(FAULT_ENOSPC, file, call)) { errno = ENOSPC; return true; }
    if (*count > 1 && fault_comes(FAULT_SHORT, file, call)) *count = fault_shorten(*count);
    return false;
}

/// Writes the pieces at `offset`, or where the descriptor stands if that is negative.
static ssize_t write_watched(
    int descriptor, uint64_t file, const struct iovec *pieces, int pieces_count, off_t offset, const char *call
) {
    size_t whole = 0;
    for (int index = 0; index < pieces_count; index += 1) whole += pieces[index].iov_len;
    int flags = next_fcntl()(descriptor, F_GETFL, 0L);
    bool appends = flags >= 0 && (flags & O_APPEND) != 0;
    struct stat facts;
    int64_t place = offset;
    if (appends) place = fstat(descriptor, &facts) == 0 ? facts.st_size : 0;
    else if (offset < 0) place = lseek(descriptor, 0, SEEK_CUR);
    size_t count = whole;
    if (write_fails(descriptor, file, place, &count, call)) return -1;
    ssize_t result;
    if (count < whole && pieces_count > 0) {
        size_t first = count < pieces[0].iov_len ? count : pieces[0].iov_len;
        result = offset < 0 ? next_write()(descriptor, pieces[0].iov_base, first)
                            : next_pwrite()(descriptor, pieces[0].iov_base, first, offset);
    } else if (pieces_count == 1) {
        result = offset < 0 ? next_write()(descriptor, pieces[0].iov_base, count)
                            : next_pwrite()(descriptor, pieces[0].iov_base, count, offset);
    } else {
        result = offset < 0 ? next_writev()(descriptor, pieces, pieces_count)
                            : next_pwritev()(descriptor, pieces, pieces_count, offset);
    }
    if (result > 0) {
        int before = errno;
        // With O_APPEND only the kernel knows where it went: this process is the only writer.
        if (appends && fstat(descriptor, &facts) == 0) place = facts.st_size - result;
        log_write(file, place, pieces, pieces_count, (size_t)result);
        errno = before;
    }
    return result;
}

SHIM ssize_t write(int descriptor, const void *bytes, size_t count) {
    uint64_t file = 0;
    if (!shim_ready() || shim_kind(descriptor, &file) != FD_FILE) return next_write()(descriptor, bytes, count);
    struct iovec piece = {.iov_base = (void *)bytes, .iov_len = count};
    return write_watched(descriptor, file, &piece, 1, -1, "write");
}

SHIM ssize_t pwrite(int descriptor, const void *bytes, size_t count, off_t offset) {
    uint64_t file = 0;
    if (!shim_ready() || shim_kind(descriptor, &file) != FD_FILE || offset < 0)
        return next_pwrite()(descriptor, bytes, count, offset);
    struct iovec piece = {.iov_base = (void *)bytes, .iov_len = count};
    return write_watched(descriptor, file, &piece, 1, offset, "pwrite");
}
SHIM ssize_t pwrite64(int descriptor, const void *bytes, size_t count, off64_t offset) {
    return pwrite(descriptor, bytes, count, offset);
}

SHIM ssize_t writev(int descriptor, const struct iovec *pieces, int count) {
    uint64_t file = 0;
    if (!shim_ready() || shim_kind(descriptor, &file) != FD_FILE) return next_writev()(descriptor, pieces, count);
    return write_watched(descriptor, file, pieces, count, -1, "writev");
}
SHIM ssize_t pwritev(int descriptor, const struct iovec *pieces, int count, off_t offset) {
    uint64_t file = 0;
    if (!shim_ready() || shim_kind(descriptor, &file) != FD_FILE || offset < 0)
        return next_pwritev()(descriptor, pieces, count, offset);
    return write_watched(descriptor, file, pieces, count, offset, "pwritev");
}
SHIM ssize_t pwritev64(int descriptor, const struct iovec *pieces, int count, off64_t offset) {
    return pwritev(descriptor, pieces, count, offset);
}

/// With flags, or at the descriptor's own place, it is not modelled; no program of ours says either.
SHIM ssize_t pwritev2(int descriptor, const struct iovec *pieces, int count, off_t offset, int flags) {
    uint64_t file = 0;
    if (!shim_ready() || shim_kind(descriptor, &file) != FD_FILE)
        return next_pwritev2()(descriptor, pieces, count, offset, flags);
    if (flags == 0 && offset >= 0) return pwritev(descriptor, pieces, count, offset);
    log_add(LOG_UNMODELLED, 0, file, 0, 0, "pwritev2 with flags", NULL, 0);
    return next_pwritev2()(descriptor, pieces, count, offset, flags);
}
SHIM ssize_t pwritev64v2(int descriptor, const struct iovec *pieces, int count, off64_t offset, int flags) {
    return pwritev2(descriptor, pieces, count, offset, flags);
}

SHIM int ftruncate(int descriptor, off_t size) {
    uint64_t file = 0;
    if (!shim_ready() || shim_kind(descriptor, &file) != FD_FILE) return next_ftruncate()(descriptor, size);
    if (fault_comes(FAULT_EINTR, file, "ftruncate")) { errno = EINTR; return -1; }
    if (fault_comes(FAULT_EIO, file, "ftruncate")) { errno = EIO; return -1; }
    int result = next_ftruncate()(descriptor, size);
    if (result == 0) log_add(LOG_SIZE, 0, file, size, 0, NULL, NULL, 0);
    return result;
}
SHIM int ftruncate64(int descriptor, off64_t size) { return ftruncate(descriptor, size); }

/// Room that is set aside; only its growth of the file is modelled.
static void log_room(int descriptor, uint64_t file, int mode) {
    struct stat facts;
    if (mode != 0) log_add(LOG_UNMODELLED, 0, file, 0, 0, "fallocate with a mode", NULL, 0);
    else if (fstat(descriptor, &facts) == 0) log_add(LOG_SIZE, 0, file, facts.st_size, 0, NULL, NULL, 0);
}
SHIM int fallocate(int descriptor, int mode, off_t offset, off_t count) {
    uint64_t file = 0;
    bool is_watched = shim_ready() && shim_kind(descriptor, &file) == FD_FILE;
    if (is_watched && fault_comes(FAULT_ENOSPC, file, "fallocate")) { errno = ENOSPC; return -1; }
    int result = next_fallocate()(descriptor, mode, offset, count);
    if (is_watched && result == 0) log_room(descriptor, file, mode);
    return result;
}
SHIM int fallocate64(int descriptor, int mode, off64_t offset, off64_t count) {
    return fallocate(descriptor, mode, offset, count);
}
SHIM int posix_fallocate(int descriptor, off_t offset, off_t count) {
    uint64_t file = 0;
    bool is_watched = shim_ready() && shim_kind(descriptor, &file) == FD_FILE;
    if (is_watched && fault_comes(FAULT_ENOSPC, file, "posix_fallocate")) return ENOSPC;
    int result = next_posix_fallocate()(descriptor, offset, count);
    if (is_watched && result == 0) log_room(descriptor, file, 0);
    return result;
}
SHIM int posix_fallocate64(int descriptor, off64_t offset, off64_t count) {
    return posix_fallocate(descriptor, offset, count);
}

// MARK: Reading, and maps

SHIM ssize_t read(int descriptor, void *bytes, size_t count) {
    uint64_t file = 0;
    if (shim_ready() && shim_kind(descriptor, &file) == FD_FILE && fault_comes(FAULT_READ, file, "read")) {
        errno = EIO;
        return -1;
    }
    return next_read()(descriptor, bytes, count);
}
SHIM ssize_t pread(int descriptor, void *bytes, size_t count, off_t offset) {
    uint64_t file = 0;
    if (shim_ready() && shim_kind(descriptor, &file) == FD_FILE && fault_comes(FAULT_READ, file, "pread")) {
        errno = EIO;
        return -1;
    }
    return next_pread()(descriptor, bytes, count, offset);
}
SHIM ssize_t pread64(int descriptor, void *bytes, size_t count, off64_t offset) {
    return pread(descriptor, bytes, count, offset);
}

SHIM void *mmap(void *address, size_t count, int protection, int flags, int descriptor, off_t offset) {
    uint64_t file = 0;
    if ((protection & PROT_WRITE) && (flags & MAP_SHARED) && shim_ready() && shim_kind(descriptor, &file) == FD_FILE)
        log_add(LOG_UNMODELLED, 0, file, 0, 0, "mmap for writing", NULL, 0);
    return next_mmap()(address, count, protection, flags, descriptor, offset);
}
SHIM void *mmap64(void *address, size_t count, int protection, int flags, int descriptor, off64_t offset) {
    return mmap(address, count, protection, flags, descriptor, offset);
}
