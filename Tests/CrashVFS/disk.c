/* Disks and their names: found by path, and what becomes of the names when a process or the power goes. */
#include "internal.h"

#include <stdlib.h>
#include <string.h>

static pthread_mutex_t registry_mutex = PTHREAD_MUTEX_INITIALIZER;
static disk *registry[256];

static const char prefix[] = "/crash/";

/* MARK: Registry */

static disk **registry_slot(const char *name) {
  uint32_t hash = 2166136261u;
  for (const char *at = name; *at; at++) hash = (hash ^ (uint8_t)*at) * 16777619u;
  disk **slot = &registry[hash % (sizeof(registry) / sizeof(registry[0]))];
  while (*slot && strcmp((*slot)->name, name) != 0) slot = &(*slot)->next;
  return slot;
}

static disk *disk_named(const char *name) {
  pthread_mutex_lock(&registry_mutex);
  disk *disk = *registry_slot(name);
  if (disk) __atomic_add_fetch(&disk->references, 1, __ATOMIC_ACQ_REL);
  pthread_mutex_unlock(&registry_mutex);
  return disk;
}

/* The disk that `path` lies on, and the name on it; NULL where it lies on none that exists. */
disk *disk_acquire(const char *path, const char **name) {
  if (path == NULL || strncmp(path, prefix, sizeof(prefix) - 1) != 0) return NULL;
  const char *start = path + sizeof(prefix) - 1, *end = strchr(start, '/');
  if (end == NULL || end - start > DISK_NAME_MAX || end[1] == 0) return NULL;
  char own[DISK_NAME_MAX + 1] = {0};
  memcpy(own, start, (size_t)(end - start));
  *name = end + 1;
  return disk_named(own);
}

void disk_release(disk *disk) {
  if (disk == NULL || __atomic_sub_fetch(&disk->references, 1, __ATOMIC_ACQ_REL) > 0) return;
  names_clear(&disk->names);
  names_clear(&disk->durable_names);
  names_clear(&disk->pending_names);
  pthread_mutex_destroy(&disk->mutex);
  free(disk);
}

bool crash_disk_make(const char *name, uint64_t seed, uint32_t behaviour) {
  size_t count = strlen(name);
  if (count == 0 || count > DISK_NAME_MAX || strchr(name, '/')) return false;
  disk *made = crash_allocate(sizeof(disk));
  memcpy(made->name, name, count);
  pthread_mutex_init(&made->mutex, NULL);
  made->references = 1;
  made->random = seed;
  made->behaviour = behaviour;
  made->is_running = true;
  made->calls_left = UINT64_MAX;
  pthread_mutex_lock(&registry_mutex);
  disk **slot = registry_slot(name);
  bool is_new = *slot == NULL;
  if (is_new) *slot = made;
  pthread_mutex_unlock(&registry_mutex);
  if (!is_new) disk_release(made);
  return is_new;
}

bool crash_disk_drop(const char *name) {
  pthread_mutex_lock(&registry_mutex);
  disk **slot = registry_slot(name), *found = *slot;
  if (found) *slot = found->next;
  pthread_mutex_unlock(&registry_mutex);
  if (found == NULL) return false;
  pthread_mutex_lock(&found->mutex);
  found->life++;
  found->is_running = false;
  pthread_mutex_unlock(&found->mutex);
  disk_release(found);
  return true;
}

/* SplitMix64. */
uint64_t disk_draw(disk *disk, uint64_t bound) {
  uint64_t word = disk->random += 0x9e3779b97f4a7c15u;
  word = (word ^ word >> 30) * 0xbf58476d1ce4e5b9u;
  word = (word ^ word >> 27) * 0x94d049bb133111ebu;
  return (word ^ word >> 31) % bound;
}

bool disk_spend(disk *disk) {
  if (!disk->is_running || disk->is_stopping) return false;
  if (disk->calls_left == UINT64_MAX) return true;
  if (disk->calls_left > 0) {
    disk->calls_left--;
    return true;
  }
  disk->is_stopping = true;
  return false;
}

int disk_write(disk *disk, inode *file, const uint8_t *bytes, int64_t count, int64_t offset) {
  bool goes_on = disk_spend(disk);
  if (goes_on && disk->writes_failing > 0) {
    if (disk->writes_skipped > 0) {
      disk->writes_skipped--;
    } else {
      disk->writes_failing--;
      if (disk->write_error == CRASH_ERROR_FULL) return CRASH_ERROR_FULL;
      goes_on = false;
    }
  }
  /* A write that fails has come as far as it came. */
  int64_t kept = goes_on ? count : (int64_t)disk_draw(disk, (uint64_t)count + 1);
  inode_write(file, offset, bytes, kept);
  disk->counts.writes++;
  disk->counts.bytes_written += (uint64_t)kept;
  return goes_on ? 0 : CRASH_ERROR_IO;
}

bool disk_sync(disk *disk, inode *file) {
  disk->counts.syncs++;
  if (disk->syncs_failing > 0) {
    if (disk->syncs_skipped > 0) {
      disk->syncs_skipped--;
    } else {
      disk->syncs_failing--;
      inode_settle(file, false);
      return false;
    }
  }
  if (!(disk->behaviour & CRASH_DISK_LYING)) inode_settle(file, true);
  return true;
}

/* MARK: Names */

static entry *names_find(entries *entries, const char *name) {
  for (int64_t index = 0; index < entries->count; index++) {
    if (strcmp(entries->list[index].name, name) == 0) return &entries->list[index];
  }
  return NULL;
}

static void names_append(entries *entries, const char *name, inode *file) {
  if (entries->count == entries->capacity) {
    entries->capacity = entries->capacity ? entries->capacity * 2 : 8;
    entries->list = crash_resize(entries->list, (size_t)entries->capacity * sizeof(entry));
  }
  entries->list[entries->count++] = (entry){crash_copy_text(name), inode_retain(file)};
}

static void names_erase(entries *entries, int64_t index) {
  entry erased = entries->list[index];
  entries->count--;
  memmove(&entries->list[index], &entries->list[index + 1], (size_t)(entries->count - index) * sizeof(entry));
  free(erased.name);
  inode_release(erased.file);
}

/* A file of that name, or with NULL none. */
static void names_set(entries *entries, const char *name, inode *file) {
  entry *known = names_find(entries, name);
  if (known) names_erase(entries, known - entries->list);
  if (file) names_append(entries, name, file);
}

void names_clear(entries *entries) {
  for (int64_t index = 0; index < entries->count; index++) {
    free(entries->list[index].name);
    inode_release(entries->list[index].file);
  }
  free(entries->list);
  memset(entries, 0, sizeof(*entries));
}

inode *disk_find(disk *disk, const char *name) {
  entry *entry = names_find(&disk->names, name);
  return entry ? entry->file : NULL;
}

inode *disk_create(disk *disk, const char *name) {
  inode *file = crash_allocate(sizeof(inode));
  names_set(&disk->names, name, file);
  names_append(&disk->pending_names, name, file);
  disk->counts.name_changes++;
  return file;
}

void disk_remove(disk *disk, const char *name) {
  names_set(&disk->names, name, NULL);
  names_append(&disk->pending_names, name, NULL);
  disk->counts.name_changes++;
}

/* How much of a name is its folder, the last slash included. */
static size_t folder_count(const char *name) {
  const char *slash = strrchr(name, '/');
  return slash ? (size_t)(slash - name) + 1 : 0;
}

/* Keeps what is pending in the folder of `name`. */
void disk_sync_folder(disk *disk, const char *name) {
  disk->counts.folder_syncs++;
  if (disk->behaviour & CRASH_DISK_LYING) return;
  size_t count = folder_count(name);
  for (int64_t index = 0; index < disk->pending_names.count;) {
    entry *change = &disk->pending_names.list[index];
    if (folder_count(change->name) != count || strncmp(change->name, name, count) != 0) {
      index++;
      continue;
    }
    names_set(&disk->durable_names, change->name, change->file);
    names_erase(&disk->pending_names, index);
  }
}

/* As if it had never been pending. */
void disk_keep_name(disk *disk, const char *name, inode *file) {
  for (int64_t index = disk->pending_names.count - 1; index >= 0; index--) {
    if (strcmp(disk->pending_names.list[index].name, name) == 0) names_erase(&disk->pending_names, index);
  }
  names_set(&disk->durable_names, name, file);
}

void disk_crash_names(disk *disk) {
  int64_t kept = (int64_t)disk_draw(disk, (uint64_t)disk->pending_names.count + 1);
  for (int64_t index = 0; index < kept; index++) {
    entry *change = &disk->pending_names.list[index];
    names_set(&disk->durable_names, change->name, change->file);
  }
  names_clear(&disk->pending_names);
  names_clear(&disk->names);
  for (int64_t index = 0; index < disk->durable_names.count; index++) {
    names_append(&disk->names, disk->durable_names.list[index].name, disk->durable_names.list[index].file);
  }
}

/* MARK: The driver's levers */

/* Runs `body` on the disk called `name`, with its mutex held. */
#define WITH_DISK(name, body)              \
  do {                                     \
    disk *disk = disk_named(name);         \
    if (disk == NULL) return false;        \
    pthread_mutex_lock(&disk->mutex);      \
    body                                   \
    pthread_mutex_unlock(&disk->mutex);    \
    disk_release(disk);                    \
    return true;                           \
  } while (0)

static void disk_heal(disk *disk) {
  disk->is_stopping = false;
  disk->calls_left = UINT64_MAX;
  disk->writes_skipped = disk->writes_failing = disk->syncs_skipped = disk->syncs_failing = 0;
}

/* The process is gone: its handles and locks, which are of its life, and the faults that were meant for it. */
static void disk_stop(disk *disk) {
  disk->is_running = false;
  disk->life++;
  disk_heal(disk);
}

bool crash_disk_kill(const char *name) { WITH_DISK(name, { disk_stop(disk); }); }

bool crash_disk_lose_power(const char *name) {
  WITH_DISK(name, {
    disk_stop(disk);
    disk_crash_names(disk);
    for (int64_t index = 0; index < disk->names.count; index++) {
      inode_lose_power(disk->names.list[index].file, disk);
    }
  });
}

bool crash_disk_start(const char *name) { WITH_DISK(name, { disk->is_running = true; }); }

bool crash_disk_heal(const char *name) { WITH_DISK(name, { disk_heal(disk); }); }

bool crash_disk_stop_after(const char *name, uint64_t calls) { WITH_DISK(name, { disk->calls_left = calls; }); }

bool crash_disk_fail_writes(const char *name, uint64_t skipped, uint64_t times, int error) {
  WITH_DISK(name, {
    disk->writes_skipped = skipped;
    disk->writes_failing = times;
    disk->write_error = error;
  });
}

bool crash_disk_fail_syncs(const char *name, uint64_t skipped, uint64_t times) {
  WITH_DISK(name, {
    disk->syncs_skipped = skipped;
    disk->syncs_failing = times;
  });
}

bool crash_disk_counts(const char *name, crash_counts *counts) { WITH_DISK(name, { *counts = disk->counts; }); }
