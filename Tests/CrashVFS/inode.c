/* The bytes of one file: what a process sees, what a medium holds, and the changes in between. */
#include "internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A test that has no memory left cannot say anything: it ends here. */
void *crash_resize(void *old, size_t count) {
  void *memory = realloc(old, count ? count : 1);
  if (memory == NULL) {
    fputs("crash VFS: out of memory\n", stderr);
    abort();
  }
  return memory;
}

void *crash_allocate(size_t count) {
  void *memory = crash_resize(NULL, count);
  memset(memory, 0, count ? count : 1);
  return memory;
}

char *crash_copy_text(const char *text) {
  size_t count = strlen(text) + 1;
  return memcpy(crash_resize(NULL, count), text, count);
}

/* Makes it longer with zeros, or shorter. */
void buffer_resize(buffer *buffer, int64_t count) {
  if (count > buffer->capacity) {
    int64_t capacity = buffer->capacity ? buffer->capacity : 4096;
    while (capacity < count) capacity *= 2;
    buffer->bytes = crash_resize(buffer->bytes, (size_t)capacity);
    buffer->capacity = capacity;
  }
  if (count > buffer->count) memset(buffer->bytes + buffer->count, 0, (size_t)(count - buffer->count));
  buffer->count = count;
}

void buffer_put(buffer *buffer, int64_t offset, const uint8_t *bytes, int64_t count) {
  if (count <= 0) return;
  if (offset + count > buffer->count) buffer_resize(buffer, offset + count);
  memcpy(buffer->bytes + offset, bytes, (size_t)count);
}

inode *inode_retain(inode *file) {
  if (file) file->references++;
  return file;
}

void inode_release(inode *file) {
  if (file == NULL || --file->references > 0) return;
  inode_settle(file, false);
  free(file->changes);
  free(file->current.bytes);
  free(file->durable.bytes);
  free(file);
}

/* MARK: Changes */

static change *inode_append(inode *file) {
  if (file->change_count == file->change_capacity) {
    file->change_capacity = file->change_capacity ? file->change_capacity * 2 : 16;
    file->changes = crash_resize(file->changes, (size_t)file->change_capacity * sizeof(change));
  }
  return &file->changes[file->change_count++];
}

void inode_write(inode *file, int64_t offset, const uint8_t *bytes, int64_t count) {
  if (count <= 0) return;
  change *change = inode_append(file);
  change->offset = offset;
  change->count = count;
  change->bytes = memcpy(crash_resize(NULL, (size_t)count), bytes, (size_t)count);
  buffer_put(&file->current, offset, bytes, count);
}

void inode_truncate(inode *file, int64_t size) {
  change *change = inode_append(file);
  change->offset = size;
  change->count = -1;
  change->bytes = NULL;
  buffer_resize(&file->current, size);
}

void inode_settle(inode *file, bool keeps) {
  for (int64_t index = 0; index < file->change_count; index++) {
    change *change = &file->changes[index];
    if (keeps && change->count < 0) buffer_resize(&file->durable, change->offset);
    if (keeps && change->count > 0) buffer_put(&file->durable, change->offset, change->bytes, change->count);
    free(change->bytes);
  }
  file->change_count = 0;
}

/* MARK: Power loss */

/* One change as one sector sees it. */
typedef struct touch {
  int64_t sector;
  int64_t change;
} touch;

static int touch_order(const void *left, const void *right) {
  const touch *a = left, *b = right;
  if (a->sector != b->sector) return a->sector < b->sector ? -1 : 1;
  return a->change < b->change ? -1 : a->change > b->change;
}

static int64_t smaller(int64_t a, int64_t b) { return a < b ? a : b; }
static int64_t larger(int64_t a, int64_t b) { return a > b ? a : b; }

/* The part of `change` that lies in [start, end) of a buffer that is long enough. */
static void change_apply(const change *change, buffer *buffer, int64_t start, int64_t end) {
  if (change->count < 0) {
    int64_t from = larger(start, change->offset);
    if (from < end) memset(buffer->bytes + from, 0, (size_t)(end - from));
    return;
  }
  int64_t from = larger(start, change->offset), to = smaller(end, change->offset + change->count);
  if (from < to) memcpy(buffer->bytes + from, change->bytes + (from - change->offset), (size_t)(to - from));
}

/*
** What reaches the medium is decided in two steps, as file systems do it. Truncations are atomic and come in order: all
** before `bound` took place, none from there on, and nothing that was written behind the end that one of those made.
** Of the writes every sector has the first few, or all, or none.
*/
typedef struct verdict {
  enum { ALL, NOTHING, SOME } mood;
  int64_t bound;
  int64_t size;
} verdict;

static verdict inode_decide(const inode *file, disk *disk, int64_t *reach) {
  verdict verdict = {.mood = SOME, .bound = file->change_count};
  uint64_t mood = disk_draw(disk, 10), truncations = 0;
  if (mood < 2) verdict.mood = mood == 0 ? ALL : NOTHING;
  for (int64_t index = 0; index < file->change_count; index++) truncations += file->changes[index].count < 0;
  uint64_t kept = disk_draw(disk, truncations + 1);
  if (verdict.mood == ALL) kept = truncations;
  if (verdict.mood == NOTHING) kept = 0;
  int64_t first_size = 0; /* sizes from this change on are possible */
  for (int64_t index = 0, seen = 0; index < file->change_count; index++) {
    if (file->changes[index].count >= 0) continue;
    if ((uint64_t)seen++ == kept) {
      verdict.bound = index;
      break;
    }
    first_size = index + 1;
  }
  int64_t after = first_size + (int64_t)disk_draw(disk, (uint64_t)(verdict.bound - first_size) + 1);
  if (verdict.mood == ALL) after = verdict.bound;
  if (verdict.mood == NOTHING) after = first_size;
  int64_t size = *reach = file->durable.count;
  verdict.size = size;
  for (int64_t index = 0; index < file->change_count; index++) {
    const change *change = &file->changes[index];
    size = change->count < 0 ? change->offset : larger(size, change->offset + change->count);
    *reach = larger(*reach, size);
    if (index < after) verdict.size = size;
  }
  return verdict;
}

/* Gives one sector some of its changes, and perhaps a part of the next. */
static void sector_lose_power(inode *file, disk *disk, verdict verdict, const touch *touches, int64_t count) {
  int64_t start = touches->sector * SECTOR_BYTES, end = start + SECTOR_BYTES;
  int64_t least = 0, most = count;
  for (int64_t index = 0; index < count && most == count; index++) {
    if (file->changes[touches[index].change].count >= 0) continue;
    if (touches[index].change < verdict.bound) least = index + 1;
    else most = index;
  }
  int64_t kept = verdict.mood == NOTHING ? least : most;
  if (verdict.mood == SOME) kept = least + (int64_t)disk_draw(disk, (uint64_t)(most - least) + 1);
  for (int64_t index = 0; index < kept; index++) {
    change_apply(&file->changes[touches[index].change], &file->durable, start, end);
  }
  if (kept == most || verdict.mood != SOME || disk_draw(disk, 100) >= 30) return;
  int64_t tear = start + 1 + (int64_t)disk_draw(disk, SECTOR_BYTES - 1);
  change_apply(&file->changes[touches[kept].change], &file->durable, start, tear);
  if (disk->behaviour & CRASH_DISK_POWERSAFE || disk_draw(disk, 2)) return;
  for (int64_t at = tear; at < end; at++) file->durable.bytes[at] = (uint8_t)disk_draw(disk, 256);
}

/* Every sector that a change touches, with the change; returns how many, and fills `touches` unless it is NULL. */
static int64_t inode_touches(const inode *file, int64_t sectors, touch *touches) {
  int64_t total = 0;
  for (int64_t index = 0; index < file->change_count; index++) {
    const change *change = &file->changes[index];
    int64_t last = change->count < 0 ? sectors : (change->offset + change->count - 1) / SECTOR_BYTES + 1;
    for (int64_t sector = change->offset / SECTOR_BYTES; sector < last; sector++, total++) {
      if (touches) touches[total] = (touch){sector, index};
    }
  }
  return total;
}

void inode_lose_power(inode *file, disk *disk) {
  if (file->change_count > 0) {
    int64_t reach = 0;
    verdict verdict = inode_decide(file, disk, &reach);
    int64_t sectors = (reach + SECTOR_BYTES - 1) / SECTOR_BYTES;
    int64_t total = inode_touches(file, sectors, NULL);
    touch *touches = crash_resize(NULL, (size_t)total * sizeof(touch));
    inode_touches(file, sectors, touches);
    qsort(touches, (size_t)total, sizeof(touch), touch_order);
    buffer_resize(&file->durable, sectors * SECTOR_BYTES);
    for (int64_t at = 0, next = 0; at < total; at = next) {
      while (next < total && touches[next].sector == touches[at].sector) next++;
      sector_lose_power(file, disk, verdict, touches + at, next - at);
    }
    free(touches);
    buffer_resize(&file->durable, verdict.size);
    inode_settle(file, false);
  }
  file->current.count = 0;
  buffer_put(&file->current, 0, file->durable.bytes, file->durable.count);
}
