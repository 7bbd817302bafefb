// zlib, as far as one gzip body in memory needs it.
#ifndef TALLY_CZLIB_SHIM_H
#define TALLY_CZLIB_SHIM_H
#include <stddef.h>
#include <stdint.h>
#include <zlib.h>

enum { TALLY_GUNZIP_DONE = 0, TALLY_GUNZIP_ROOM = 1, TALLY_GUNZIP_DAMAGED = 2, TALLY_GUNZIP_MEMORY = 3 };

/* Unpacks one whole gzip member of `count` bytes into `room` bytes; `*written` says how many it gave. Both counts are
   below 2^31. inflateInit2 is a macro, and 15 + 16 asks for the gzip format with the largest window. */
static inline int tally_gunzip(
    const uint8_t *bytes, size_t count, uint8_t *output, size_t room, size_t *written)
{
    z_stream stream = {0};
    *written = 0;
    if (inflateInit2(&stream, 15 + 16) != Z_OK) return TALLY_GUNZIP_MEMORY;
    stream.next_in = (Bytef *)bytes;
    stream.avail_in = (uInt)count;
    stream.next_out = output;
    stream.avail_out = (uInt)room;
    int status = inflate(&stream, Z_FINISH);
    size_t left = stream.avail_in;
    size_t free_room = stream.avail_out;
    *written = room - free_room;
    inflateEnd(&stream);
    if (status == Z_STREAM_END) return left == 0 ? TALLY_GUNZIP_DONE : TALLY_GUNZIP_DAMAGED;
    if (status == Z_MEM_ERROR) return TALLY_GUNZIP_MEMORY;
    /* Out of room before the end; out of input with room left is a body that was cut off. */
    if ((status == Z_BUF_ERROR || status == Z_OK) && free_room == 0) return TALLY_GUNZIP_ROOM;
    return TALLY_GUNZIP_DAMAGED;
}
#endif
