// The wall clock, moved by what TORTURE_CONTROL says. The monotonic clocks stay true.
#include "shim.h"

#include <sys/time.h>
#include <time.h>

NEXT(int, clock_gettime, clockid_t, struct timespec *)
NEXT(int, gettimeofday, struct timeval *restrict, void *restrict)

SHIM int clock_gettime(clockid_t clock, struct timespec *time) {
    int result = next_clock_gettime()(clock, time);
    if (result != 0 || (clock != CLOCK_REALTIME && clock != CLOCK_REALTIME_COARSE)) return result;
    int64_t offset = control_clock_offset();
    if (offset == 0) return result;
    int64_t moved = (int64_t)time->tv_sec * 1000000000 + time->tv_nsec + offset;
    if (moved < 0) moved = 0;
    time->tv_sec = moved / 1000000000;
    time->tv_nsec = moved % 1000000000;
    return result;
}

SHIM int gettimeofday(struct timeval *restrict time, void *restrict zone) {
    int result = next_gettimeofday()(time, zone);
    int64_t offset = control_clock_offset();
    if (result != 0 || offset == 0) return result;
    int64_t moved = (int64_t)time->tv_sec * 1000000 + time->tv_usec + offset / 1000;
    if (moved < 0) moved = 0;
    time->tv_sec = moved / 1000000;
    time->tv_usec = moved % 1000000;
    return result;
}

SHIM time_t time(time_t *place) {
    struct timespec now;
    if (clock_gettime(CLOCK_REALTIME, &now) != 0) return (time_t)-1;
    if (place != NULL) *place = now.tv_sec;
    return now.tv_sec;
}
