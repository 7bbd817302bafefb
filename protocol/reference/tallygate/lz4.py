"""LZ4 blocks against the preset dictionary, with the rules of TG-4-7."""

from .schema import LIMITS, PRESET_DICTIONARY, Refusal

_MIN_MATCH = 4
_LAST_LITERALS = 5
_MATCH_START = 12


def decompress(block: bytes, raw_bytes: int, count: int = 1, dictionary: bytes = PRESET_DICTIONARY) -> bytes:
    """The raw body, or ``Refusal`` SIZE or DECOMPRESS."""
    if raw_bytes > LIMITS["batch_raw_bytes_max"] or raw_bytes > 255 * len(block) + 64:
        raise Refusal("SIZE", run=count)
    bad = Refusal("DECOMPRESS", run=count)
    out = bytearray(dictionary)
    end = len(dictionary) + raw_bytes
    at, n = 0, len(block)
    last_match = -1
    while True:
        if at == n:
            raise bad  # an empty block, or one that ends with a match
        token = block[at]
        at += 1
        length = token >> 4
        if length == 15:
            while True:
                if at == n:
                    raise bad
                more = block[at]
                at += 1
                length += more
                if more != 255:
                    break
        if length > n - at or len(out) + length > end:
            raise bad
        out += block[at : at + length]
        at += length
        if at == n:
            break  # literals only: the last sequence; its match length is not looked at
        if n - at < 2:
            raise bad
        offset = block[at] | block[at + 1] << 8
        at += 2
        if offset == 0 or offset > len(out):
            raise bad
        match = token & 15
        if match == 15:
            while True:
                if at == n:
                    raise bad
                more = block[at]
                at += 1
                match += more
                if more != 255:
                    break
        match += _MIN_MATCH
        if len(out) + match > end:
            raise bad
        last_match = len(out)
        start = len(out) - offset
        if offset >= match:
            out += out[start : start + match]
        else:
            piece = bytes(out[start:])
            out += (piece * (match // offset + 1))[:match]
    if len(out) != end:
        raise bad
    if last_match >= 0 and (length < _LAST_LITERALS or end - last_match < _MATCH_START):
        raise bad
    return bytes(out[len(dictionary) :])


def _extended(length: int) -> bytes:
    return b"\xff" * (length // 255) + bytes([length % 255])


def sequence(literals: bytes, offset: int = 0, match: int = 0) -> bytes:
    """One LZ4 sequence; without a match the last one of a block."""
    head = min(len(literals), 15) << 4
    out = b""
    if match:
        head |= min(match - _MIN_MATCH, 15)
    out += bytes([head])
    if len(literals) >= 15:
        out += _extended(len(literals) - 15)
    out += literals
    if match:
        out += bytes([offset & 255, offset >> 8])
        if match - _MIN_MATCH >= 15:
            out += _extended(match - _MIN_MATCH - 15)
    return out


def _index(data: bytes) -> "dict[bytes, int]":
    return {data[i : i + _MIN_MATCH]: i for i in range(len(data) - _MIN_MATCH + 1)}


_PRESET_INDEX = _index(PRESET_DICTIONARY)


def compress(raw: bytes, dictionary: bytes = PRESET_DICTIONARY) -> bytes:
    """A correct block, not a small one: greedy, the last place of each four bytes, no search."""
    data = dictionary + raw
    end = len(data)
    seen = dict(_PRESET_INDEX) if dictionary is PRESET_DICTIONARY else _index(dictionary)
    out = []
    at = anchor = len(dictionary)
    while at + _MATCH_START <= end:
        key = data[at : at + _MIN_MATCH]
        found = seen.get(key, -1)
        seen[key] = at
        if found < 0 or at - found > 65535:
            at += 1
            continue
        match = _MIN_MATCH
        most = end - _LAST_LITERALS - at
        while match < most and data[found + match] == data[at + match]:
            match += 1
        out.append(sequence(data[anchor:at], at - found, match))
        for i in range(at + 1, at + match):
            seen[data[i : i + _MIN_MATCH]] = i
        at += match
        anchor = at
    out.append(sequence(data[anchor:]))
    return b"".join(out)
