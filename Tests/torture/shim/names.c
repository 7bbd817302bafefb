// Calls on names: make, rename, link, unlink. And calls that change a watched file in ways nobody models: said aloud.
#include "shim.h"

#include <stdio.h>
#include <sys/sendfile.h>

NEXT(int, mkdirat, int, const char *, mode_t)
NEXT(int, renameat2, int, const char *, int, const char *, unsigned)
NEXT(int, renameat, int, const char *, int, const char *)
NEXT(int, unlinkat, int, const char *, int)
NEXT(int, linkat, int, const char *, int, const char *, int)
NEXT(int, symlinkat, const char *, int, const char *)
NEXT(int, truncate, const char *, off_t)
NEXT(FILE *, fopen, const char *, const char *)
NEXT(ssize_t, sendfile, int, int, off_t *, size_t)
NEXT(ssize_t, copy_file_range, int, off64_t *, int, off64_t *, size_t, unsigned)
NEXT(long, syscall, long, ...)

static bool is_refused(const char *call, bool creates) {
    if (creates && fault_comes(FAULT_ENOSPC, 0, call)) { errno = ENOSPC; return true; }
    if (fault_comes(FAULT_EIO, 0, call)) { errno = EIO; return true; }
    return false;
}

static uint64_t inode(int at, const char *name) {
    struct stat facts;
    return fstatat(at, name, &facts, AT_SYMLINK_NOFOLLOW) == 0 ? (uint64_t)facts.st_ino : 0;
}

// MARK: Names

SHIM int mkdirat(int at, const char *name, mode_t mode) {
    char path[PATH_MAX];
    bool is_watched = shim_ready() && shim_path(at, name, path);
    if (is_watched && inode(at, name) == 0 && is_refused("mkdir", true)) return -1;
    int result = next_mkdirat()(at, name, mode);
    if (is_watched && result == 0) log_add(LOG_MAKEDIR, 0, inode(at, name), 0, 0, path, NULL, 0);
    return result;
}
SHIM int mkdir(const char *name, mode_t mode) { return mkdirat(AT_FDCWD, name, mode); }

static int rename_watched(int from_at, const char *from, int to_at, const char *to, unsigned flags) {
    char old[PATH_MAX], new[PATH_MAX];
    bool leaves = shim_ready() && shim_path(from_at, from, old);
    bool comes = shim_ready() && shim_path(to_at, to, new);
    uint64_t file = leaves ? inode(from_at, from) : 0;
    if ((leaves || comes) && is_refused("rename", false)) return -1;
    int result = flags == 0 ? next_renameat()(from_at, from, to_at, to)
                            : next_renameat2()(from_at, from, to_at, to, flags);
    if (result != 0 || (!leaves && !comes)) return result;
    if (leaves != comes || (flags & ~1u) != 0)
        log_add(LOG_UNMODELLED, 0, file, 0, 0, "rename across the folder's border", NULL, 0);
    else
        log_add(LOG_RENAME, 0, file, 1, 0, old, new, strlen(new));
    return result;
}
SHIM int rename(const char *from, const char *to) { return rename_watched(AT_FDCWD, from, AT_FDCWD, to, 0); }
SHIM int renameat(int from_at, const char *from, int to_at, const char *to) {
    return rename_watched(from_at, from, to_at, to, 0);
}
SHIM int renameat2(int from_at, const char *from, int to_at, const char *to, unsigned flags) {
    return rename_watched(from_at, from, to_at, to, flags);
}

SHIM int unlinkat(int at, const char *name, int flags) {
    char path[PATH_MAX];
    bool is_watched = shim_ready() && shim_path(at, name, path);
    uint64_t file = is_watched ? inode(at, name) : 0;
    if (file != 0 && is_refused("unlink", false)) return -1;
    int result = next_unlinkat()(at, name, flags);
    if (is_watched && result == 0) log_add(LOG_UNLINK, 0, file, flags & AT_REMOVEDIR ? 1 : 0, 0, path, NULL, 0);
    return result;
}
SHIM int unlink(const char *name) { return unlinkat(AT_FDCWD, name, 0); }
SHIM int rmdir(const char *name) { return unlinkat(AT_FDCWD, name, AT_REMOVEDIR); }
SHIM int remove(const char *name) {
    struct stat facts;
    if (fstatat(AT_FDCWD, name, &facts, AT_SYMLINK_NOFOLLOW) != 0) return -1;
    return unlinkat(AT_FDCWD, name, S_ISDIR(facts.st_mode) ? AT_REMOVEDIR : 0);
}

SHIM int linkat(int from_at, const char *from, int to_at, const char *to, int flags) {
    char old[PATH_MAX], new[PATH_MAX];
    bool leaves = shim_ready() && shim_path(from_at, from, old);
    bool comes = shim_ready() && shim_path(to_at, to, new);
    if (comes && is_refused("link", true)) return -1;
    int result = next_linkat()(from_at, from, to_at, to, flags);
    if (result == 0 && comes)
        log_add(leaves ? LOG_LINK : LOG_UNMODELLED, 0, inode(to_at, to), 0, 0, leaves ? old : "link from outside",
                new, strlen(new));
    return result;
}
SHIM int link(const char *from, const char *to) { return linkat(AT_FDCWD, from, AT_FDCWD, to, 0); }

SHIM int symlinkat(const char *target, int at, const char *name) {
    char path[PATH_MAX];
    int result = next_symlinkat()(target, at, name);
    if (result == 0 && shim_ready() && shim_path(at, name, path))
        log_add(LOG_UNMODELLED, 0, 0, 0, 0, "symlink", path, strlen(path));
    return result;
}
SHIM int symlink(const char *target, const char *name) { return symlinkat(target, AT_FDCWD, name); }

// MARK: What nobody models

static void say_path(const char *name, const char *call) {
    char path[PATH_MAX];
    if (shim_ready() && shim_path(AT_FDCWD, name, path))
        log_add(LOG_UNMODELLED, 0, 0, 0, 0, call, path, strlen(path));
}
static void say_descriptor(int descriptor, const char *call) {
    uint64_t file = 0;
    if (shim_ready() && shim_kind(descriptor, &file) == FD_FILE)
        log_add(LOG_UNMODELLED, 0, file, 0, 0, call, NULL, 0);
}

SHIM int truncate(const char *name, off_t size) {
    say_path(name, "truncate");
    return next_truncate()(name, size);
}
SHIM int truncate64(const char *name, off64_t size) { return truncate(name, size); }

SHIM FILE *fopen(const char *name, const char *mode) {
    if (strpbrk(mode, "wa+") != NULL) say_path(name, "fopen for writing");
    return next_fopen()(name, mode);
}
SHIM FILE *fopen64(const char *name, const char *mode) { return fopen(name, mode); }

SHIM ssize_t sendfile(int out, int in, off_t *offset, size_t count) {
    say_descriptor(out, "sendfile");
    return next_sendfile()(out, in, offset, count);
}
SHIM ssize_t sendfile64(int out, int in, off64_t *offset, size_t count) { return sendfile(out, in, offset, count); }
SHIM ssize_t copy_file_range(int in, off64_t *from, int out, off64_t *to, size_t count, unsigned flags) {
    say_descriptor(out, "copy_file_range");
    return next_copy_file_range()(in, from, out, to, count, flags);
}

// MARK: Kernel calls by number

long shim_call(long number, long a, long b, long c, long d, long e, long f) {
    return next_syscall()(number, a, b, c, d, e, f);
}

SHIM long syscall(long number, ...) {
    long a[6];
    va_list list;
    va_start(list, number);
    for (int index = 0; index < 6; index += 1) a[index] = va_arg(list, long);
    va_end(list);
    if (number == SYS_syncfs) return shim_sync_file_system((int)a[0]);
    if (number == SYS_fsync) return fsync((int)a[0]);
    if (number == SYS_fdatasync) return fdatasync((int)a[0]);
    return shim_call(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}
