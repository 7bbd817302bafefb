// A preload library that stands between a real program and the kernel: it injects faults into real system calls,
// steps the clock, and writes down, in one order, everything that decides what a power loss would leave.
//
//     make torture-shim                                  builds .build/torture/shim.so
//     LD_PRELOAD=.build/torture/shim.so TORTURE_FOLDER=DIR … tallygate serve --data DIR
//
// It never touches anything outside TORTURE_FOLDER but the clock and, when asked, plaintext of TLS. Without
// TORTURE_FOLDER nothing is watched. Reads, locks and sockets are left alone.
//
// ## Environment
//
// TORTURE_FOLDER=DIR     What is watched: this folder and all below it. It must exist at start. Files whose name ends
//                        in `-shm` are not durable state (SQLite's shared memory) and are not watched.
//
// TORTURE_FAULTS=LIST    Faults in calls on watched files, `name=value` with commas between:
//                          seed=N      draws another sequence (default 1; by the number of the call in this process)
//                          after=N     no fault in the first N watched calls
//                          most=N      no more than N faults in all (default: no bound)
//                          eio=P       a write, truncate, create, rename or unlink fails with EIO
//                          enospc=P    a write that makes its file longer, or a create, fails with ENOSPC
//                          short=P     a write moves fewer bytes than asked (at least one; only if more than one)
//                          eintr=P     an open, write or truncate fails with EINTR
//                          sync=P      fsync, fdatasync and syncfs fail with EIO, as Linux does it: nothing is synced,
//                                      the pages count as clean, the next sync of the same file succeeds
//                          syncat=N    the N-th sync of the process (1, 2, …) fails in that way, whatever else is
//                                      said
//                          read=P      a read fails with EIO
//                          delay=MS    every sync takes so much longer (no randomness; not counted as a fault)
//                        P is a probability, 0 to 1. Example: TORTURE_FAULTS=seed=7,after=200,short=0.05,sync=0.001
//
// TORTURE_CONTROL=FILE   What the harness changes while the program runs: at least 16 bytes, mapped, little-endian:
//                           0  i64  added to CLOCK_REALTIME, gettimeofday and time, in nanoseconds. Timers are not
//                                   changed: they run on the monotonic clock.
//                           8  u32  switches: 1 no faults by chance for now; 2 the disk is full (a write that makes
//                                   its file longer, and each create, fail with ENOSPC); 4 every sync fails with EIO;
//                                   8 every sync waits until this is cleared, 60 s at most
//                          12  u32  so many milliseconds longer takes every sync
//
// TORTURE_LOG=FILE       The log, one a process: `%p` in the name becomes the process id. Format below.
// TORTURE_LOG_TLS=1      The log also holds the plaintext of TLS, both ways.
// TORTURE_IGNORE_SYNCS=1 fsync, fdatasync, syncfs and sync return 0 and do nothing; the log does not mention them.
//                        Any other text: so do syncfs, sync, and those of files whose path holds the text.
//                        For negative controls: whatever judges a run must then find that promises were broken.
//
// A fault that the shim injected is said on no output; the log holds it. If the log cannot be written or the settings
// make no sense the process ends at once with status 86 and one line on standard error.
//
// ## The log
//
// Little-endian records, 56 bytes and their name and data, in the order in which they were appended:
//
//      0  length of the whole record   u32       24  file                     u64
//      4  kind                         u8        32  a                        i64
//      5  flags                        u8        40  b                        i64
//      6  bytes of name                u16       48  thread                   u32
//      8  order, 1, 2, 3 …             u64       52  zero                     u32
//     16  CLOCK_MONOTONIC, ns          u64       56  name, then data
//
// kind             file     a              b          name                 data
//  1 start         -        process id     version 1  TORTURE_FOLDER       -
//  2 open          inode    see below      -          path                 -
//  3 write         inode    offset         bytes      -                    the bytes; flags bit 0: all zeros, left out
//  4 size          inode    new size       -          -                    -
//  5 makedir       inode    -              -          path                 -
//  6 rename        inode    1 may replace  -          old path             new path
//  7 unlink        inode    1 a folder     -          path                 -
//  8 link          inode    -              -          old path             new path
//  9 sync begins   inode    1 fsync, 2 fdatasync, 3 whole file system (syncfs, sync)   ticket   -   -
// 10 sync ended    inode    as above       ticket     -                    -              flags bit 0: it failed
// 11 sending       channel  -              bytes      -                    plaintext offered to SSL_write
// 12 sent          channel  result         -          -                    -
// 13 received      channel  -              bytes      -                    plaintext that SSL_read returned
// 14 channel ends  channel  -              -          -                    -
// 15 fault         inode    errno          1 eio … 6 read, 7 switch        call   -
// 16 unmodelled    inode    -              -          call, path           -              a judge must give up
// 17 cut           -        -              -          -                    -              written by harnesses alone
//
// The a of an open is a sum: 1 created, 2 emptied, 4 a folder, 8 for reading alone.
// Paths are relative to the folder. A change of a file or a name is logged when the call has returned and before the
// program sees that it has; a sync begins in the log before the call and has ended after it; what is sent is logged
// before the call. So if the log shows a write before a sync's begin, and that sync's end before an ACK, it was so.
// The last record may be torn: the process was killed in it.
#include "shim.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

static pthread_once_t once = PTHREAD_ONCE_INIT;
static atomic_bool is_ready;
/// The folder's true path, no slash at its end; empty where nothing is watched.
static char root[PATH_MAX];
static size_t root_bytes;

static struct {
    _Atomic(uint32_t) kind;
    _Atomic(uint64_t) file;
} table[FD_COUNT];

// MARK: Set-up

_Noreturn void shim_fail(const char *why) {
    char line[512];
    int count = snprintf(line, sizeof line, "torture shim: %s\n", why);
    if (count > 0) (void)shim_kernel(SYS_write, 2, line, (size_t)count);
    (void)shim_kernel(SYS_exit_group, 86);
    abort();
}

void *shim_next(const char *name) {
    void *address = dlsym(RTLD_NEXT, name);
    if (address == NULL) {
        char why[128];
        (void)snprintf(why, sizeof why, "no other definition of %s", name);
        shim_fail(why);
    }
    return address;
}

static void set_up(void) {
    const char *control = getenv("TORTURE_CONTROL");
    if (control != NULL && *control != 0) faults_control(control);
    const char *folder = getenv("TORTURE_FOLDER");
    if (folder != NULL && *folder != 0) {
        if (realpath(folder, root) == NULL) shim_fail("TORTURE_FOLDER does not exist");
        root_bytes = strlen(root);
        const char *faults = getenv("TORTURE_FAULTS");
        if (faults != NULL) faults_parse(faults);
        const char *file = getenv("TORTURE_LOG");
        if (file != NULL && *file != 0) log_open(file, root);
    }
    atomic_store_explicit(&is_ready, true, memory_order_release);
}

bool shim_ready(void) {
    if (!atomic_load_explicit(&is_ready, memory_order_acquire)) (void)pthread_once(&once, set_up);
    return root_bytes > 0;
}

__attribute__((constructor)) static void begin(void) { (void)shim_ready(); }

// MARK: Descriptors

int shim_kind(int descriptor, uint64_t *file) {
    if (descriptor < 0 || descriptor >= FD_COUNT) return FD_OTHER;
    uint32_t kind = atomic_load_explicit(&table[descriptor].kind, memory_order_acquire);
    if (kind != FD_OTHER) *file = atomic_load_explicit(&table[descriptor].file, memory_order_relaxed);
    return (int)kind;
}

static void set(int descriptor, int kind, uint64_t file) {
    if (descriptor < 0 || descriptor >= FD_COUNT) return;
    atomic_store_explicit(&table[descriptor].file, file, memory_order_relaxed);
    atomic_store_explicit(&table[descriptor].kind, (uint32_t)kind, memory_order_release);
}

void shim_forget(int descriptor) { set(descriptor, FD_OTHER, 0); }

void shim_copy(int from, int to) {
    uint64_t file = 0;
    int kind = shim_kind(from, &file);
    set(to, kind, file);
}

/// Makes a true path relative to the folder: "" is the folder itself.
static bool relative(const char *full, char *path) {
    if (strncmp(full, root, root_bytes) != 0) return false;
    const char *rest = full + root_bytes;
    if (*rest == '/') rest += 1;
    else if (*rest != 0) return false;
    size_t count = strlen(rest);
    if (count >= 4 && strcmp(rest + count - 4, "-shm") == 0) return false;
    memmove(path, rest, count + 1);
    return true;
}

static bool path_of(int descriptor, char *full) {
    char link[64];
    (void)snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    ssize_t count = readlink(link, full, PATH_MAX - 1);
    if (count < 0) return false;
    full[count] = 0;
    return full[0] == '/';
}

int shim_adopt(int descriptor, char *path) {
    char full[PATH_MAX];
    struct stat facts;
    int kind = FD_OTHER;
    uint64_t file = 0;
    int before = errno;
    if (path_of(descriptor, full) && relative(full, path) && fstat(descriptor, &facts) == 0) {
        file = (uint64_t)facts.st_ino;
        if (S_ISREG(facts.st_mode)) kind = FD_FILE;
        if (S_ISDIR(facts.st_mode)) kind = FD_FOLDER;
    }
    errno = before;
    set(descriptor, kind, file);
    return kind;
}

bool shim_path(int at, const char *name, char *path) {
    char given[PATH_MAX], folder[PATH_MAX], full[2 * PATH_MAX];
    size_t count = strlen(name);
    while (count > 1 && name[count - 1] == '/') count -= 1;
    if (count == 0 || count >= PATH_MAX) return false;
    memcpy(given, name, count);
    given[count] = 0;
    // The last part need not exist; the folder it stands in does, or the call has failed.
    char *slash = strrchr(given, '/');
    const char *last = slash == NULL ? given : slash + 1;
    int before = errno;
    bool is_found;
    if (given[0] == '/') {
        char parent[PATH_MAX];
        memcpy(parent, given, (size_t)(slash - given) + 1);
        parent[slash == given ? 1 : slash - given] = 0;
        is_found = realpath(parent, folder) != NULL;
    } else {
        char base[PATH_MAX], joined[2 * PATH_MAX];
        is_found = at == AT_FDCWD ? getcwd(base, sizeof base) != NULL : path_of(at, base);
        if (is_found) {
            int parent = slash == NULL ? 0 : (int)(slash - given);
            (void)snprintf(joined, sizeof joined, "%s/%.*s", base, parent, given);
            is_found = realpath(joined, folder) != NULL;
        }
    }
    errno = before;
    if (!is_found) return false;
    int length = snprintf(full, sizeof full, "%s/%s", strcmp(folder, "/") == 0 ? "" : folder, last);
    return length > 0 && length < PATH_MAX && relative(full, path);
}
