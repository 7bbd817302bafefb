/* The door by which SQLite comes in: paths on a disk are taken here, all others go on to the VFS of before. */
#include "internal.h"

#include <string.h>

static sqlite3_vfs *original;
static sqlite3_vfs crash_vfs;
static pthread_mutex_t install_mutex = PTHREAD_MUTEX_INITIALIZER;

/* Randomness and time, once they are fixed. */
static pthread_mutex_t fixed_mutex = PTHREAD_MUTEX_INITIALIZER;
static bool is_fixed;
static uint64_t fixed_state;
static int64_t fixed_ms;

static bool is_ours(const char *path) { return path && crash_path_is_disk(path); }

/* MARK: Files */

static int open_there(disk *disk, const char *name, handle *handle, int flags, int *out_flags) {
  if (!disk->is_running || disk->is_stopping) return SQLITE_CANTOPEN;
  inode *file = disk_find(disk, name);
  bool is_new = file == NULL;
  if (is_new) {
    if (!(flags & SQLITE_OPEN_CREATE) || !disk_spend(disk)) return SQLITE_CANTOPEN;
    file = disk_create(disk, name);
  } else if (flags & SQLITE_OPEN_CREATE && flags & SQLITE_OPEN_EXCLUSIVE) {
    return SQLITE_CANTOPEN;
  }
  handle->disk = disk;
  handle->file = inode_retain(file);
  handle->name = crash_copy_text(name);
  handle->life = disk->life;
  handle->level = SQLITE_LOCK_NONE;
  /* As SQLite's own VFS: the first sync of a journal keeps its name too, that of a database does not. */
  const int journals = SQLITE_OPEN_MAIN_JOURNAL | SQLITE_OPEN_SUPER_JOURNAL | SQLITE_OPEN_WAL;
  handle->syncs_folder = (flags & SQLITE_OPEN_CREATE) && (flags & journals);
  handle->deletes_on_close = flags & SQLITE_OPEN_DELETEONCLOSE;
  handle->base.pMethods = &crash_io_methods;
  if (out_flags) *out_flags = flags;
  return SQLITE_OK;
}

static int vfs_open(sqlite3_vfs *vfs, sqlite3_filename path, sqlite3_file *file, int flags, int *out_flags) {
  (void)vfs;
  if (!is_ours(path)) return original->xOpen(original, path, file, flags, out_flags);
  memset(file, 0, sizeof(handle));
  const char *name;
  disk *disk = disk_acquire(path, &name);
  if (disk == NULL) return SQLITE_CANTOPEN;
  pthread_mutex_lock(&disk->mutex);
  int result = open_there(disk, name, (handle *)file, flags, out_flags);
  pthread_mutex_unlock(&disk->mutex);
  /* An open handle keeps what `disk_acquire` took. */
  if (result != SQLITE_OK) disk_release(disk);
  return result;
}

static int vfs_delete(sqlite3_vfs *vfs, const char *path, int syncs_folder) {
  (void)vfs;
  if (!is_ours(path)) return original->xDelete(original, path, syncs_folder);
  const char *name;
  disk *disk = disk_acquire(path, &name);
  if (disk == NULL) return SQLITE_IOERR_DELETE;
  pthread_mutex_lock(&disk->mutex);
  int result = SQLITE_OK;
  if (!disk->is_running || disk->is_stopping) {
    result = SQLITE_IOERR_DELETE;
  } else if (disk_find(disk, name) == NULL) {
    result = SQLITE_IOERR_DELETE_NOENT;
  } else if (!disk_spend(disk)) {
    result = SQLITE_IOERR_DELETE;
  } else {
    disk_remove(disk, name);
    if (syncs_folder) {
      if (disk_spend(disk)) disk_sync_folder(disk, name);
      else result = SQLITE_IOERR_DIR_FSYNC;
    }
  }
  pthread_mutex_unlock(&disk->mutex);
  disk_release(disk);
  return result;
}

static int vfs_access(sqlite3_vfs *vfs, const char *path, int flags, int *is_there) {
  (void)vfs;
  if (!is_ours(path)) return original->xAccess(original, path, flags, is_there);
  const char *name;
  disk *disk = disk_acquire(path, &name);
  *is_there = 0;
  if (disk == NULL) return SQLITE_OK;
  pthread_mutex_lock(&disk->mutex);
  bool is_up = disk->is_running && !disk->is_stopping;
  inode *file = disk_find(disk, name);
  /* SQLite's own VFS takes an empty file for none here. */
  *is_there = is_up && file && (flags != SQLITE_ACCESS_EXISTS || file->current.count > 0);
  pthread_mutex_unlock(&disk->mutex);
  disk_release(disk);
  return is_up ? SQLITE_OK : SQLITE_IOERR_ACCESS;
}

static int vfs_full_path(sqlite3_vfs *vfs, const char *path, int count, char *out) {
  (void)vfs;
  if (!is_ours(path)) return original->xFullPathname(original, path, count, out);
  size_t length = strlen(path);
  if (length >= (size_t)count || length >= PATH_BYTES_MAX) return SQLITE_CANTOPEN;
  memcpy(out, path, length + 1);
  return SQLITE_OK;
}

/* MARK: Libraries, sleep, errors: not ours */

static void *vfs_library_open(sqlite3_vfs *vfs, const char *path) {
  (void)vfs;
  return original->xDlOpen(original, path);
}

static void vfs_library_error(sqlite3_vfs *vfs, int count, char *message) {
  (void)vfs;
  original->xDlError(original, count, message);
}

static void (*vfs_library_symbol(sqlite3_vfs *vfs, void *library, const char *symbol))(void) {
  (void)vfs;
  return original->xDlSym(original, library, symbol);
}

static void vfs_library_close(sqlite3_vfs *vfs, void *library) {
  (void)vfs;
  original->xDlClose(original, library);
}

static int vfs_sleep(sqlite3_vfs *vfs, int microseconds) {
  (void)vfs;
  return original->xSleep(original, microseconds);
}

static int vfs_last_error(sqlite3_vfs *vfs, int count, char *message) {
  (void)vfs;
  return original->xGetLastError(original, count, message);
}

/* MARK: Randomness and time */

static int vfs_randomness(sqlite3_vfs *vfs, int count, char *out) {
  (void)vfs;
  pthread_mutex_lock(&fixed_mutex);
  bool draws = is_fixed;
  for (int index = 0; draws && index < count; index++) {
    fixed_state = fixed_state * 6364136223846793005u + 1442695040888963407u;
    out[index] = (char)(fixed_state >> 56);
  }
  pthread_mutex_unlock(&fixed_mutex);
  return draws ? count : original->xRandomness(original, count, out);
}

/* Milliseconds since the beginning of the Julian calendar's day 0. */
static int vfs_time_ms(sqlite3_vfs *vfs, sqlite3_int64 *ms) {
  (void)vfs;
  pthread_mutex_lock(&fixed_mutex);
  bool stands = is_fixed;
  *ms = 210866760000000 + fixed_ms;
  pthread_mutex_unlock(&fixed_mutex);
  return stands ? SQLITE_OK : original->xCurrentTimeInt64(original, ms);
}

static int vfs_time(sqlite3_vfs *vfs, double *days) {
  sqlite3_int64 ms = 0;
  int result = vfs_time_ms(vfs, &ms);
  *days = (double)ms / 86400000.0;
  return result;
}

/* MARK: Installing */

bool crash_vfs_install(void) {
  if (sqlite3_initialize() != SQLITE_OK) return false;
  pthread_mutex_lock(&install_mutex);
  if (original == NULL) {
    sqlite3_vfs *found = sqlite3_vfs_find(NULL);
    if (found && found->iVersion >= 2) {
      crash_vfs = (sqlite3_vfs){
          .iVersion = 2,
          .szOsFile = found->szOsFile > (int)sizeof(handle) ? found->szOsFile : (int)sizeof(handle),
          .mxPathname = found->mxPathname,
          .zName = "crash",
          .xOpen = vfs_open,
          .xDelete = vfs_delete,
          .xAccess = vfs_access,
          .xFullPathname = vfs_full_path,
          .xDlOpen = vfs_library_open,
          .xDlError = vfs_library_error,
          .xDlSym = vfs_library_symbol,
          .xDlClose = vfs_library_close,
          .xRandomness = vfs_randomness,
          .xSleep = vfs_sleep,
          .xCurrentTime = vfs_time,
          .xGetLastError = vfs_last_error,
          .xCurrentTimeInt64 = vfs_time_ms,
      };
      original = found;
      if (sqlite3_vfs_register(&crash_vfs, 1) != SQLITE_OK) original = NULL;
    }
  }
  bool is_installed = original != NULL;
  pthread_mutex_unlock(&install_mutex);
  return is_installed;
}

void crash_vfs_fix(uint64_t seed, int64_t unix_ms) {
  pthread_mutex_lock(&fixed_mutex);
  is_fixed = true;
  fixed_state = seed;
  fixed_ms = unix_ms;
  pthread_mutex_unlock(&fixed_mutex);
  /* Forget what was drawn before: the next number is drawn from the seed. */
  sqlite3_randomness(0, NULL);
}
