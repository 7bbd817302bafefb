"""Looks for secrets in bytes, in every form in which a program may have written them down. A piece of 15 bytes in a row
is enough; what is shorter could be two words of a processor that nobody wrote down.

| form | what it finds |
|---|---|
| plain | the bytes as they are, in any case: also what was made lower or upper case |
| hex | two digits a byte, in any case |
| base64 | at each of its three alignments, standard and URL-safe (no letter or digit leads to `+` or `/`) |
| percent | `%41%62…`, each byte (letters and digits need no such encoding, so *plain* finds the usual one) |
| json | `\\u0041\\u0062…` |
| utf16, utf32 | in either byte order |
| decimal | `65, 98, …`, as arrays of bytes are shown |
| reversed | backwards |
| swapped | words of 64 bits in the other byte order, as ids lie in memory |
| xor | not looked for, nor is encryption: who wants to hide something deliberately is no leak but an enemy |

`digests` finds hashes without a key (MD5, SHA-1, SHA-256, XXH3-64, each to its first eight bytes) of whole secrets.
"""

import base64
import hashlib
import os
import sys

from canaries import BLOCK_BYTES, MARK_BYTES, PIECE_BYTES, SECRET_BYTES

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "protocol", "reference"))
from tallygate.xxh3 import xxh3_64  # noqa: E402

# Read so much at once; the pieces overlap, so that nothing hides where two meet.
CHUNK_BYTES = 16 << 20
OVERLAP_BYTES = 256
# A place that is full of secrets says so with these many.
HITS_MAX = 40


class Hit:
    """One secret in one place."""

    def __init__(self, name, form, where, offset):
        self.name, self.form, self.where, self.offset = name, form, where, offset

    def __str__(self):
        return "%s, %s, at %s + %d" % (self.name, self.form, self.where, self.offset)


class Form:
    """One way of writing a secret. The mark always looks the same in it, and stands at the same offset in a block."""

    def __init__(self, name, write, mark, vault, folds=False, offset=0, slack=0):
        """`write(secret, at)` gives the whole secret in this form and where its block that begins at byte `at` stands
        in it. `mark` is the mark's form, `offset` bytes behind the front of a block's. A piece has to be as long as
        that of `PIECE_BYTES`, but for `slack` at forms in which bytes have more or less characters."""
        self.name, self.offset, self.folds, self.slack = name, offset, folds, slack
        self.mark = mark.lower() if folds else mark
        # A block's form → (the secret's name, the whole, where the block begins in it).
        self.patterns = {}
        for secret, text in vault.secrets.items():
            text = text.encode()
            for at in range(0, SECRET_BYTES, BLOCK_BYTES):
                whole, start, end = write(text, at)
                whole = whole.lower() if folds else whole
                if not whole.startswith(self.mark, start + offset):
                    raise ValueError("the mark stands elsewhere in form " + name)
                self.patterns[whole[start:end]] = (secret, whole, start)
        self.lengths = sorted({len(p) for p in self.patterns}, reverse=True)

    def find(self, data):
        """(the secret's name, where a piece of it begins) of each piece that is long enough."""
        at = data.find(self.mark)
        while at >= 0:
            found = self._piece(data, at - self.offset)
            if found:
                yield found
            at = data.find(self.mark, at + 1)

    def _piece(self, data, start):
        if start < 0:
            return None
        for length in self.lengths:
            known = self.patterns.get(data[start:start + length])
            if known is None:
                continue
            secret, whole, place = known
            front = back = 0
            while front < min(place, start) and data[start - front - 1] == whole[place - front - 1]:
                front += 1
            first, last = start + length, place + length
            while last + back < len(whole) and first + back < len(data) and data[first + back] == whole[last + back]:
                back += 1
            if front + length + back >= length * PIECE_BYTES // BLOCK_BYTES - self.slack:
                return secret, start - front
        return None


def _each(write, between=b""):
    """The form that writes byte by byte, with something between."""
    table = [write(value) for value in range(256)]

    def whole(text, at):
        parts = [table[value] for value in text]
        start = len(between.join(parts[:at])) + (len(between) if at else 0)
        return between.join(parts), start, start + len(between.join(parts[at:at + BLOCK_BYTES]))
    return whole


def _base64(alignment):
    """The characters that the bytes alone decide, where a block stands at this alignment to groups of three."""
    def whole(text, at):
        before = (alignment - at) % 3
        front = -(-8 * before // 6)
        written = base64.b64encode(bytes(before) + text + bytes(3))
        start, end = -(-8 * (before + at) // 6), 8 * (before + at + BLOCK_BYTES) // 6
        return written[front:8 * (before + len(text)) // 6], start - front, end - front
    return whole


def _backwards(text, at):
    return text[::-1], len(text) - at - BLOCK_BYTES, len(text) - at


def _swapped(text, at):
    """Words of 64 bits, each in the other byte order."""
    words = [text[n:n + BLOCK_BYTES][::-1] for n in range(0, len(text), BLOCK_BYTES)]
    return b"".join(words), at, at + BLOCK_BYTES


def forms(vault):
    mark = vault.mark.encode()
    byte = lambda pattern: lambda value: pattern % value
    wide = lambda width: _each(lambda value: bytes([value]), b"\0" * (width - 1))
    made = []
    for name, write, folds, slack in (
            ("plain", _each(lambda value: bytes([value])), True, 0), ("hex", _each(byte(b"%02x")), True, 0),
            ("percent", _each(byte(b"%%%02x")), True, 0), ("json", _each(byte(b"\\u%04x")), True, 0),
            ("decimal", _each(byte(b"%d"), b", "), False, 12), ("utf16", wide(2), False, 1),
            ("utf32", wide(4), False, 3)):
        written, _, _ = write(mark + bytes(BLOCK_BYTES - MARK_BYTES), 0)
        _, _, end = write(mark, 0)
        made.append(Form(name, write, written[:end], vault, folds, slack=slack))
    for alignment in range(3):
        front, end = -(-8 * alignment // 6), 8 * (alignment + MARK_BYTES) // 6
        seen = base64.b64encode(bytes(alignment) + mark + bytes(3))[front:end]
        made.append(Form("base64", _base64(alignment), seen, vault, slack=2))
    behind = BLOCK_BYTES - MARK_BYTES
    made.append(Form("reversed", _backwards, mark[::-1], vault, True, behind))
    made.append(Form("swapped", _swapped, mark[::-1], vault, True, behind))
    return made


class Searcher:
    """Finds the secrets of a vault as it is now: one made later is not known."""

    def __init__(self, vault):
        self._forms = forms(vault)
        self._digests = {}
        for name, text in vault.secrets.items():
            for which in ("md5", "sha1", "sha256"):
                self._digests[hashlib.new(which, text.encode()).digest()[:8]] = (name, which)
            # Both byte orders: one is what the wire would carry, the other how it is written in hexadecimal.
            word = xxh3_64(text.encode())
            self._digests[word.to_bytes(8, "little")] = self._digests[word.to_bytes(8, "big")] = (name, "xxh3")
        self.bytes_searched = 0

    def search(self, data, where, base=0):
        """The hits in `data`; one secret in one form is told once."""
        self.bytes_searched += len(data)
        if not data.strip(b"\0"):
            return []
        folded = data.lower()
        hits, seen = [], set()
        for form in self._forms:
            for name, at in form.find(folded if form.folds else data):
                if (name, form.name) not in seen and len(hits) < HITS_MAX:
                    seen.add((name, form.name))
                    hits.append(Hit(name, form.name, where, base + at))
        return hits

    def chunks(self, read, where, start=0, end=None):
        """Searches what `read(offset, count)` gives from `start` on, to `end` or to where there is no more."""
        hits, at = [], start
        while end is None or at < end:
            room = CHUNK_BYTES if end is None else min(CHUNK_BYTES, end - at)
            data = read(at, room)
            if not data:
                break
            hits += self.search(data, where, at)
            if len(data) < room or end is not None and at + len(data) >= end:
                break
            at += len(data) - OVERLAP_BYTES
        return hits

    def file(self, path, where):
        try:
            with open(path, "rb") as f:
                return self.chunks(lambda at, count: os.pread(f.fileno(), count, at), where)
        except FileNotFoundError:
            # Journals and sockets come and go while a gateway runs.
            return []

    def digests(self, data, where):
        """Hashes without a key, as bytes and in hexadecimal. Slow: for what travels, not for memory."""
        hits = []
        for at in range(len(data) - 7):
            found = self._digests.get(data[at:at + 8])
            if found:
                hits.append(Hit(found[0], "digest " + found[1], where, at))
        text = data.lower()
        known = {digest.hex().encode(): found for digest, found in self._digests.items()}
        for at in range(len(text) - 15):
            found = known.get(text[at:at + 16])
            if found:
                hits.append(Hit(found[0], "digest %s in hexadecimal" % found[1], where, at))
        return hits[:HITS_MAX]
