// Kernel interfaces that the platform's Swift module leaves out. Everything here
// is `static inline`, so the module has nothing to link.
#ifndef TALLY_CPLATFORM_SHIM_H
#define TALLY_CPLATFORM_SHIM_H
#if defined(__linux__)
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

static inline int tally_syncfs(int descriptor) {
    return (int)syscall(SYS_syncfs, descriptor);
}
/// accept4(2), which the C library declares for _GNU_SOURCE alone; defining that here would give the system's
/// types other members than in the modules beside this one. `address` is a sockaddr, `size` its socklen_t.
static inline int tally_accept4(int listener, void *address, unsigned int *size, int flags) {
    return (int)syscall(SYS_accept4, listener, address, size, flags);
}
/// epoll_pwait2(2) without a signal mask, by its number for the reason above; `nanoseconds` is how long it may wait.
static inline int tally_epoll_wait_ns(int epoll, struct epoll_event *events, int count, long long nanoseconds) {
    struct { int64_t seconds, nanoseconds; } timeout = {nanoseconds / 1000000000, nanoseconds % 1000000000};
    return (int)syscall(SYS_epoll_pwait2, epoll, events, count, &timeout, (void *)0, (size_t)8);
}
/// O_DIRECT, which the C library declares for _GNU_SOURCE alone and every processor has another number for.
static inline int tally_o_direct(void) {
#if defined(__aarch64__) || defined(__arm__)
    return 0200000;
#else
    return 040000;
#endif
}
/// The file system's magic number (statfs f_type), or -1.
static inline long tally_filesystem_type(int descriptor) {
    struct statfs facts;
    if (fstatfs(descriptor, &facts) != 0) return -1;
    return (long)facts.f_type;
}
#endif
#endif
