"""Looks for secrets in bytes, in every form in which a program may have written them down.

| form | what it finds |
|---|---|
| plain | the bytes as they are, in any case: also what was made lower or upper case |
| hex | two digits a byte, in any case |
| base64 | at each of its three alignments, standard and URL-safe (no letter or digit leads to `+` or `/`) |
| percent | `%41%62…`, each byte (letters and digits need no such encoding, so *plain* finds the usual one) |
| json | `\\u0041\\u0062…` |
| utf16, utf32 | in either byte order |
| decimal | `65, 98, …`, as arrays of bytes are shown |
| reversed | backwards, by eight bytes at least: also a word of 64 bits in the other byte order |
| xor | not looked for, nor is encryption: who wants to hide something deliberately is no leak but an enemy |

`digests` finds hashes without a key (MD5, SHA-1, SHA-256, XXH3-64, each to its first eight bytes) of whole secrets.
"""

import base64
import hashlib
import os
import sys

from canaries import BLOCK_BYTES, MARK_BYTES

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
    """One way of writing a block, in which the mark always looks the same and stands at the same offset."""

    def __init__(self, name, write, mark, blocks, folds=False, offset=0):
        """`write` makes the form of a block; `mark` is that of the mark, `offset` bytes behind the front."""
        self.name, self.offset, self.folds = name, offset, folds
        self.mark = mark.lower() if folds else mark
        self.patterns = {}
        for block, secret in blocks:
            pattern = write(block)
            self.patterns[pattern.lower() if folds else pattern] = secret
        self.lengths = sorted({len(p) for p in self.patterns}, reverse=True)
        at = [p.find(self.mark, offset) for p in self.patterns]
        if any(a != offset for a in at):
            raise ValueError("the mark stands elsewhere in form " + name)

    def find(self, data):
        at = data.find(self.mark)
        while at >= 0:
            start = at - self.offset
            if start >= 0:
                for length in self.lengths:
                    secret = self.patterns.get(data[start:start + length])
                    if secret is not None:
                        yield secret, start
                        break
            at = data.find(self.mark, at + 1)


def _base64(alignment):
    """The characters that the bytes alone decide, whatever stands before and behind them."""
    front = -(-8 * alignment // 6)

    def write(text):
        end = 8 * (alignment + len(text)) // 6
        return base64.b64encode(bytes(alignment) + text + bytes(3))[front:end]
    return write


def _spaced(width):
    """Code units of `width` bytes. In either byte order the zeros between two characters are the same."""
    return lambda text: (b"\0" * (width - 1)).join(bytes([b]) for b in text)


def _decimal(text):
    return b", ".join(b"%d" % b for b in text)


def forms(vault):
    blocks = list(vault.blocks())
    mark = vault.mark.encode()
    each = lambda pattern: lambda text: b"".join(pattern % b for b in text)
    plain = [
        ("plain", lambda text: text, True), ("hex", lambda text: text.hex().encode(), True),
        ("percent", each(b"%%%02x"), True), ("json", each(b"\\u%04x"), True), ("decimal", _decimal, False),
        ("utf16", _spaced(2), False), ("utf32", _spaced(4), False)]
    made = [Form(name, write, write(mark), blocks, folds) for name, write, folds in plain]
    for alignment in range(3):
        made.append(Form("base64", _base64(alignment), _base64(alignment)(mark), blocks))
    made.append(Form("reversed", lambda text: text[::-1], mark[::-1], blocks, True, BLOCK_BYTES - MARK_BYTES))
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
