#ifndef CRASH_VFS_H
#define CRASH_VFS_H

#include <stdbool.h>
#include <stdint.h>

/*
** SQLite on a disk that can lose its power.
**
** Disks live in memory and have names; a database on one has the path /crash/DISK/NAME. A NAME may hold slashes: its
** folder is what stands before the last. Everything else goes to the VFS that was there before.
**
** What a disk promises is what POSIX promises, and no more:
**
**   write, truncate   pending until a sync of that file succeeds
**   create, delete    pending until a sync of their folder succeeds
**   a failed sync     leaves what it should have kept readable and clean: the next sync succeeds and keeps none of it
**   a power loss      gives every 512-byte sector some state between its last synced one and its newest, torn states
**                     included, each sector for itself; a file one of its sizes in between, a truncation being
**                     kept whole or not at all; the names a prefix of their pending changes
**   a kill            ends the process alone: the page cache stays, handles and locks are gone
**
** All of it follows from the disk's seed. Disks are independent of each other; each may be used from several threads.
** A disk's functions return false where there is no such disk or file.
*/

/* Makes this VFS the process's default. Once is enough; further calls do nothing. */
bool crash_vfs_install(void);

/*
** SQLite's own random numbers (salts of its logs, nothing that decides) and its clock, for the whole process. They are
** the system's until this is called.
*/
void crash_vfs_fix(uint64_t seed, int64_t unix_ms);

/* How a disk behaves; add them up. */
enum {
  /* Says, as SQLite's own VFS does, that a torn sector leaves the bytes beside the written range alone, and keeps to
  ** it. Without this flag a torn sector may hold rubbish behind the tear. */
  CRASH_DISK_POWERSAFE = 1,
  /* A sync, of a file or a folder, says that it succeeded and keeps nothing. */
  CRASH_DISK_LYING = 2,
};

/* Errors a disk can be told to give. */
enum {
  CRASH_ERROR_FULL = 1,
  CRASH_ERROR_IO = 2,
};

typedef struct crash_counts {
  uint64_t writes;
  uint64_t bytes_written;
  uint64_t syncs;
  uint64_t folder_syncs;
  uint64_t name_changes;
} crash_counts;

/* A disk, running and empty. False if one of this name exists, or the name is not 1 to 63 bytes without a slash. */
bool crash_disk_make(const char *disk, uint64_t seed, uint32_t behaviour);
/* Forgets the disk. Its handles that are still open are dead. */
bool crash_disk_drop(const char *disk);

/* The process dies. Until `start` nothing can be opened; handles from before stay dead for ever. */
bool crash_disk_kill(const char *disk);
/* The power goes: as `kill`, and what was not synced is lost, torn or reordered. */
bool crash_disk_lose_power(const char *disk);
/* A new process finds the disk. All faults that were ordered are off. */
bool crash_disk_start(const char *disk);

/* The calls that change or sync something, from now on until the next one fails and everything after it: the moment
** before a kill or a power loss. */
bool crash_disk_stop_after(const char *disk, uint64_t calls);
/* The writes behind the next `skipped` fail, `times` of them, with CRASH_ERROR_FULL (nothing is written) or
** CRASH_ERROR_IO (a part may be). */
bool crash_disk_fail_writes(const char *disk, uint64_t skipped, uint64_t times, int error);
/* The same for syncs of files. */
bool crash_disk_fail_syncs(const char *disk, uint64_t skipped, uint64_t times);
/* Every fault that was ordered and did not come yet is off. */
bool crash_disk_heal(const char *disk);
bool crash_disk_counts(const char *disk, crash_counts *counts);

/* Inverts a bit of a file, in the cache and on the medium. */
bool crash_disk_flip(const char *disk, const char *name, int64_t byte, int bit);
/* A file's size as a process sees it, -1 for none. */
int64_t crash_disk_size(const char *disk, const char *name);
/* Copies the first `capacity` bytes at most; returns how many, -1 for no file. */
int64_t crash_disk_read(const char *disk, const char *name, uint8_t *into, int64_t capacity);
/* Puts a whole file there, durable, in the place of any other. */
bool crash_disk_write(const char *disk, const char *name, const uint8_t *bytes, int64_t count);
/* The name numbered `index`, as a process sees them; returns its length, -1 where there are no more. */
int64_t crash_disk_name(const char *disk, int64_t index, char *into, int64_t capacity);

/*
** What a program does to its database files besides SQLite, by path (/crash/DISK/NAME). All of it is subject to the
** disk's faults. 0, or an errno.
*/
bool crash_path_is_disk(const char *path);
int crash_path_exists(const char *path, bool *exists);
int crash_path_create(const char *path);
int crash_path_remove(const char *path);
int crash_path_size(const char *path, int64_t *size);
/* Writes the file's bytes over themselves and syncs it. */
int crash_path_rewrite(const char *path);
/* Syncs the folder that `path` lies in. */
int crash_path_sync_folder(const char *path);

#endif
