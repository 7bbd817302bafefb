#!/usr/bin/env python3
"""Writes seeds for the fuzzers: inputs that go all the way, made of the vectors and of what stands here.

    seeds.py FOLDER       a folder of files for each target

The same vectors give the same files. `fuzz/run.py` starts every run from them and from fuzz/corpus.
"""

import glob
import hashlib
import json
import os
import struct
import sys
from typing import Any, Dict, Iterator, List

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.dont_write_bytecode = True

from seeds_otlp import exports  # noqa: E402

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
VECTORS = os.path.join(ROOT, "protocol", "vectors")
INPUT_BYTES_MAX = 4096


def vectors(prefix: str) -> Iterator[Dict[str, Any]]:
    for path in sorted(glob.glob(os.path.join(VECTORS, prefix + "*.json"))):
        with open(path, encoding="utf-8") as file:
            yield from json.load(file)


def frames() -> Iterator[bytes]:
    for case in vectors("frames-"):
        how = (case["to"] == "workstation") | (case["phase"] == "open") << 1
        for piece in (7,):
            yield bytes([how | piece - 1 << 2]) + bytes.fromhex(case["bytes"])
    for story in vectors("stories-"):
        for side in ("workstation", "gateway"):
            steps = [bytes.fromhex(step["bytes"]) for step in story["steps"] if step["from"] == side]
            yield bytes([(side == "gateway") | 2 | 12 << 2]) + b"".join(steps)


def batches() -> Iterator[bytes]:
    for case in list(vectors("invalid-")) + list(vectors("valid-")):
        count = case.get("count", len(case.get("rows", []))) & 0xFFFF
        if "raw" in case:
            yield struct.pack("<BH", 0, count) + bytes.fromhex(case["raw"])
        if "lz4" in case:
            block = bytes.fromhex(case["lz4"])
            raw_bytes = case.get("raw_bytes", len(case.get("raw", "")) // 2)
            yield struct.pack("<BH", 1, count) + block
            yield struct.pack("<BHH", 2, count, raw_bytes & 0xFFFF) + block
    for rows in (1, 3, 16):
        for salt in (0, 9):
            for templates in (TEMPLATES[:1], TEMPLATES[:3], TEMPLATES):
                yield bytes([3, rows, salt]) + b"".join(templates)
    yield bytes([3, 255, 9]) + b"".join(TEMPLATES)


# kind and flags, session, time, agent and model, state and origin, speed, region, billing, numbers …
TEMPLATES = [
    bytes([0x08, 0x01, 0x40, 0x11, 0x08, 0x11, 0x09, 0x01, 0x50, 0xC0, 0x01, 0x23, 0x90, 0x05, 0x12, 0x30]),
    bytes([0x09, 0x82, 0x48, 0x01, 0x00, 0x02, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x50, 0x02, 0x00, 0x20]),
    bytes([0x18, 0x33, 0x88, 0x42, 0x10, 0x0A, 0x12, 0x02, 0xC0, 0xC0, 0xC0, 0x11, 0xC0, 0x01, 0x44, 0x20]),
    bytes([0x02, 0x04, 0x44, 0x01, 0x08, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00]),
    bytes([0x23, 0x05, 0x46, 0x01, 0x02, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00]),
    bytes([0x04, 0x81, 0x48, 0x01, 0x00, 0x00, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00]),
    bytes([0x88, 0x86, 0x70, 0x11, 0x08, 0x11, 0x09, 0x03, 0xFF, 0xFF, 0xFF, 0x89, 0xFF, 0x04, 0x12, 0xFF]),
]


def blocks() -> Iterator[bytes]:
    for case in list(vectors("invalid-lz4")) + list(vectors("valid-lz4")) + list(vectors("valid-random"))[:20]:
        if "lz4" in case:
            block = bytes.fromhex(case["lz4"])
            raw_bytes = case.get("raw_bytes", len(case.get("raw", "")) // 2)
            yield struct.pack("<BH", 0, raw_bytes & 0xFFFF) + block
            yield b"\1" + block
        if "raw" in case:
            yield b"\2" + bytes.fromhex(case["raw"])
    yield b"\2" + b"abcabcabcabcabcabc" * 20
    yield b"\2" + bytes(1000)


# Operations of fuzz/targets/GatewaySubject.swift by their numbers.
(HELLO, AUTHENTICATED, CLAIMED, BATCH, SKIP, COMMIT, REFUSED, PROBE, PING, PONG, ADOPT, ADOPTED, CLOSE, PAUSE, RESUME,
 BACKED_UP, SHUTDOWN, TICK, ADVANCE, ENDING, RAW, HEARD, FLOOD) = range(23)


def gateway() -> Iterator[bytes]:
    begin = [HELLO, 0x20, 0, 0, AUTHENTICATED, CLAIMED, 0, 0]
    batch = [BATCH, 2, 3, 20, 20, 0, 0]
    plain = [BATCH, 0, 3, 20, 20, 0, 0]
    opened = begin + batch + [COMMIT, 0]
    lives: List[List[int]] = [
        opened,
        begin + plain + batch + batch + [COMMIT, 1, COMMIT, 9, CLOSE, 0],
        begin + batch + [BATCH, 2, 3, 20, 20, 0, 7] + batch + [COMMIT, 9, REFUSED, 0, COMMIT, 0],
        begin + batch + batch + [REFUSED, 1] + batch + [COMMIT, 9],
        begin + [SKIP, 0, 4, COMMIT, 0, PROBE, 5, PROBE, 2, PROBE, 9] + batch + [COMMIT, 0],
        begin + [SKIP, 0, 0] * 66,
        begin + [ADOPT, 1, ADOPTED, ADOPT, 2, ADOPT, 1],
        begin + [PAUSE] + batch + [RESUME, 3, RESUME, 1] + batch + [COMMIT, 0, BACKED_UP, 3] + batch + [COMMIT, 0],
        opened + batch + [SHUTDOWN] + batch + [PING, 1, COMMIT, 0, TICK],
        opened + batch + [SHUTDOWN, REFUSED, 0, TICK],
        opened + [ADVANCE, 200, 9, TICK, ADVANCE, 200, 11, TICK],
        [HELLO, 0, 0, 0, ADVANCE, 100, 9, TICK],
        begin + [HELLO, 0, 0, 0],
        [HELLO, 0x10, 9, 9, AUTHENTICATED, CLAIMED, 0, 5, CLAIMED, 1, 5, BATCH, 2, 3, 20, 20, 0, 0, COMMIT, 0],
        [HELLO, 1, 5, 0, AUTHENTICATED, CLAIMED, 0, 5, BATCH, 2, 3, 20, 20, 0, 0, PROBE, 5],
        [HELLO, 2, 9, 5, AUTHENTICATED, CLAIMED, 0, 5] + batch,
        [HELLO, 0x80, 0, 0, AUTHENTICATED, CLAIMED, 0xC, 0] + batch + [RESUME, 0] + batch + [COMMIT, 0],
        opened + [BATCH, 0x82, 3, 20, 20, 0, 0] + batch,
        opened + [BATCH, 0xC2, 3, 20, 20, 0, 0],
        opened + [BATCH, 0xC6, 3, 20, 20, 0, 0],
        opened + [BATCH, 0xC1, 1, 20, 20, 0, 0],
        opened + [PING, 1] * 8,
        opened + [PONG, HEARD, ENDING, 0],
        opened + [ENDING, 1], opened + [ENDING, 2], opened + [ENDING, 3], opened + [ENDING, 4], [PONG], [PING, 1],
        [BATCH, 2, 3, 20, 20, 0, 0], [SKIP, 0, 1], [PROBE, 0], [CLOSE, 0], [ADOPT, 1], [HELLO, 0x40, 0, 0],
        begin + [FLOOD, 255, COMMIT, 3, COMMIT, 255, COMMIT, 255] + [COMMIT, 255] * 9 + batch + [COMMIT, 0],
        begin + [PROBE, 9] * 130, begin + [ADOPT, 1, ADOPTED] * 1030, opened + [RESUME, 3, PAUSE, RESUME, 3, RESUME, 0],
        opened + [PING, 1, ADVANCE, 125, 4] * 3, opened + [PING, 1] * 5 + [ADVANCE, 125, 4, PING, 1, PING, 2],
        begin + [BATCH, 2, 0, 20, 20, 0, 0],
        begin + [CLOSE, 2], begin + [BATCH, 2, 0xFF, 20, 20, 0, 0], begin + [SHUTDOWN],
    ]
    for offer in (0, 3, 4, 8, 16):
        for life in lives:
            yield bytes([offer] + life)
    for case in vectors("frames-valid"):
        if case["to"] == "gateway":
            data = bytes.fromhex(case["bytes"])
            if len(data) - 6 < 256:
                start = [] if case["phase"] == "hello" else begin
                yield bytes([0] + start + [RAW, len(data) - 6]) + data


# Operations of fuzz/targets/WorkstationSubject.swift.
(W_HELLO, W_WELCOME, W_CHAIN, W_OURS, W_SEND, W_ACK, W_REJECT, W_PING, W_PONG, W_GOAWAY, W_RESOLVED, W_CLOSE, W_TICK,
 W_ADVANCE, W_GROW, W_RAW, W_ADOPTED, W_SKIP, W_DISCONNECTED, W_PROGRESSED, W_FLOOD) = range(21)


def workstation() -> Iterator[bytes]:
    spool = [0, 0, 100, 0, 1]  # world, flags, highest, acknowledged, lowest held
    begin = [W_HELLO, 1, W_WELCOME, 0, 0]
    send = [W_SEND, 9]
    lives: List[List[int]] = [
        begin + send + [W_ACK, 0, 0],
        begin + send + send + send + [W_ACK, 0, 1, W_ACK, 0, 0, W_PROGRESSED],
        begin + [W_SEND, 99, W_ACK, 0, 0, W_CLOSE, W_ACK, 0, 0],
        begin + send + [W_ACK, 8, 0, W_SEND, 9, W_ACK, 0, 0] + send + [W_ACK, 2, 0],
        begin + send + [W_ACK, 1, 200],
        begin + [W_SKIP, 3, W_ACK, 0, 0, W_SKIP, 2, W_REJECT, 0, 0, 2],
        begin + send + send + [W_REJECT, 0, 0, 0] + [W_ADVANCE, 255, 8] + send + [W_ACK, 0, 0],
        begin + [W_PING, 5] * 7,
        begin + [W_PONG, W_ADVANCE, 255, 7, W_TICK, W_ADVANCE, 255, 7, W_TICK, W_ADVANCE, 255, 8, W_TICK],
        begin + send + [W_ADVANCE, 60, 9, W_PONG, W_TICK, W_ADVANCE, 60, 9, W_PONG, W_TICK, W_ADVANCE, 60, 11, W_TICK],
        [W_HELLO, 0, W_ADVANCE, 200, 9, W_TICK],
        begin + [W_DISCONNECTED, W_TICK], begin + [W_ADOPTED, W_GROW, 9], [W_PING, 1], [W_HELLO, 0, W_ACK, 0, 0],
        [W_HELLO, 1, W_WELCOME, 2, 9, W_CHAIN, 0, W_SEND, 1], [W_HELLO, 1, W_WELCOME, 2, 9, W_CHAIN, 1],
        [W_HELLO, 1, W_WELCOME, 2, 9, W_CHAIN, 2] + [W_CHAIN, 0, W_OURS, 0] * 8,
        [W_HELLO, 1, W_WELCOME, 4, 50, W_OURS, 0] + [W_CHAIN, 0, W_OURS, 0] * 8,
        [W_HELLO, 1, W_WELCOME, 4, 50, W_OURS, 0] + [W_CHAIN, 2, W_OURS, 0] * 8,
        [W_HELLO, 1, W_WELCOME, 4, 50, W_OURS, 0] + [W_CHAIN, 1] * 8,
        [W_HELLO, 1, W_WELCOME, 4, 50, W_OURS, 0] + [W_CHAIN, 0, W_OURS, 1] * 8,
        [W_HELLO, 1, W_WELCOME, 0, 50, W_OURS, 1] + send + [W_ACK, 0, 0],
        [W_HELLO, 1, W_WELCOME, 0, 50, W_OURS, 0] + send + [W_ACK, 0, 0],
        [W_HELLO, 1, W_WELCOME, 32, 0, 0], [W_HELLO, 1, W_WELCOME, 255, 0, 9, 9, 0],
        begin + [W_FLOOD, 32] * 5 + [W_ACK, 0, 200] + [W_FLOOD, 99] * 5 + [W_ACK, 0, 255] * 9,
        begin + [W_SKIP, 0] * 70 + [W_ACK, 0, 63],
        [W_HELLO, 1, W_WELCOME, 16, 0] + send + [W_ACK, 1, 0] + send + [W_ACK, 0, 0],
    ]
    for reason in range(20):
        lives.append(begin + send + [W_REJECT, 0, 0, reason, W_RESOLVED] + [W_ADVANCE, 255, 8] + send + [W_ACK, 0, 0])
        lives.append(begin + send + [W_REJECT, 3, 0, reason, 2, 1] + [W_RESOLVED] + send + [W_ACK, 0, 0])
        lives.append(begin + [W_SEND, 0, W_REJECT, 0, 0, reason, W_RESOLVED, W_SEND, 0, W_REJECT, 0, 0, reason])
        lives.append(begin + [W_GOAWAY, reason, 3] * 2)
        lives.append([W_HELLO, 1, W_WELCOME, 128, 0] + send + [W_REJECT, 0, 0, reason] * 18)
    for life in lives:
        yield bytes(spool + life)
    for life in lives[:26]:
        yield bytes([0, 1, 100, 60, 20] + life)
        yield bytes([0, 0, 100, 60, 61] + [W_HELLO, 1, W_WELCOME, 1, 50] + life[5:])
    yield from adoptions()
    for case in vectors("frames-valid"):
        if case["to"] == "workstation":
            data = bytes.fromhex(case["bytes"])
            if len(data) - 6 < 256:
                yield bytes(spool + begin + [W_RAW, len(data) - 6]) + data


LIES = [[3, 1, 9, 2, 4, 7, 5, 3], [4, 2, 1], [5, 0], [1, 0], [2]]


def adoptions() -> Iterator[bytes]:
    """Worlds of own and told events that have much in common; see AdoptionWorld.swift."""
    call = [1, 3, 0x21, 0, 50, 5, 3, 0]
    later = [1, 4, 0x21, 0, 60, 0, 0, 0]
    copy = [2, 3, 0x21, 0, 50, 5, 3, 0]
    grown = [1, 3, 0x21, 0, 80, 9, 5, 0]
    grown_copy = [2, 3, 0x21, 0, 80, 9, 5, 0]
    near_copy = [2, 4, 0x21, 0, 80, 9, 5, 0]
    growth = [0x11, 0x23, 0, 0, 30, 4, 0, 2]
    other_growth = [0x11, 0x43, 0, 0, 7, 0, 0, 2]
    ended = [0x1B, 9, 0, 0, 0, 0, 0, 0]
    worlds = [
        ([call, later], [call, later]), ([call, later], [call]), ([grown], [call]), ([call], [grown]),
        ([copy], [call]), ([grown_copy], [call]), ([call, growth], [call]), ([grown], [call, growth]),
        ([call, growth], [grown]), ([grown, later], [call, growth, other_growth]), ([call, ended], [call, ended]),
        ([copy, near_copy], [call, grown]), ([growth], [call, growth]), ([growth, other_growth], [grown]),
        ([call] * 9, [call] * 4), ([call, copy, grown], [copy, grown_copy, growth]),
        ([near_copy, copy], [call] * 20), ([later, growth, other_growth], [later, growth]),
    ]
    many = [bytes([1, 3 + n, 1, 0, n, 0, 0, 0]) for n in range(28)]
    yield bytes([1, 0, 0, 0, 60, 30]) + bytes(call) * 60 + b"".join(many)
    for flags in (0, 1, 2, 3, 6, 10, 0x14):
        for window, answer in ((31, 63), (0, 1), (2, 0)):
            for own, told in worlds:
                data = [1, flags, window, answer, len(own), len(told)]
                for event in own + told:
                    data += event
                for lies in LIES if flags & 1 else [[]]:
                    yield bytes(data + lies)


# Operations of fuzz/targets/LogLife.swift.
(L_APPEND, L_FLUSH, L_SYNC, L_ROLL, L_TRIM, L_CLOSE, L_KILL, L_LOSE, L_FLIP, L_CUT, L_ZERO, L_EVIDENCE) = range(12)


def logs() -> Iterator[bytes]:
    def append(kind: int, length: int = 9, local: int = 2) -> List[int]:
        return [L_APPEND, kind, length] + [7] * length + [local] + [8] * local

    some = append(0) + append(9, 40)
    lives = [
        some + [L_SYNC] + append(1) + [L_KILL] + some + [L_SYNC, L_LOSE] + some + [L_CLOSE, L_LOSE],
        some + [L_FLUSH, L_LOSE] + some + [L_SYNC, L_EVIDENCE, L_LOSE],
        some + [L_SYNC, L_ROLL] + some + [L_SYNC, L_ROLL, L_TRIM] + some + [L_LOSE] + some + [L_SYNC, L_KILL],
        some + [L_SYNC, L_EVIDENCE, L_FLIP, 0, 200, 0, 16, L_KILL],
        some + [L_SYNC, L_FLIP, 0, 10, 0, 16], some + [L_SYNC, L_CUT, 0, 200, 0, 0],
        some + [L_SYNC, L_ZERO, 0, 150, 0, 8],
        some * 30 + [L_SYNC, L_KILL], some + [L_SYNC, L_ROLL] + some + [L_SYNC, L_FLIP, 0, 90, 1, 16, L_KILL],
        some + [L_CLOSE, L_LOSE] + some + [L_SYNC, L_FLIP, 1, 9, 0, 16, L_LOSE],
    ]
    for life in lives:
        yield bytes([1] + life)
    for fix in (0x1F, 0x3F, 0x0F, 0x17, 0x1B, 0):
        for files in (1, 2):
            data = bytes([0, fix, files - 1])
            for number in range(1, files + 1):
                records = [record(kind, body) for kind, body in sorted(BODIES.items())]
                if files == 2 and number == 1:
                    records = [record(1, b"abc"), record(8, b"")]
                segment = header(number) + b"".join(records)
                data += bytes([number]) + struct.pack("<H", len(segment)) + segment
            yield data
            yield data + bytes([3, 1])
    yield bytes([0, 0x1F, 0, 1]) + struct.pack("<H", 128) + header(1)
    yield bytes([0, 0x1F, 0, 1]) + struct.pack("<H", 900) + header(1) + record(1, b"xyz") + b"TREC" + bytes(400)


def header(number: int) -> bytes:
    return b"TALLYLOG" + struct.pack("<HHIQ", 2, 0, number, 77) + bytes(range(16)) + struct.pack("<qQQQ", 1, 1, 0, 0) \
        + bytes(56)


def record(kind: int, body: bytes) -> bytes:
    start = b"TREC" + struct.pack("<BBH", kind, 0, 1) + bytes(104) + struct.pack("<IIII", len(body), 0, 0, 0) + bytes(8)
    assert len(start) == 136
    return start + body + bytes(8)


BODIES = {
    1: b"\2any bytes",
    2: struct.pack("<HHHHQQQ", 1, 1, 1, 0, 1, 5, 9) + bytes(32) + b"\4opus" + bytes(72) + bytes(16),
    4: struct.pack("<HHHHQQqQ", 1, 0, 1, 0, 1, 2, 3, 4) + bytes(32) + struct.pack("<II", 1, 0)
    + struct.pack("<II", 1, 1) + bytes(range(16)) + struct.pack("<QQQQII", 1, 5, 6, 0, 1, 0) + bytes(72),
    5: struct.pack("<HHIq", 1, 1, 0, 5) + bytes(48),
    6: struct.pack("<HBB", 1, 1, 0) + bytes(4) + bytes(8) + bytes(32),
    7: struct.pack("<H", 1) + bytes(6) + struct.pack("<q", 5) + bytes(32) + struct.pack("<I", 3) + b"abc",
    9: struct.pack("<HHIQQqQ", 1, 1, 0, 1, 2, 3, 4),
    11: struct.pack("<H", 1) + bytes(6) + bytes(range(16)) + bytes(72),
    12: struct.pack("<HHHH", 1, 5, 3, 0) + bytes(40),
    13: struct.pack("<HBBI", 1, 1, 0, 1) + bytes(range(16)) + bytes(200),
}


def texts(name: str) -> Iterator[bytes]:
    """Seeds that people can read stand as files beside this program."""
    for path in sorted(glob.glob(os.path.join(ROOT, "fuzz", "seeds", name, "*"))):
        with open(path, "rb") as file:
            yield file.read()


def transcripts() -> Iterator[bytes]:
    for text in texts("transcript-d"):
        yield b"d\x40" + text
    for letter in "cxng":
        for text in texts("transcript-" + letter):
            for chunk in (255, 3):
                yield letter.encode() + bytes([chunk]) + text
            for line in text.splitlines(keepends=True):
                yield letter.encode() + b"\x40" + line


def heads() -> Iterator[bytes]:
    for text in texts("http"):
        yield text.replace(b"\n", b"\r\n")
        yield text
    yield b"GET /" + b"a" * 8200
    yield b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 66 + b"\r\n"


SOURCES = {
    "frame": frames, "batch": batches, "lz4": blocks, "gateway": gateway, "workstation": workstation, "log": logs,
    "transcript": transcripts, "http": heads, "otlp": exports,
    "config": lambda: texts("config"), "prices": lambda: texts("prices"),
}


def main() -> int:
    if len(sys.argv) != 2:
        print(__doc__)
        return 2
    for name, source in SOURCES.items():
        folder = os.path.join(sys.argv[1], name)
        os.makedirs(folder, exist_ok=True)
        count = 0
        for data in source():
            if len(data) > (9000 if name == "http" else INPUT_BYTES_MAX):
                continue
            with open(os.path.join(folder, hashlib.sha1(data).hexdigest()), "wb") as file:
                file.write(data)
            count += 1
        print("%-12s %5d seeds" % (name, count))
    return 0


if __name__ == "__main__":
    sys.exit(main())
