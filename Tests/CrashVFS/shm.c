/*
** The index of a write-ahead log, which all connections of a process share: plain memory and eight locks. It dies with
** the process; whoever comes next reads the log again, as after any crash.
*/
#include "internal.h"

#include <stdlib.h>

struct shared_memory {
  int users;
  uint64_t life;
  inode *file;
  int region_count;
  int region_bytes;
  uint8_t **regions;
  int shared[LOCKS]; /* how many hold it */
  bool exclusive[LOCKS];
};

static bool is_alive(const handle *handle) {
  return handle->life == handle->disk->life && handle->disk->is_running && !handle->disk->is_stopping;
}

static shared_memory *shm_join(handle *handle) {
  if (handle->shared) return handle->shared;
  inode *file = handle->file;
  if (file->shared == NULL || file->shared->life != handle->life) {
    file->shared = crash_allocate(sizeof(shared_memory));
    file->shared->life = handle->life;
    file->shared->file = file;
  }
  file->shared->users++;
  return handle->shared = file->shared;
}

void shm_leave(handle *handle) {
  shared_memory *shared = handle->shared;
  if (shared == NULL) return;
  for (int lock = 0; lock < LOCKS; lock++) {
    if (handle->shared_mask & 1u << lock) shared->shared[lock]--;
    if (handle->exclusive_mask & 1u << lock) shared->exclusive[lock] = false;
  }
  handle->shared = NULL;
  handle->shared_mask = handle->exclusive_mask = 0;
  if (--shared->users > 0) return;
  if (shared->file->shared == shared) shared->file->shared = NULL;
  for (int region = 0; region < shared->region_count; region++) free(shared->regions[region]);
  free(shared->regions);
  free(shared);
}

int shm_map(sqlite3_file *base, int region, int bytes, int extends, void volatile **out) {
  handle *handle = (struct handle *)base;
  *out = NULL;
  pthread_mutex_lock(&handle->disk->mutex);
  int result = SQLITE_IOERR_SHMMAP;
  if (is_alive(handle)) {
    shared_memory *shared = shm_join(handle);
    result = SQLITE_OK;
    if (shared->region_count <= region && extends) {
      shared->regions = crash_resize(shared->regions, (size_t)(region + 1) * sizeof(uint8_t *));
      while (shared->region_count <= region) {
        shared->regions[shared->region_count++] = crash_allocate((size_t)bytes);
      }
    }
    if (region < shared->region_count) *out = shared->regions[region];
  }
  pthread_mutex_unlock(&handle->disk->mutex);
  return result;
}

/* Whether a connection other than `handle` holds one of the locks in `mask`; shared holds count if `counts_shared`. */
static bool is_held(const handle *handle, uint32_t mask, bool counts_shared) {
  const shared_memory *shared = handle->shared;
  for (int lock = 0; lock < LOCKS; lock++) {
    if (!(mask & 1u << lock)) continue;
    if (shared->exclusive[lock] && !(handle->exclusive_mask & 1u << lock)) return true;
    int own = handle->shared_mask & 1u << lock ? 1 : 0;
    if (counts_shared && shared->shared[lock] > own) return true;
  }
  return false;
}

static int shm_take(handle *handle, uint32_t mask, int flags) {
  shared_memory *shared = handle->shared;
  if (is_held(handle, mask, flags & SQLITE_SHM_EXCLUSIVE)) return SQLITE_BUSY;
  for (int lock = 0; lock < LOCKS; lock++) {
    uint32_t bit = mask & 1u << lock;
    if (flags & SQLITE_SHM_EXCLUSIVE && bit) {
      shared->exclusive[lock] = true;
      handle->exclusive_mask |= bit;
    } else if (bit && !(handle->shared_mask & bit)) {
      shared->shared[lock]++;
      handle->shared_mask |= bit;
    }
  }
  return SQLITE_OK;
}

static void shm_give(handle *handle, uint32_t mask) {
  for (int lock = 0; lock < LOCKS; lock++) {
    uint32_t bit = mask & 1u << lock;
    if (handle->exclusive_mask & bit) handle->shared->exclusive[lock] = false;
    if (handle->shared_mask & bit) handle->shared->shared[lock]--;
    handle->exclusive_mask &= ~bit;
    handle->shared_mask &= ~bit;
  }
}

int shm_lock(sqlite3_file *base, int offset, int count, int flags) {
  handle *handle = (struct handle *)base;
  uint32_t mask = ((1u << count) - 1) << offset;
  pthread_mutex_lock(&handle->disk->mutex);
  int result = SQLITE_IOERR_SHMLOCK;
  if (handle->shared && flags & SQLITE_SHM_UNLOCK) {
    shm_give(handle, mask);
    result = SQLITE_OK;
  } else if (handle->shared && is_alive(handle)) {
    result = shm_take(handle, mask, flags);
  }
  pthread_mutex_unlock(&handle->disk->mutex);
  return result;
}

void shm_barrier(sqlite3_file *base) {
  handle *handle = (struct handle *)base;
  __sync_synchronize();
  /* The mutex too, so that a tool that watches for races sees the order. */
  pthread_mutex_lock(&handle->disk->mutex);
  pthread_mutex_unlock(&handle->disk->mutex);
}

int shm_unmap(sqlite3_file *base, int deletes) {
  (void)deletes;
  handle *handle = (struct handle *)base;
  pthread_mutex_lock(&handle->disk->mutex);
  shm_leave(handle);
  pthread_mutex_unlock(&handle->disk->mutex);
  return SQLITE_OK;
}
