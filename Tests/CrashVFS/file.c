/* An open file, as SQLite sees it. */
#include "internal.h"

#include <stdlib.h>
#include <string.h>

/* The disk's mutex is held from here to `leave`. False for a handle of an earlier life, or of a disk that is down. */
static bool enter(handle *handle) {
  pthread_mutex_lock(&handle->disk->mutex);
  return handle->life == handle->disk->life && handle->disk->is_running && !handle->disk->is_stopping;
}

static int leave(handle *handle, int result) {
  pthread_mutex_unlock(&handle->disk->mutex);
  return result;
}

/* MARK: Bytes */

static int file_read(sqlite3_file *base, void *into, int count, sqlite3_int64 offset) {
  handle *handle = (struct handle *)base;
  if (!enter(handle)) return leave(handle, SQLITE_IOERR_READ);
  const buffer *content = &handle->file->current;
  int64_t there = content->count - offset;
  if (there > count) there = count;
  if (there < 0) there = 0;
  if (there > 0) memcpy(into, content->bytes + offset, (size_t)there);
  if (there < count) memset((uint8_t *)into + there, 0, (size_t)(count - there));
  return leave(handle, there < count ? SQLITE_IOERR_SHORT_READ : SQLITE_OK);
}

static int file_write(sqlite3_file *base, const void *bytes, int count, sqlite3_int64 offset) {
  handle *handle = (struct handle *)base;
  if (!enter(handle)) return leave(handle, SQLITE_IOERR_WRITE);
  int error = disk_write(handle->disk, handle->file, bytes, count, offset);
  return leave(handle, error == 0 ? SQLITE_OK : error == CRASH_ERROR_FULL ? SQLITE_FULL : SQLITE_IOERR_WRITE);
}

static int file_truncate(sqlite3_file *base, sqlite3_int64 size) {
  handle *handle = (struct handle *)base;
  if (!enter(handle) || !disk_spend(handle->disk)) return leave(handle, SQLITE_IOERR_TRUNCATE);
  inode_truncate(handle->file, size);
  return leave(handle, SQLITE_OK);
}

static int file_sync(sqlite3_file *base, int flags) {
  (void)flags;
  handle *handle = (struct handle *)base;
  if (!enter(handle) || !disk_spend(handle->disk)) return leave(handle, SQLITE_IOERR_FSYNC);
  disk *disk = handle->disk;
  if (!disk_sync(disk, handle->file)) return leave(handle, SQLITE_IOERR_FSYNC);
  if (handle->syncs_folder) {
    if (!disk_spend(disk)) return leave(handle, SQLITE_IOERR_DIR_FSYNC);
    disk_sync_folder(disk, handle->name);
    handle->syncs_folder = false;
  }
  return leave(handle, SQLITE_OK);
}

static int file_size(sqlite3_file *base, sqlite3_int64 *size) {
  handle *handle = (struct handle *)base;
  if (!enter(handle)) return leave(handle, SQLITE_IOERR_FSTAT);
  *size = handle->file->current.count;
  return leave(handle, SQLITE_OK);
}

/* MARK: Locks */

/* The file's locks, those of an earlier life cleared. */
static inode *locks(handle *handle) {
  inode *file = handle->file;
  if (file->lock_life != handle->disk->life) {
    file->lock_life = handle->disk->life;
    file->shared_locks = 0;
    file->lock_owner = NULL;
    file->owner_level = SQLITE_LOCK_NONE;
  }
  return file;
}

static int file_lock(sqlite3_file *base, int level) {
  handle *handle = (struct handle *)base;
  if (!enter(handle)) return leave(handle, SQLITE_IOERR_LOCK);
  if (handle->level >= level) return leave(handle, SQLITE_OK);
  inode *file = locks(handle);
  bool is_others = file->lock_owner && file->lock_owner != handle;
  if (level == SQLITE_LOCK_SHARED) {
    if (is_others && file->owner_level >= SQLITE_LOCK_PENDING) return leave(handle, SQLITE_BUSY);
    file->shared_locks++;
    handle->level = level;
    return leave(handle, SQLITE_OK);
  }
  if (is_others) return leave(handle, SQLITE_BUSY);
  file->lock_owner = handle;
  int reached = level == SQLITE_LOCK_EXCLUSIVE && file->shared_locks > 1 ? SQLITE_LOCK_PENDING : level;
  handle->level = file->owner_level = reached;
  return leave(handle, reached == level ? SQLITE_OK : SQLITE_BUSY);
}

static void unlock(handle *handle, int level) {
  if (handle->level <= level) return;
  inode *file = locks(handle);
  if (file->lock_owner == handle) {
    file->lock_owner = NULL;
    file->owner_level = SQLITE_LOCK_NONE;
  }
  if (level == SQLITE_LOCK_NONE) file->shared_locks--;
  handle->level = level;
}

static int file_unlock(sqlite3_file *base, int level) {
  handle *handle = (struct handle *)base;
  if (enter(handle)) unlock(handle, level);
  return leave(handle, SQLITE_OK);
}

static int file_check_reserved(sqlite3_file *base, int *is_reserved) {
  handle *handle = (struct handle *)base;
  if (!enter(handle)) return leave(handle, SQLITE_IOERR_CHECKRESERVEDLOCK);
  *is_reserved = locks(handle)->lock_owner != NULL;
  return leave(handle, SQLITE_OK);
}

/* MARK: The rest */

static int file_close(sqlite3_file *base) {
  handle *handle = (struct handle *)base;
  disk *disk = handle->disk;
  bool is_alive = enter(handle);
  if (is_alive) unlock(handle, SQLITE_LOCK_NONE);
  shm_leave(handle);
  if (is_alive && handle->deletes_on_close && disk_find(disk, handle->name) == handle->file) {
    disk_remove(disk, handle->name);
  }
  inode_release(handle->file);
  free(handle->name);
  leave(handle, SQLITE_OK);
  disk_release(disk);
  return SQLITE_OK;
}

static int file_control(sqlite3_file *base, int operation, void *argument) {
  handle *handle = (struct handle *)base;
  switch (operation) {
    case SQLITE_FCNTL_HAS_MOVED:
      if (!enter(handle)) return leave(handle, SQLITE_IOERR);
      *(int *)argument = disk_find(handle->disk, handle->name) != handle->file;
      return leave(handle, SQLITE_OK);
    case SQLITE_FCNTL_LOCKSTATE:
      *(int *)argument = handle->level;
      return SQLITE_OK;
    default: return SQLITE_NOTFOUND;
  }
}

static int file_sector_size(sqlite3_file *base) {
  (void)base;
  /* What SQLite's own VFS says; nothing smaller is torn together with its neighbours. */
  return 4096;
}

static int file_characteristics(sqlite3_file *base) {
  const handle *handle = (const struct handle *)base;
  return handle->disk->behaviour & CRASH_DISK_POWERSAFE ? SQLITE_IOCAP_POWERSAFE_OVERWRITE : 0;
}

const sqlite3_io_methods crash_io_methods = {
    .iVersion = 2,
    .xClose = file_close,
    .xRead = file_read,
    .xWrite = file_write,
    .xTruncate = file_truncate,
    .xSync = file_sync,
    .xFileSize = file_size,
    .xLock = file_lock,
    .xUnlock = file_unlock,
    .xCheckReservedLock = file_check_reserved,
    .xFileControl = file_control,
    .xSectorSize = file_sector_size,
    .xDeviceCharacteristics = file_characteristics,
    .xShmMap = shm_map,
    .xShmLock = shm_lock,
    .xShmBarrier = shm_barrier,
    .xShmUnmap = shm_unmap,
};
