// malloc and its like once more, in front of the C library's: a program that this is linked into uses these. They count
// and pass on. Not where a sanitizer does the same for reasons of its own.
#include "allocation_count.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define IS_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define IS_SANITIZED 1
#endif
#endif

#if defined(__GLIBC__) || defined(__linux__)
#include <stddef.h>
#endif

#if defined(__linux__) && !defined(IS_SANITIZED)
#include <errno.h>

extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);
extern void *__libc_memalign(size_t, size_t);
extern void __libc_free(void *);

static __thread unsigned long count;

unsigned long tally_allocations(void) { return count; }
int tally_counts_allocations(void) { return 1; }

void *malloc(size_t size) {
    count++;
    return __libc_malloc(size);
}
void *calloc(size_t items, size_t size) {
    count++;
    return __libc_calloc(items, size);
}
void *realloc(void *memory, size_t size) {
    count++;
    return __libc_realloc(memory, size);
}
void *memalign(size_t alignment, size_t size) {
    count++;
    return __libc_memalign(alignment, size);
}
void *aligned_alloc(size_t alignment, size_t size) {
    count++;
    return __libc_memalign(alignment, size);
}
int posix_memalign(void **memory, size_t alignment, size_t size) {
    count++;
    void *found = __libc_memalign(alignment, size);
    if (!found) return ENOMEM;
    *memory = found;
    return 0;
}
void free(void *memory) { __libc_free(memory); }
#else
unsigned long tally_allocations(void) { return 0; }
int tally_counts_allocations(void) { return 0; }
#endif
