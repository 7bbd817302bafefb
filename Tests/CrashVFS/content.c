/* Files as a whole: what a test looks at and alters behind everyone's back, and what a program does besides SQLite. */
#include "internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* MARK: Behind everyone's back */

/* `/crash/DISK/NAME`, so that the registry is asked in one way. False where it is too long. */
static bool join(char *path, const char *disk, const char *name) {
  size_t first = strlen(disk), second = strlen(name);
  if (first + second + 10 > PATH_BYTES_MAX) return false;
  memcpy(path, "/crash/", 7);
  memcpy(path + 7, disk, first);
  path[7 + first] = '/';
  memcpy(path + 8 + first, name, second + 1);
  return true;
}

/* The disk with its mutex held, or NULL. */
static disk *hold(const char *disk_name, const char *name) {
  char path[PATH_BYTES_MAX];
  const char *rest;
  disk *disk = join(path, disk_name, name) ? disk_acquire(path, &rest) : NULL;
  if (disk) pthread_mutex_lock(&disk->mutex);
  return disk;
}

static void let_go(disk *disk) {
  pthread_mutex_unlock(&disk->mutex);
  disk_release(disk);
}

bool crash_disk_flip(const char *disk_name, const char *name, int64_t byte, int bit) {
  disk *disk = hold(disk_name, name);
  if (disk == NULL) return false;
  inode *file = disk_find(disk, name);
  uint8_t mask = (uint8_t)(1u << (bit & 7));
  bool is_there = file && byte >= 0 && byte < file->current.count;
  if (is_there) {
    file->current.bytes[byte] ^= mask;
    if (byte < file->durable.count) file->durable.bytes[byte] ^= mask;
    for (int64_t index = 0; index < file->change_count; index++) {
      change *change = &file->changes[index];
      if (byte >= change->offset && byte < change->offset + change->count) {
        change->bytes[byte - change->offset] ^= mask;
      }
    }
  }
  let_go(disk);
  return is_there;
}

int64_t crash_disk_read(const char *disk_name, const char *name, uint8_t *into, int64_t capacity) {
  disk *disk = hold(disk_name, name);
  if (disk == NULL) return -1;
  inode *file = disk_find(disk, name);
  int64_t count = file ? file->current.count : -1;
  if (count > capacity && into) count = capacity;
  if (count > 0 && into) memcpy(into, file->current.bytes, (size_t)count);
  let_go(disk);
  return count;
}

int64_t crash_disk_size(const char *disk_name, const char *name) {
  return crash_disk_read(disk_name, name, NULL, 0);
}

bool crash_disk_write(const char *disk_name, const char *name, const uint8_t *bytes, int64_t count) {
  disk *disk = hold(disk_name, name);
  if (disk == NULL) return false;
  inode *file = disk_create(disk, name);
  inode_write(file, 0, bytes, count);
  inode_settle(file, true);
  disk_keep_name(disk, name, file);
  let_go(disk);
  return true;
}

int64_t crash_disk_name(const char *disk_name, int64_t index, char *into, int64_t capacity) {
  disk *disk = hold(disk_name, "x");
  if (disk == NULL) return -1;
  int64_t count = -1;
  if (index >= 0 && index < disk->names.count) {
    const char *name = disk->names.list[index].name;
    count = (int64_t)strlen(name);
    if (count < capacity) memcpy(into, name, (size_t)count + 1);
  }
  let_go(disk);
  return count;
}

/* MARK: By path, as a program does */

bool crash_path_is_disk(const char *path) { return strncmp(path, "/crash/", 7) == 0; }

typedef int (*action)(disk *disk, const char *name, void *context);

/* Runs `act` on a running disk, with its mutex held. */
static int on_path(const char *path, bool changes, action act, void *context) {
  const char *name;
  disk *disk = disk_acquire(path, &name);
  if (disk == NULL) return ENXIO;
  pthread_mutex_lock(&disk->mutex);
  bool is_usable = changes ? disk_spend(disk) : disk->is_running && !disk->is_stopping;
  int error = is_usable ? act(disk, name, context) : EIO;
  let_go(disk);
  return error;
}

static int act_exists(disk *disk, const char *name, void *exists) {
  *(bool *)exists = disk_find(disk, name) != NULL;
  return 0;
}

static int act_size(disk *disk, const char *name, void *size) {
  inode *file = disk_find(disk, name);
  if (file) *(int64_t *)size = file->current.count;
  return file ? 0 : ENOENT;
}

static int act_create(disk *disk, const char *name, void *context) {
  (void)context;
  if (disk_find(disk, name)) return EEXIST;
  disk_create(disk, name);
  return 0;
}

static int act_remove(disk *disk, const char *name, void *context) {
  (void)context;
  if (disk_find(disk, name) == NULL) return ENOENT;
  disk_remove(disk, name);
  return 0;
}

static int act_sync_folder(disk *disk, const char *name, void *context) {
  (void)context;
  disk_sync_folder(disk, name);
  return 0;
}

/* The same bytes over themselves, then a sync, as any other write and sync. */
static int act_rewrite(disk *disk, const char *name, void *context) {
  (void)context;
  inode *file = disk_find(disk, name);
  if (file == NULL) return ENOENT;
  if (file->current.count > 0) {
    uint8_t *bytes = crash_resize(NULL, (size_t)file->current.count);
    memcpy(bytes, file->current.bytes, (size_t)file->current.count);
    int written = disk_write(disk, file, bytes, file->current.count, 0);
    free(bytes);
    if (written != 0) return written == CRASH_ERROR_FULL ? ENOSPC : EIO;
  }
  return disk_spend(disk) && disk_sync(disk, file) ? 0 : EIO;
}

int crash_path_exists(const char *path, bool *exists) { return on_path(path, false, act_exists, exists); }
int crash_path_size(const char *path, int64_t *size) { return on_path(path, false, act_size, size); }
int crash_path_create(const char *path) { return on_path(path, true, act_create, NULL); }
int crash_path_remove(const char *path) { return on_path(path, true, act_remove, NULL); }
int crash_path_rewrite(const char *path) { return on_path(path, true, act_rewrite, NULL); }
int crash_path_sync_folder(const char *path) { return on_path(path, true, act_sync_folder, NULL); }
