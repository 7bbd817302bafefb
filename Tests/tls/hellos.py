"""Hellos of TLS 1.3 clients, whole, and damaged in every way that a seed can think of."""

import random
import struct

ALERT, HANDSHAKE, DATA, CHANGE_CIPHER_SPEC, HEARTBEAT = 21, 22, 23, 20, 24
X25519, P256, P384, P521 = 29, 23, 24, 25
# The generator of P-256: a public key that anybody may have.
P256_POINT = bytes.fromhex(
    "046b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296"
    "4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5")
# What OpenSSL takes for a hello at most, and makes room for as soon as a header claims it.
CLAIM = 131_396


def record(kind, payload, version=0x0301):
    return struct.pack(">BHH", kind, version, len(payload)) + payload


def _list(payload, width):
    return len(payload).to_bytes(width, "big") + payload


def _extension(kind, payload):
    return struct.pack(">H", kind) + _list(payload, 2)


def client_hello(source, shares=(X25519,), groups=(X25519, P256, P384), alpn=b"tallygate/1", more=()):
    """The handshake message: type, length, body."""
    keys = {X25519: source.randbytes(32), P256: P256_POINT}
    extensions = [
        _extension(43, _list(struct.pack(">H", 0x0304), 1)),
        _extension(10, _list(b"".join(struct.pack(">H", group) for group in groups), 2)),
        _extension(13, _list(struct.pack(">HHHHH", 0x0403, 0x0503, 0x0804, 0x0805, 0x0806), 2)),
        _extension(51, _list(b"".join(struct.pack(">H", group) + _list(keys[group], 2) for group in shares), 2)),
        *more,
    ]
    if alpn is not None:
        extensions.append(_extension(16, _list(_list(alpn, 1), 2)))
    body = (
        struct.pack(">H", 0x0303) + source.randbytes(32) + _list(source.randbytes(32), 1)
        + _list(struct.pack(">HHH", 0x1302, 0x1303, 0x1301), 2) + _list(b"\x00", 1) + _list(b"".join(extensions), 2))
    return b"\x01" + _list(body, 3)


def claiming(length=CLAIM):
    """A record whose handshake header promises a hello of ``length`` bytes, and nothing of it."""
    return record(HANDSHAKE, b"\x01" + length.to_bytes(3, "big"))


def _flipped(source, data):
    data = bytearray(data)
    for _ in range(source.choice((1, 1, 2, 8))):
        data[source.randrange(len(data))] = source.choice((0, 1, 0x7F, 0x80, 0xFF, source.getrandbits(8)))
    return bytes(data)


def _spliced(source, data):
    """A piece taken out, doubled or put in."""
    at = source.randrange(len(data))
    size = source.choice((1, 2, 3, 16, 200))
    kind = source.randrange(3)
    if kind == 0:
        return data[:at] + data[at + size :]
    return data[:at] + (data[at : at + size] if kind == 1 else source.randbytes(size)) + data[at:]


def _pieces(source, message):
    """One message over many records."""
    out, at = b"", 0
    while at < len(message):
        size = source.choice((1, 1, 2, 3, 4, 64))
        out += record(HANDSHAKE, message[at : at + size])
        at += size
    return out


def _crowded(source):
    """An extension that is there twice, one of an odd size, or very many."""
    kind = source.randrange(4)
    if kind == 0:
        more = [_extension(43, b"\x02\x03\x04")]
    elif kind == 1:
        more = [_extension(source.randrange(65536), source.randbytes(source.choice((0, 1, 300, 9000))))]
    elif kind == 2:
        more = [_extension(0x1000 + number, b"") for number in range(source.choice((50, 2000)))]
    else:
        more = [_extension(41, source.randbytes(source.randrange(80)))]
    return record(HANDSHAKE, client_hello(source, more=more))


def damaged(source):
    """What a stranger might send in place of a handshake: bytes, and a word for what they are."""
    whole = client_hello(source, source.choice(((X25519,), (P256,), ())))
    good = record(HANDSHAKE, whole)
    kind = source.randrange(16)
    if kind == 0:
        return "cut", good[: source.randrange(len(good))]
    if kind in (1, 2):
        return "flipped", _flipped(source, good)
    if kind == 3:
        return "spliced", _spliced(source, good)
    if kind == 4:
        return "spliced inside", record(HANDSHAKE, _spliced(source, whole))
    if kind == 5:
        return "in pieces", _pieces(source, whole)
    if kind == 6:
        return "claiming", claiming(source.choice((0, 1, 16_380, 16_381, CLAIM - 4, CLAIM, CLAIM + 1, 0xFFFFFF)))
    if kind == 7:
        too_long = source.choice((16_385, 18_433, 65_535))
        return "a record too long", struct.pack(">BHH", HANDSHAKE, 0x0301, too_long) + whole
    if kind == 8:
        nothing = record(source.choice((ALERT, HANDSHAKE, DATA, 255)), b"")
        return "records of nothing", nothing * source.choice((1, 40, 500))
    if kind == 9:
        return "changes of cipher", record(CHANGE_CIPHER_SPEC, b"\x01") * source.choice((1, 33, 400)) + good
    if kind == 10:
        other = source.choice((ALERT, DATA, HEARTBEAT, 99))
        return "another record", record(other, source.randbytes(source.choice((2, 40))))
    if kind == 11:
        other = bytes([source.choice((0, 2, 4, 5, 11, 20, 24, 254))])
        return "another message", record(HANDSHAKE, other + whole[1:])
    if kind == 12:
        return "extensions", _crowded(source)
    if kind == 13:
        return "behind the hello", good + record(
            source.choice((HANDSHAKE, DATA, ALERT)), source.randbytes(source.choice((1, 60, 4000))), 0x0303)
    if kind == 14:
        return "noise", source.randbytes(source.choice((1, 5, 6, 100, 3000)))
    words = (b"GET / HTTP/1.1\r\n\r\n", b"SSH-2.0-x\r\n", b"\x80\x2e\x01\x00\x02\x00\x15\x00\x00\x00\x10" + bytes(32))
    return "another protocol", source.choice(words)


def source(seed):
    return random.Random(seed)
