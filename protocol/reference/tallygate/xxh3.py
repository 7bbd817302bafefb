"""XXH3-64 with seed 0 for inputs of 0 to 240 bytes, after the public description of the algorithm.

The chain hashes stream ids, labels of at most 64 bytes and short texts, so the long form is not needed.
"""

import struct

_MASK = (1 << 64) - 1
_P64_1, _P64_2, _P64_3 = 0x9E3779B185EBCA87, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9
_MX1, _MX2 = 0x165667919E3779F9, 0x9FB21C651E98DF25

_SECRET = bytes.fromhex(
    "b8fe6c3923a44bbe7c01812cf721ad1cded46de9839097db7240a4a4b7b3671f"
    "cb79e64eccc0e578825ad07dccff7221b8084674f743248ee03590e6813a264c"
    "3c2852bb91c300cb88d0658b1b532ea371644897a20df94e3819ef46a9deacd8"
    "a8fa763fe39c343ff9dcbbc7c70b4f1d8a51e04bcdb45931c89f7ec9d9787364"
    "eac5ac8334d3ebc3c581a0fffa1363eb170ddd51b7f0da49d316552629d4689e"
    "2b16be587d47a1fc8ff8b8d17ad031ce45cb3a8f95160428afd7fbcabb4b407e"
)

_two = struct.Struct("<QQ").unpack_from
_one = struct.Struct("<Q").unpack_from
_half = struct.Struct("<I").unpack_from


def _s(offset: int) -> int:
    return int(_one(_SECRET, offset)[0])


_PAIRS = [_two(_SECRET, 16 * i) for i in range(8)]  # secret of 17 … 128 bytes and the first eight rounds
_ODD_PAIRS = [_two(_SECRET, 3 + 16 * i) for i in range(7)]  # later rounds of 129 … 240 bytes
_LAST_PAIR = _two(_SECRET, 136 - 17)
_EMPTY = _s(56) ^ _s(64)
_FLIP_3 = _half(_SECRET, 0)[0] ^ _half(_SECRET, 4)[0]
_FLIP_8 = _s(8) ^ _s(16)
_FLIP_16_LOW, _FLIP_16_HIGH = _s(24) ^ _s(32), _s(40) ^ _s(48)


def _avalanche64(h: int) -> int:
    h ^= h >> 33
    h = h * _P64_2 & _MASK
    h ^= h >> 29
    h = h * _P64_3 & _MASK
    return h ^ h >> 32


def _avalanche(h: int) -> int:
    h ^= h >> 37
    h = h * _MX1 & _MASK
    return h ^ h >> 32


def _rotl(h: int, by: int) -> int:
    return (h << by | h >> 64 - by) & _MASK


def _mix(data: bytes, at: int, pair: "tuple[int, ...]") -> int:
    low, high = _two(data, at)
    product = (low ^ pair[0]) * (high ^ pair[1])
    return (product & _MASK) ^ product >> 64


def xxh3_64(data: bytes) -> int:
    n = len(data)
    if n > 128:
        if n > 240:
            raise ValueError("more than 240 bytes")
        acc = n * _P64_1
        for i in range(8):
            acc += _mix(data, 16 * i, _PAIRS[i])
        acc = _avalanche(acc & _MASK)
        for i in range(8, n // 16):
            acc += _mix(data, 16 * i, _ODD_PAIRS[i - 8])
        acc += _mix(data, n - 16, _LAST_PAIR)
        return _avalanche(acc & _MASK)
    if n > 16:
        acc = n * _P64_1
        # the outermost pair of blocks first; each further pair exists when the input reaches it
        for i in range((n - 1) // 32 + 1):
            acc += _mix(data, 16 * i, _PAIRS[2 * i])
            acc += _mix(data, n - 16 * (i + 1), _PAIRS[2 * i + 1])
        return _avalanche(acc & _MASK)
    if n > 8:
        low = _one(data, 0)[0] ^ _FLIP_16_LOW
        high = _one(data, n - 8)[0] ^ _FLIP_16_HIGH
        product = low * high
        swapped = int.from_bytes(low.to_bytes(8, "little"), "big")
        return _avalanche((n + swapped + high + ((product & _MASK) ^ product >> 64)) & _MASK)
    if n >= 4:
        h = ((_half(data, 0)[0] << 32) + _half(data, n - 4)[0]) ^ _FLIP_8
        h ^= _rotl(h, 49) ^ _rotl(h, 24)
        h = h * _MX2 & _MASK
        h ^= (h >> 35) + n
        h = h * _MX2 & _MASK
        return h ^ h >> 28
    if n > 0:
        combined = data[0] << 16 | data[n >> 1] << 24 | data[n - 1] | n << 8
        return _avalanche64(combined ^ _FLIP_3)
    return _avalanche64(_EMPTY)
