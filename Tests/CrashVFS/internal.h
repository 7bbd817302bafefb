#ifndef CRASH_INTERNAL_H
#define CRASH_INTERNAL_H

#include <pthread.h>
#include <sqlite3.h>
#include <stddef.h>

#include "CrashVFS.h"

enum { SECTOR_BYTES = 512, DISK_NAME_MAX = 63, PATH_BYTES_MAX = 512, LOCKS = SQLITE_SHM_NLOCK };

/* Bytes that grow. */
typedef struct buffer {
  uint8_t *bytes;
  int64_t count;
  int64_t capacity;
} buffer;

/* A change of a file that no sync has kept yet. */
typedef struct change {
  int64_t offset; /* of the bytes; the new size for a truncation */
  int64_t count;  /* of the bytes; -1 for a truncation */
  uint8_t *bytes;
} change;

typedef struct shared_memory shared_memory;
typedef struct handle handle;

/* A file without its name. Lives while a name, a pending change of names or a handle refers to it. */
typedef struct inode {
  int references;
  buffer current;
  buffer durable;
  change *changes;
  int64_t change_count;
  int64_t change_capacity;
  /* Locks of the process that lived then. */
  uint64_t lock_life;
  int shared_locks;
  handle *lock_owner; /* who holds more than a shared lock */
  int owner_level;
  shared_memory *shared; /* not counted: cleared when its last user goes */
} inode;

typedef struct entry {
  char *name;
  inode *file; /* NULL in a pending change that removes the name */
} entry;

typedef struct entries {
  entry *list;
  int64_t count;
  int64_t capacity;
} entries;

typedef struct disk {
  struct disk *next;
  char name[DISK_NAME_MAX + 1];
  pthread_mutex_t mutex;
  int references; /* the registry and every handle */
  uint64_t random;
  uint32_t behaviour;
  uint64_t life; /* handles of an earlier one are dead */
  bool is_running;
  bool is_stopping;
  uint64_t calls_left;
  uint64_t writes_skipped, writes_failing;
  uint64_t syncs_skipped, syncs_failing;
  int write_error;
  crash_counts counts;
  entries names, durable_names, pending_names;
} disk;

/* An open file. SQLite allocates it. */
struct handle {
  sqlite3_file base;
  disk *disk;
  inode *file;
  char *name;
  uint64_t life;
  int level; /* SQLITE_LOCK_... */
  bool syncs_folder; /* a journal that this handle made: its first sync keeps its name too */
  bool deletes_on_close;
  shared_memory *shared;
  uint32_t shared_mask, exclusive_mask;
};

/* disk.c: all but the first two want the disk's mutex held. */
disk *disk_acquire(const char *path, const char **name);
void disk_release(disk *disk);
uint64_t disk_draw(disk *disk, uint64_t bound);
/* False when the disk is down or the power is about to go; counts the call. */
bool disk_spend(disk *disk);
/* A write and a sync as the disk's faults let them be: 0 or CRASH_ERROR_...; whether it succeeded. */
int disk_write(disk *disk, inode *file, const uint8_t *bytes, int64_t count, int64_t offset);
bool disk_sync(disk *disk, inode *file);
inode *disk_find(disk *disk, const char *name);
inode *disk_create(disk *disk, const char *name);
void disk_remove(disk *disk, const char *name);
void disk_sync_folder(disk *disk, const char *name);
void disk_keep_name(disk *disk, const char *name, inode *file);
void disk_crash_names(disk *disk);
void names_clear(entries *entries);

/* inode.c */
void *crash_allocate(size_t count);
void *crash_resize(void *old, size_t count);
char *crash_copy_text(const char *text);
void buffer_resize(buffer *buffer, int64_t count);
void buffer_put(buffer *buffer, int64_t offset, const uint8_t *bytes, int64_t count);
inode *inode_retain(inode *file);
void inode_release(inode *file);
void inode_write(inode *file, int64_t offset, const uint8_t *bytes, int64_t count);
void inode_truncate(inode *file, int64_t size);
/* Keeps, or for a failed sync forgets, everything pending. */
void inode_settle(inode *file, bool keeps);
void inode_lose_power(inode *file, disk *disk);

/* file.c, shm.c */
extern const sqlite3_io_methods crash_io_methods;
int shm_map(sqlite3_file *file, int region, int bytes, int extends, void volatile **out);
int shm_lock(sqlite3_file *file, int offset, int count, int flags);
void shm_barrier(sqlite3_file *file);
int shm_unmap(sqlite3_file *file, int deletes);
/* With the disk's mutex held. */
void shm_leave(handle *handle);

#endif
