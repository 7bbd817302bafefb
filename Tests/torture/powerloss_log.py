"""Reads the log that the preload library writes (shim/shim.c says what stands in it)."""

import struct
from typing import Iterator, NamedTuple

(START, OPEN, WRITE, SIZE, MAKEDIR, RENAME, UNLINK, LINK, SYNC_BEGINS, SYNC_ENDED, SENDING, SENT, RECEIVED,
 CHANNEL_ENDS, FAULT, UNMODELLED, CUT) = range(1, 18)

FILE, DATA, FILE_SYSTEM = 1, 2, 3

HEAD = struct.Struct("<IBBHQQQqqII")


class Record(NamedTuple):
    kind: int
    flags: int
    order: int
    time: int
    file: int
    a: int
    b: int
    name: str
    data: bytes


def read(path: str) -> Iterator[Record]:
    """Every whole record in order. What a kill left of the last one is passed over; anything else that is odd is an
    error."""
    with open(path, "rb") as file:
        text = file.read()
    place = 0
    expected = 1
    while place + HEAD.size <= len(text):
        length, kind, flags, name_bytes, order, time, inode, a, b, _, _ = HEAD.unpack_from(text, place)
        if length < HEAD.size + name_bytes or order != expected:
            raise ValueError(f"{path}: no record at {place}")
        if place + length > len(text):
            return
        start = place + HEAD.size
        name = text[start:start + name_bytes].decode("utf-8", "surrogateescape")
        yield Record(kind, flags, order, time, inode, a, b, name, text[start + name_bytes:place + length])
        place += length
        expected += 1


class Plaintext:
    """One direction of one channel: whole frames out of what was offered or received."""

    def __init__(self) -> None:
        self.rest = b""
        self.offered = b""

    def frames(self, data: bytes) -> "list[tuple[int, bytes]]":
        """Frames that `data` completes, taken off."""
        self.rest += data
        frames, used = _frames(self.rest)
        self.rest = self.rest[used:]
        return frames

    def offer(self, data: bytes) -> "list[tuple[int, bytes]]":
        """Frames that `data` would complete; it is not sent yet, and may be offered again."""
        self.offered = data
        return _frames(self.rest + data)[0]

    def sent(self, count: int) -> None:
        if count > 0:
            self.frames(self.offered[:count])
        self.offered = b""


def _frames(text: bytes) -> "tuple[list[tuple[int, bytes]], int]":
    found, place = [], 0
    while place + 6 <= len(text):
        length, kind, _ = struct.unpack_from("<IBB", text, place)
        if not 2 <= length <= 65_600:
            raise ValueError("plaintext is not made of frames")
        if place + 4 + length > len(text):
            break
        found.append((kind, text[place + 6:place + 4 + length]))
        place += 4 + length
    return found, place
