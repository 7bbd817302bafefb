"""Reads the records of a log (ledger or spool) out of what is surely on the disk: which events a power loss leaves.

Only headers are looked at (Sources/TallyLog/Format/RecordHeader.swift): the programs check contents themselves.
"""

import struct

BATCH, GAP, STREAM, CHECKPOINT, HUSK = 1, 2, 3, 4, 6
SEGMENT_HEADER, RECORD_HEADER, OVERHEAD = 128, 136, 144
MAGIC = 0x4345_5254
CHECKPOINT_HEAD, CHECKPOINT_ENTRY = 80, 136


class Segment:
    """What one segment's durable content proves so far; reads on where it stopped."""

    def __init__(self) -> None:
        self.place = SEGMENT_HEADER
        # Stream number to the highest event; a checkpoint counts what it carries.
        self.through: dict = {}
        # Stream number to stream id, 16 bytes.
        self.streams: dict = {}
        self.faults: list = []

    def read(self, content: bytearray) -> None:
        while self.place + RECORD_HEADER <= len(content):
            magic, kind = struct.unpack_from("<IB", content, self.place)
            offset, = struct.unpack_from("<I", content, self.place + 12)
            if magic != MAGIC or offset != self.place:
                return
            stream, count, first = struct.unpack_from("<IIQ", content, self.place + 32)
            body_bytes, local_bytes = struct.unpack_from("<II", content, self.place + 112)
            end = self.place + OVERHEAD + body_bytes + local_bytes
            if end > len(content):
                return
            body = content[self.place + RECORD_HEADER:self.place + RECORD_HEADER + body_bytes]
            self._take(kind, stream, count, first, body)
            self.place = end

    def _take(self, kind: int, stream: int, count: int, first: int, body: bytearray) -> None:
        if kind in (BATCH, GAP, HUSK) and count > 0:
            known = self.through.get(stream)
            if known is not None and first > known + 1:
                self.faults.append(f"stream {stream}: event {known + 1} to {first - 1} are missing")
            self.through[stream] = first + count - 1
        elif kind == STREAM:
            number, = struct.unpack_from("<I", body, 4)
            self.streams[number] = bytes(body[8:24])
            self.through.setdefault(number, 0)
        elif kind == CHECKPOINT:
            entries, = struct.unpack_from("<I", body, 72)
            for index in range(entries):
                place = CHECKPOINT_HEAD + index * CHECKPOINT_ENTRY
                number, = struct.unpack_from("<I", body, place)
                self.streams[number] = bytes(body[place + 8:place + 24])
                self.through[number], = struct.unpack_from("<Q", body, place + 32)
