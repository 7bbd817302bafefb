#!/usr/bin/env python3
"""Writes the files of ../vectors.  The same input gives the same files.

What a case expects is written here by hand wherever it can be (and then compared with what the reference says);
only the bytes of long bodies come from the encoder.  The cases of ``core`` are derived byte by byte in comments.
"""
import os
import random
from typing import Any, Dict, List, Optional

from conformance import VECTORS, make_case
from tallygate import batch, body, chain, frames, lz4
from tallygate.body import CONSTANT, DELTA, DICTIONARY, DICTIONARY_WITH_ABSENT, PACKED, RESIDUAL, VARINT
from tallygate.body import head, pack, varint, zigzag
from tallygate.random_rows import random_rows
from tallygate.schema import (BY_ID, BY_NAME, COLUMNS, CONTENT_IDS, GOAWAY, KIND, KIND_RULES, LIMITS,
                              PERMANENT, PRESET_DICTIONARY, REJECT, SCHEMA, SKIP, Refusal, dump)
from tallygate.xxh3 import xxh3_64
from time_vectors import time_cases

Case = Dict[str, Any]
STREAM = bytes(range(0x10, 0x20))
ZERO = chain.zero(STREAM)
SESSION = "0123456789abcdef0123456789abcdef"
OTHER = "ffffffffffffffffffffffffffffffff"
TIME = 1_700_000_000_000
MODEL = "claude-opus-4-8"
MAX_U64 = (1 << 64) - 1


def ids(n: int) -> List[str]:
    """n different sessions."""
    return ["%032x" % (0x5E55 << 112 | i) for i in range(1, n + 1)]


# The example of section 5.
EXAMPLE_SESSION = "00112233445566778899aabbccddeeff"
EXAMPLE: List[body.Row] = [
    {"time_ms": TIME, "session": EXAMPLE_SESSION, "model": MODEL, "input_tokens": 7, "reported_cost_nano_usd": 0},
    {"time_ms": TIME + 1, "session": EXAMPLE_SESSION, "model": MODEL, "output_tokens": 300},
]


def usage(**columns: Any) -> body.Row:
    row = {"time_ms": TIME, "session": SESSION, "model": "a"}
    row.update(columns)
    return row


def sample(column: Any) -> Any:
    """A small value of a column that is not its default."""
    if column.type == "enum":
        return column.names[min(n for n in column.names if n)]
    return {"id16": OTHER, "label": "b"}.get(column.type, 1)


def smallest(kind: str, **columns: Any) -> body.Row:
    """A row of the kind with its required columns only."""
    row: body.Row = {} if kind == "usage" else {"kind": kind}
    for id in KIND_RULES[KIND.numbers[kind]][0]:
        row[BY_ID[id].name] = {"time_ms": TIME, "session": SESSION, "model": "a"}.get(BY_ID[id].name) or sample(BY_ID[id])
    row.update(columns)
    return row


class Valid:
    def __init__(self) -> None:
        self.cases: List[Case] = []

    def add(self, requirement: str, name: str, rows: List[body.Row], raw: Optional[str] = None, **extra: Any) -> Case:
        before = extra.pop("before", ZERO)
        case = make_case(name, rows, STREAM, before, extra.pop("lz4", False), requirement)
        if before == ZERO:
            case["chain_zero"] = True
        if raw is not None:
            assert case["raw"] == raw.replace(" ", ""), (name, case["raw"])
        case.update(extra)
        self.cases.append(case)
        return case


class Invalid:
    def __init__(self) -> None:
        self.cases: List[Case] = []

    def add(self, requirement: str, name: str, count: int, raw: Any, reason: str, field: int, index: int = 0,
            **extra: Any) -> None:
        data = bytes.fromhex(raw) if isinstance(raw, str) else raw
        run = self.refusal(count, data, reason, field, index, name, None)
        self.cases.append({"name": name, "requirement": requirement, "count": count, "raw": data.hex(),
                           "reason": reason, "field": field, "index": index, "run": run, **extra})

    def block(self, requirement: str, name: str, count: int, block: bytes, raw_bytes: int, reason: str, field: int = 0,
              index: int = 0) -> None:
        run = self.refusal(count, block, reason, field, index, name, raw_bytes)
        self.cases.append({"name": name, "requirement": requirement, "count": count, "lz4": block.hex(),
                           "raw_bytes": raw_bytes, "reason": reason, "field": field, "index": index, "run": run})

    @staticmethod
    def refusal(count: int, data: bytes, reason: str, field: int, index: int, name: str, raw_bytes: Optional[int]) -> int:
        try:
            body.decode(data if raw_bytes is None else lz4.decompress(data, raw_bytes, count), count)
        except Refusal as refusal:
            assert (refusal.reason, refusal.field, refusal.index) == (reason, field, index), (name, str(refusal))
            return refusal.run
        raise AssertionError("%s is accepted" % name)


def with_columns(parts: Dict[int, bytes]) -> bytes:
    """A body of usage rows of one time, session and model, with these columns put in or over them."""
    whole = {2: head(CONSTANT, 2) + varint(TIME), 3: head(CONSTANT, 3) + bytes.fromhex(SESSION), 6: head(CONSTANT, 6) + b"\x01a"}
    whole.update(parts)
    return b"".join(whole[id] for id in sorted(whole))


# ------------------------------------------------------------------------------------------------ by hand

def core() -> List[Case]:
    v = Valid()
    # One row, so every column that is there is constant: head = 0 << 5 | id.
    #   01 02            kind, constant, 2 = session_start
    #   02 01            time_ms, constant, 1
    #   03 00 … 01       session, constant, 16 bytes
    v.add("TG-4-2", "hand: the smallest event", [{"kind": "session_start", "time_ms": 1, "session": "00" * 15 + "01"}],
          "0102 0201 03 00000000000000000000000000000001")
    # kind is usage = 0 in the only row: the column is absent.
    #   02 80 d0 95 ff bc 31   time_ms 1,700,000,000,000 = 0x18bcfe56800; from the lowest seven bits up:
    #                          00, 50, 15, 7f, 3c, 31; all but the last with the top bit
    #   03 …                   session
    #   06 01 61               model, constant, one byte, "a"
    #   0c ac 02               input_tokens, constant, 300 = 0b10_0101100
    #   11 07                  output_tokens 7
    #   15 01                  duration_ms 0 is present: encoded 0 + 1
    v.add("TG-3-1", "hand: one usage event, a duration of 0 that is not absent",
          [usage(input_tokens=300, output_tokens=7, duration_ms=0)],
          "02 80d095ffbc31 03 0123456789abcdef0123456789abcdef 06 01 61 0c ac02 11 07 15 01")
    # Three rows.
    #   c2 05 02 01      time_ms, delta = 6 << 5 | 2 = c2: first 5, then zigzag(6 − 5 = +1) = 2, zigzag(5 − 6 = −1) = 1
    #   83 02 A B 02     session, dictionary = 4 << 5 | 3 = 83: two entries, then A B A as 0, 1, 0 in one bit each,
    #                    lowest first: 0b010
    #   a6 01 01 61 05   model, dictionary with absent = 5 << 5 | 6 = a6: one entry "a"; a, absent, a is 1, 0, 1 in one
    #                    bit: 0b101.  (The second row is a state event, which may go without a model.)
    #   61 18            kind, packed = 3 << 5 | 1 = 61: usage, state, usage = 0, 3, 0 in three bits: 0b000_011_000
    #   77 10 00         state, packed = 3 << 5 | 23 = 77: absent, waiting_user, absent = 0, 2, 0: 9 bits
    #                    0b0_00_010_000 = 10 00
    v.add("TG-4-4", "hand: three rows, dictionaries and packed columns",
          [{"time_ms": 5, "session": "aa" * 16, "model": "a"},
           {"kind": "state", "time_ms": 6, "session": "bb" * 16, "state": "waiting_user"},
           {"time_ms": 5, "session": "aa" * 16, "model": "a"}],
          "61 1800 c2 05 02 01 83 02" + "aa" * 16 + "bb" * 16 + "02 a6 01 01 61 05 77 1000")
    # Three rows of one session: the prompt grows as a conversation's does.
    #   2c 0a 03 04      input_tokens, varint = 1 << 5 | 12 = 2c: 10, 3, 4
    #   4d 00 00 02      cache_read_tokens, residual = 2 << 5 | 13 = 4d:
    #                      row 0: nothing before: 0 − 0 = 0                              zigzag 0 = 00
    #                      row 1: 110 − (10 + 0 + 100 of row 0) = 0                      zigzag 0 = 00
    #                      row 2: 114 − (3 + 110 + 0 of row 1) = 1                       zigzag 1 = 02
    #   2e 64 00 00      cache_write_5m_tokens, varint: 100, 0, 0
    v.add("TG-4-6", "hand: a prompt that grows",
          [usage(time_ms=1, input_tokens=10, cache_write_5m_tokens=100),
           usage(time_ms=1, input_tokens=3, cache_read_tokens=110),
           usage(time_ms=1, input_tokens=4, cache_read_tokens=114)],
          "02 01 03" + SESSION + "06 01 61 2c 0a0304 4d 000002 2e 640000")
    # The LZ4 block of the first body (21 bytes) without a match is the token f0, 15 + 6, and the bytes.
    first = v.cases[0]
    v.cases.append(dict(first, name="hand: the smallest event as an LZ4 block of literals", requirement="TG-4-7",
                        lz4="f006" + first["raw"]))
    # With a match: the preset dictionary starts with 32 zero bytes.  Literals 01 02 02 01 03 (5), a match of 10 zeros
    # (token 5 << 4 | 10 − 4 = 56) whose offset is 1,133 + 5 = 0x472 (the dictionary's first byte), then five zeros and
    # the 01 as literals (token 60).  The match starts 16 bytes before the end, the literals are six.
    v.cases.append(dict(first, name="hand: the smallest event as an LZ4 block with a match into the preset dictionary",
                        requirement="TG-4-7", lz4="56 0102020103 7204 60 000000000001".replace(" ", "")))
    assert len(PRESET_DICTIONARY) == 1133 and PRESET_DICTIONARY[:32] == bytes(32)
    return v.cases


# ----------------------------------------------------------------------------------------------- valid batches

def values_of(column: Any) -> List[Any]:
    if column.type == "enum":
        return [column.names[n] for n in sorted(column.names) if n]
    if column.type == "id16":
        return ["00" * 15 + "01", "ff" * 16, "01" + "00" * 15]
    if column.type == "label":
        return ["a", "z", "0", "9", "a._:/@+-", "x" * 64, "0" + "-" * 63, "unlisted"]
    if column.type == "nullable_count":
        return [0, 1, 126, 127, column.most - 1]
    return sorted({n for n in (1, 127, 128, 16383, 16384, 65535, 2097151, 2097152, column.most) if n <= column.most})


def row_with(column: Any, value: Any) -> body.Row:
    name = column.name
    if name == "kind":
        return smallest(value)
    if name == "state":
        return smallest("state", state=value)
    if name == "context_tokens":
        return smallest("correction", context_tokens=value)
    if name == "reasoning_tokens":
        return usage(output_tokens=column.most, reasoning_tokens=value)
    return usage(**{name: value})


def columns_valid() -> List[Case]:
    v = Valid()
    for column in COLUMNS:
        values = values_of(column)
        for value in values:
            v.add("TG-3-2" if column.type == "label" else "TG-3-1" if column.type == "nullable_count" else "TG-3-4",
                  "%s constant %s" % (column.name, value), [row_with(column, value)])
        if len(values) > 1:
            rows = [row_with(column, value) for value in values]
            # a row without it, where a row may be
            if column.name == "reasoning_tokens":
                rows.append(usage(output_tokens=5))
            elif column.name in ("state", "context_tokens", "model"):
                rows.insert(1, smallest("session_end"))
            elif column.name not in ("time_ms", "session"):
                rows.append(usage())
            v.add("TG-4-2", "%s, each value in a row" % column.name, rows)
    v.add("TG-3-1", "nullable counts of 0 beside absent ones", [usage(duration_ms=0, reported_cost_nano_usd=0), usage()])
    v.add("TG-3-6", "totals at their largest, in three rows",
          [usage(input_tokens=10 ** 9, cache_read_tokens=10 ** 9, cache_write_5m_tokens=10 ** 9,
                 cache_write_1h_tokens=10 ** 9, cache_write_unknown_tokens=10 ** 9, output_tokens=10 ** 9,
                 reasoning_tokens=10 ** 9, reported_cost_nano_usd=10 ** 13)] * 3)
    v.add("TG-3-6", "an absent cost counts 0, reasoning is not counted beside output",
          [usage(output_tokens=9, reasoning_tokens=9), usage(reported_cost_nano_usd=5)])
    return v.cases


def kinds_valid() -> List[Case]:
    v = Valid()
    every = []
    for kind, (_, forbidden) in sorted(KIND_RULES.items()):
        name = KIND.names[kind]
        row = smallest(name)
        v.add("TG-3-5", "%s with its required columns only" % name, [row])
        row = dict(row)
        for column in COLUMNS[1:]:
            if column.id not in forbidden and column.name not in row:
                row[column.name] = sample(column)
        v.add("TG-3-5", "%s with every column it may have" % name, [row])
        every += [smallest(name), row]
    v.add("TG-3-5", "every kind in one batch, twice over", every + every[::-1])
    v.add("TG-3-5", "reasoning equal to output", [usage(output_tokens=3, reasoning_tokens=3), usage(output_tokens=3)])
    return v.cases


def encodings_valid() -> List[Case]:
    v = Valid()
    labels = ["m%d" % i for i in range(300)]
    for size in (2, 3, 4, 5, 8, 9, 16, 17, 256, 257):
        v.add("TG-4-4", "dictionary of %d sessions" % size, [usage(session=s) for s in ids(size)])
    for size in (2, 3, 4, 5, 16, 17, 256):
        v.add("TG-4-4", "dictionary of %d models" % size, [usage(model=m) for m in labels[:size]])
    for size in (1, 2, 3, 4, 5, 15, 16, 17, 255, 256):
        some = ids(size)
        rows = [usage(project=p) for p in some]
        rows.insert(size // 2, usage())
        v.add("TG-4-4", "dictionary with absent of %d projects" % size, rows)
    for size in (1, 3, 4, 16):
        rows = [smallest("session_start", model=m) for m in labels[:size]] + [smallest("session_start")]
        v.add("TG-4-4", "dictionary with absent of %d models, the last row absent" % size, rows)
    v.add("TG-4-4", "dictionary entries out of value order and used again",
          [usage(session=s) for s in (OTHER, SESSION, OTHER, SESSION, "00" * 15 + "01", OTHER)])
    v.add("TG-4-4", "dictionary with 33 rows of 3 sessions", [usage(session=ids(3)[i * i % 3]) for i in range(33)])
    for name, many in (("billing", (1, 2, 3, 4, 5, 8)), ("origin", (2, 3, 5, 6, 8, 9, 16, 17)), ("agent", (2, 3, 8, 9))):
        column = BY_NAME[name]
        values = [None] + [column.names[n] for n in sorted(column.names) if n]
        for n in many:
            v.add("TG-4-5", "%s packed in %d bits, %d rows" % (name, column.bits, n),
                  [usage(**({name: values[i % len(values)]} if values[i % len(values)] else {})) for i in range(n)])
    v.add("TG-4-2", "time forward, back, equal and to both ends",
          [usage(time_ms=t) for t in (TIME, TIME + 63, TIME - 1, TIME - 1, 1, BY_NAME["time_ms"].most, 1, 2)])
    v.add("TG-4-2", "varints of every length",
          [usage(reported_cost_nano_usd=max(0, (1 << 7 * n) - 1 + d)) for n in range(7) for d in (-1, 0)])
    v.add("TG-4-2", "all columns constant in many rows", [usage(agent="codex", input_tokens=5)] * 9)
    v.add("TG-4-1", "4,096 rows", [usage(time_ms=1 + i % 3) for i in range(4096)])
    row = usage()
    for column in COLUMNS[1:]:
        if column.id not in KIND_RULES[0][1] and column.name not in row:
            row[column.name] = sample(column)
    v.add("TG-4-3", "every column of a usage row, ids ascending, each read to its end",
          [row, dict(row, time_ms=TIME + 1)])
    return v.cases


def adopted_valid() -> List[Case]:
    """Bodies of ADOPTED: of each kind what it requires, and the columns that matching needs."""
    v = Valid()
    told = [usage(input_tokens=3, cache_read_tokens=7, output_tokens=2, reported_cost_nano_usd=0),
            usage(time_ms=TIME + 9, session=OTHER, cache_write_5m_tokens=4, reasoning_tokens=1, output_tokens=1,
                  web_searches=2),
            smallest("correction", output_tokens=5)]
    v.add("TG-2-9", "a usage row, a longer one and a correction, as ADOPTED tells them", told)
    v.add("TG-2-9", "the other kinds, as ADOPTED tells them",
          [smallest(kind) for kind in ("session_start", "state", "session_end")])
    return v.cases


def residuals_valid() -> List[Case]:
    v = Valid()
    top = 10 ** 9
    a, b = ids(2)
    v.add("TG-4-6", "predicted exactly, so residuals of 0, values not equal",
          [usage(input_tokens=4), usage(cache_read_tokens=4)])
    v.add("TG-4-6", "equal values with unequal residuals are constant",
          [usage(input_tokens=4, cache_read_tokens=9), usage(input_tokens=7, cache_read_tokens=9)])
    v.add("TG-4-6", "the most negative residual: nothing read after the largest prompt",
          [usage(input_tokens=top, cache_read_tokens=top, cache_write_5m_tokens=top, cache_write_1h_tokens=top,
                 cache_write_unknown_tokens=top), usage()])
    v.add("TG-4-6", "the largest residual", [usage(), usage(cache_read_tokens=top)])
    v.add("TG-4-6", "interleaved sessions are predicted each from their own",
          [usage(session=a, input_tokens=10), usage(session=b, input_tokens=20),
           usage(session=a, cache_read_tokens=10, input_tokens=1), usage(session=b, cache_read_tokens=20, input_tokens=2),
           usage(session=a, cache_read_tokens=11), usage(session=b, cache_read_tokens=22)])
    v.add("TG-4-6", "a correction is predicted as 0 and predicts nothing",
          [usage(input_tokens=10), smallest("correction", cache_read_tokens=7, input_tokens=50), usage(cache_read_tokens=10)])
    v.add("TG-4-6", "a state event between leaves the prediction",
          [usage(input_tokens=10), smallest("state"), usage(cache_read_tokens=10)])
    v.add("TG-4-6", "all five columns are in the prediction",
          [usage(input_tokens=1, cache_read_tokens=2, cache_write_5m_tokens=4, cache_write_1h_tokens=8,
                 cache_write_unknown_tokens=16), usage(cache_read_tokens=31)])
    v.add("TG-4-6", "output is not in the prediction", [usage(output_tokens=5, input_tokens=1), usage(cache_read_tokens=1)])
    return v.cases


def chain_valid() -> List[Case]:
    v = Valid()
    v.add("TG-5-1", "the example of section 5", EXAMPLE)
    v.add("TG-5-1", "chain from an arbitrary value", [usage()], before=0x0123456789ABCDEF)
    v.add("TG-5-1", "chain from 0", [usage()], before=0)
    v.add("TG-5-1", "chain from the largest value", [usage()], before=MAX_U64)
    # usage rows that hold one column more each time
    row = usage()
    for column in COLUMNS[3:]:
        if column.id in KIND_RULES[0][1] or column.name == "model":
            continue
        row = dict(row, **{column.name: 2 if column.type not in ("enum", "id16") else sample(column)})
        row.setdefault("output_tokens", 2)
        v.add("TG-5-1", "chain of a usage row up to column %d" % column.id, [row])
    rows = [usage(time_ms=TIME + i, input_tokens=i, agent="codex" if i % 2 else "amp") for i in range(5)]
    whole = v.add("TG-5-2", "five rows in one batch", rows)
    before = ZERO
    for part, which in ((rows[:2], "first two"), (rows[2:3], "third"), (rows[3:], "last two")):
        case = v.add("TG-5-2", "the same rows split, the %s" % which, part, before=before)
        before = int(case["chain_after"], 16)
    assert case["chain_after"] == whole["chain_after"]
    return v.cases


def lz4_valid() -> List[Case]:
    v = Valid()
    rows = [usage(time_ms=TIME + 1000 * i, model=MODEL, agent="claude_code", input_tokens=5 + i, output_tokens=100 + 7 * i,
                  cache_read_tokens=3000 * i) for i in range(12)]
    v.add("TG-4-7", "LZ4 of twelve rows", rows, lz4=True)
    v.add("TG-4-7", "LZ4 of one row", rows[:1], lz4=True)
    case = v.add("TG-4-7", "LZ4, literals only", rows)
    raw = bytes.fromhex(case["raw"])
    case["lz4"] = lz4.sequence(raw).hex()
    for what, block in (("packed", lz4.compress(raw)), ("of literals", lz4.sequence(raw))):
        case = v.add("TG-4-8", "one raw body, whichever block it came in: " + what, rows)
        case["lz4"] = block.hex()
    case = v.add("TG-4-7", "LZ4, the match length of the last token is not looked at", rows[:1])
    block = bytearray(lz4.sequence(bytes.fromhex(case["raw"])))
    block[0] |= 15
    case["lz4"] = block.hex()
    # 100 equal small counts apart from the first: a long run
    rows = [usage(input_tokens=2)] + [usage(input_tokens=1)] * 299
    case = v.add("TG-4-7", "LZ4, a match that overlaps itself (offset 1) with two length bytes", rows)
    raw = bytes.fromhex(case["raw"])
    assert raw[-299:] == b"\x01" * 299
    case["lz4"] = (lz4.sequence(raw[:-298], 1, 293) + lz4.sequence(raw[-5:])).hex()
    case = v.add("TG-4-7", "LZ4, the last match begins 12 bytes before the end", rows)
    case["lz4"] = (lz4.sequence(raw[:-12], 1, 7) + lz4.sequence(raw[-5:])).hex()
    case = v.add("TG-4-7", "LZ4, the largest offset that is there: the dictionary's first byte",
                 [{"kind": "session_start", "time_ms": 1, "session": "00" * 15 + "01"}])
    case["lz4"] = "56010202010372046000000000" + "0001"
    return v.cases


def random_valid() -> List[Case]:
    v = Valid()
    source = random.Random(20250101)
    before = ZERO
    while len(v.cases) < 60:
        rows = random_rows(source)
        if len(rows) <= 20:
            before = int(v.add("TG-4-2", "random %d" % len(v.cases), rows, before=before, lz4=True)["chain_after"], 16)
    return v.cases


# --------------------------------------------------------------------------------------------- invalid batches

def heads_invalid() -> List[Case]:
    v = Invalid()
    good = with_columns({})
    for id in range(26, 256):
        content = id in CONTENT_IDS
        if not content and 34 < id < 126 and id not in (63, 64):
            continue
        v.add("TG-3-4", "%s column %d" % ("content" if content else "unknown", id), 2, good + head(CONSTANT, id) + b"\x01",
              "CONTENT_FIELD" if content else "UNKNOWN_FIELD", id)
    v.add("TG-3-4", "a content column with an encoding that does not exist", 2, good + head(7, 128), "CONTENT_FIELD", 128)
    v.add("TG-3-4", "an unknown column without data", 2, good + head(CONSTANT, 26), "UNKNOWN_FIELD", 26)
    v.add("TG-3-4", "an unknown column at the front", 2, head(CONSTANT, 32) + good, "UNKNOWN_FIELD", 32)
    for id in (0, 1, 2, 25, 26, 31):
        v.add("TG-4-2", "id %d after an escape head" % id, 2, bytes([0, id, 1]), "NON_CANONICAL", id)
    v.add("TG-4-11", "an escape head with a low id that is also out of order", 2, good + bytes([0, 5, 1]), "NON_CANONICAL", 5)
    v.add("TG-4-3", "an escape head at the end", 2, good + b"\x00", "MALFORMED", 0)
    v.add("TG-4-3", "a head at the end", 2, good + b"\x0c", "MALFORMED", 12)
    v.add("TG-4-3", "a column twice", 2, good + head(CONSTANT, 12) + b"\x01" + head(CONSTANT, 12) + b"\x01", "MALFORMED", 12)
    v.add("TG-4-3", "columns descending", 2, good + head(CONSTANT, 5) + b"\x01", "MALFORMED", 5)
    for column in COLUMNS:
        for encoding in range(8):
            if encoding not in column.encodings:
                parts = {column.id: head(encoding, column.id) + b"\x01" * 40}
                v.add("TG-4-3", "%s with encoding %d" % (column.name, encoding), 2, with_columns(parts), "MALFORMED", column.id)
    v.add("TG-4-1", "no rows", 0, good, "SIZE", 0)
    v.add("TG-4-1", "4,097 rows", 4097, good, "SIZE", 0)
    v.add("TG-4-1", "the largest count of 32 bits", 0xFFFFFFFF, good, "SIZE", 0)
    v.add("TG-3-5", "an empty body", 3, b"", "FIELD_REQUIRED", 2)
    return v.cases


def varints_invalid() -> List[Case]:
    v = Invalid()
    over = [("of 11 bytes", b"\x81" * 10 + b"\x01", "MALFORMED"),
            ("of ten bytes with the top bit in the tenth", b"\x80" * 10, "MALFORMED"),
            ("of 2^64", b"\x80" * 9 + b"\x02", "MALFORMED"),
            ("of ten bytes, all ones", b"\xff" * 9 + b"\x7f", "MALFORMED"),
            ("of 2^64 - 1", b"\xff" * 9 + b"\x01", "FIELD_RANGE"),
            ("of 1 in two bytes", b"\x81\x00", "NON_CANONICAL"),
            ("of 0 in two bytes", b"\x80\x00", "NON_CANONICAL"),
            ("of 1 in ten bytes", b"\x81" + b"\x80" * 8 + b"\x00", "NON_CANONICAL"),
            ("that does not end", b"\x81\x80", "MALFORMED"),
            ("without a byte", b"", "MALFORMED")]
    for what, data, reason in over:
        v.add("TG-4-3" if reason == "MALFORMED" else "TG-4-2" if reason == "NON_CANONICAL" else "TG-3-4",
              "constant varint " + what, 2, with_columns({25: head(CONSTANT, 25) + data}), reason, 25)
        v.add("TG-4-3" if reason == "MALFORMED" else "TG-4-2" if reason == "NON_CANONICAL" else "TG-3-4",
              "varint of the second row " + what, 2, with_columns({21: head(VARINT, 21) + b"\x01" + data}), reason, 21,
              1 if reason == "FIELD_RANGE" else 0)
    for what, data, reason in over:
        # the residual 2^64 - 1 is zigzag -2^63
        v.add("TG-4-6" if reason == "FIELD_RANGE" else "TG-4-3" if reason == "MALFORMED" else "TG-4-2",
              "residual varint " + what, 2, with_columns({13: head(RESIDUAL, 13) + b"\x00" + data}), reason, 13,
              1 if reason == "FIELD_RANGE" else 0)
    start = {4: head(CONSTANT, 4) + bytes(15) + b"\x01"}
    for what, data, reason in over[:4] + over[5:]:
        v.add("TG-4-3" if reason == "MALFORMED" else "TG-4-2", "entry count " + what, 2,
              with_columns(start)[:24] + head(DICTIONARY_WITH_ABSENT, 4) + data, reason, 4)
    for what, data, reason in over:
        body_bytes = head(DELTA, 2) + varint(TIME) + data
        v.add("TG-4-3" if reason == "MALFORMED" else "TG-4-2" if reason == "NON_CANONICAL" else "TG-3-4",
              "time difference " + what, 2, body_bytes, reason, 2, 1 if reason == "FIELD_RANGE" else 0)
    return v.cases


def ranges_invalid() -> List[Case]:
    v = Invalid()
    for column in COLUMNS:
        id, name = column.id, column.name
        if column.type == "id16":
            v.add("TG-4-2", "%s constant of zeros" % name, 2, with_columns({id: head(CONSTANT, id) + bytes(16)}),
                  "NON_CANONICAL", id)
            continue
        if column.type == "label":
            v.add("TG-4-2", "%s constant and empty" % name, 2, with_columns({id: head(CONSTANT, id) + b"\x00"}),
                  "NON_CANONICAL", id)
            bad = [b"A", b"-a", b".a", b"a b", b"a\x00", b"a\n", "é".encode(), b"a\\", b"a_B", b"_", b"a%", b"a'", b"\xff",
                   b"x" * 65, b"x" * 255]
            for label in bad:
                v.add("TG-3-2", "%s %r" % (name, label if len(label) < 65 else len(label)), 2,
                      with_columns({id: head(CONSTANT, id) + bytes([len(label)]) + label}), "FIELD_RANGE", id)
            v.add("TG-3-2", "a bad model as the second entry", 2,
                  with_columns({id: head(DICTIONARY, id) + b"\x02\x01a\x01A\x02"}), "FIELD_RANGE", id)
            v.add("TG-4-11", "a length over 64 is refused before the bytes are looked for", 2,
                  _up_to(6) + head(CONSTANT, id) + b"\x41", "FIELD_RANGE", id)
            v.add("TG-4-11", "a bad label that is cut", 2, _up_to(6) + head(CONSTANT, id) + b"\x02A",
                  "MALFORMED", id)
            continue
        v.add("TG-4-2", "%s constant 0" % name, 2, with_columns({id: head(CONSTANT, id) + b"\x00"}), "NON_CANONICAL", id)
        over = [max(column.legal) + 1, 1 << column.bits, 255, 1 << 32] if column.type == "enum" else [column.most + 1, MAX_U64]
        for value in sorted(set(over)):
            v.add("TG-3-1" if column.type == "nullable_count" else "TG-3-4", "%s constant %d" % (name, value), 3,
                  with_columns({id: head(CONSTANT, id) + varint(value)}), "FIELD_RANGE", id)
        if column.type == "enum":
            for value in range(1 << column.bits):
                if value not in column.legal:
                    v.add("TG-3-4", "%s packed %d in row 2" % (name, value), 3,
                          with_columns({id: head(PACKED, id) + pack([0, 1, value], column.bits)}), "FIELD_RANGE", id, 2)
        elif column.type in ("count", "nullable_count"):
            v.add("TG-3-1" if column.type == "nullable_count" else "TG-3-4", "%s %d in row 1" % (name, column.most + 1), 3,
                  with_columns({id: head(VARINT, id) + b"\x01" + varint(column.most + 1) + b"\x01"}), "FIELD_RANGE", id, 1)
        elif column.type == "time":
            for what, values, index in (("0 in row 0", [0, 5], 0), ("0 in row 1", [5, 0], 1), ("-1 in row 1", [5, -1], 1),
                                        ("2^43 in row 1", [5, 1 << 43], 1), ("2^43 in row 0", [1 << 43, 5], 0),
                                        ("-2^63 away", [5, 5 - (1 << 63)], 1), ("2^63 - 1 away", [5, 4 + (1 << 63)], 1)):
                data = varint(values[0]) + varint(zigzag(values[1] - values[0]))
                v.add("TG-3-4", "%s %s" % (name, what), 2, with_columns({id: head(DELTA, id) + data}), "FIELD_RANGE", id, index)
    return v.cases


def canonical_invalid() -> List[Case]:
    v = Invalid()
    for column in COLUMNS:
        id, name = column.id, column.name
        for what, value in (("defaults", 0), ("equal values", 1)):
            if column.type == "enum":
                data = head(PACKED, id) + pack([value] * 3, column.bits)
            elif column.type in ("count", "nullable_count"):
                data = head(VARINT, id) + bytes([value] * 3)
            elif column.type == "time" and value:
                data = head(DELTA, id) + b"\x05\x00\x00"
            elif column.type == "residual":
                data = head(RESIDUAL, id) + bytes([2 * value, 0, 0])  # each is predicted by the one before
            else:
                continue
            v.add("TG-4-2", "%s in three rows of %s, not constant" % (name, what), 3, with_columns({id: data}),
                  "NON_CANONICAL", id)
    v.add("TG-4-2", "one row, a varint column", 1, with_columns({12: head(VARINT, 12) + b"\x05"}), "NON_CANONICAL", 12)
    v.add("TG-4-2", "one row, a delta", 1, with_columns({2: head(DELTA, 2) + b"\x05"}), "NON_CANONICAL", 2)
    v.add("TG-4-2", "one row, packed", 1, with_columns({5: head(PACKED, 5) + b"\x05"}), "NON_CANONICAL", 5)
    v.add("TG-4-2", "one row, a residual", 1, with_columns({13: head(RESIDUAL, 13) + b"\x02"}), "NON_CANONICAL", 13)
    v.add("TG-4-2", "one row, a dictionary", 1, with_columns({3: head(DICTIONARY, 3) + b"\x01" + bytes([7] * 16)}),
          "NON_CANONICAL", 3)
    return v.cases


def dictionaries_invalid() -> List[Case]:
    v = Invalid()
    a, b, c = (bytes.fromhex(x) for x in ids(3))

    def session(data: bytes, what: str, reason: str, count: int = 3, requirement: str = "TG-4-4") -> None:
        v.add(requirement, "sessions: " + what, count, with_columns({3: head(DICTIONARY, 3) + data}), reason, 3)

    def project(data: bytes, what: str, reason: str, count: int = 3, requirement: str = "TG-4-4") -> None:
        v.add(requirement, "projects with absent: " + what, count,
              with_columns({4: head(DICTIONARY_WITH_ABSENT, 4) + data}), reason, 4)

    def model(data: bytes, what: str, reason: str, count: int = 3, requirement: str = "TG-4-4") -> None:
        v.add(requirement, "models: " + what, count, with_columns({6: head(DICTIONARY, 6) + data}), reason, 6)

    session(b"\x00", "no entries", "NON_CANONICAL")
    session(b"\x01" + a, "one entry", "NON_CANONICAL")
    session(b"\x04" + a + b + c + bytes([9] * 16) + b"\x00", "more entries than rows", "NON_CANONICAL")
    session(varint(MAX_U64), "2^64 - 1 entries", "NON_CANONICAL")
    session(b"\x03" + a + b + a + pack([0, 1, 2], 2), "the third entry is the first", "NON_CANONICAL")
    session(b"\x02" + a + a + pack([0, 1, 0], 1), "two equal entries", "NON_CANONICAL")
    session(b"\x02" + a + b + pack([0, 0, 0], 1), "the second entry unused", "NON_CANONICAL")
    session(b"\x03" + a + b + c + pack([0, 1, 1], 2), "the third entry unused", "NON_CANONICAL")
    session(b"\x02" + a + b + pack([1, 0, 1], 1), "not in the order of first use", "NON_CANONICAL")
    session(b"\x03" + a + b + c + pack([0, 2, 1], 2), "the third entry before the second", "NON_CANONICAL")
    session(b"\x03" + a + b + c + pack([0, 1, 3], 2), "an index beyond the entries", "MALFORMED")
    session(b"\x02" + a + bytes(16) + pack([0, 1, 0], 1), "an entry of zeros", "MALFORMED")
    session(b"\x02" + a + b + bytes([0b1010]), "an unused bit set", "NON_CANONICAL", requirement="TG-4-5")
    session(b"\x02" + a + b + bytes([0b10000010]), "the top unused bit set", "NON_CANONICAL", requirement="TG-4-5")
    project(b"\x00", "no entries", "NON_CANONICAL")
    project(b"\x01" + a + pack([1, 1, 1], 1), "no absent row, one entry", "NON_CANONICAL")
    project(b"\x02" + a + b + pack([1, 2, 1], 2), "no absent row, two entries", "NON_CANONICAL")
    project(b"\x01" + a + pack([0, 0, 0], 1), "only absent rows", "NON_CANONICAL")
    project(b"\x02" + a + b + pack([0, 1, 3], 2), "an index beyond the entries", "MALFORMED")
    project(b"\x02" + a + b + pack([0, 2, 1], 2), "not in the order of first use", "NON_CANONICAL")
    project(b"\x02" + a + b + pack([0, 1, 0], 2), "an entry unused", "NON_CANONICAL")
    project(b"\x01" + bytes(16) + pack([0, 1, 0], 1), "an entry of zeros", "MALFORMED")
    project(b"\x03" + a + b + c + pack([1, 2, 3], 2), "as many entries as rows", "NON_CANONICAL")
    project(b"\x04" + a, "more entries than rows", "NON_CANONICAL")
    project(b"\x01" + a + bytes([0b1001]), "an unused bit set", "NON_CANONICAL", requirement="TG-4-5")
    v.add("TG-4-4", "projects without absent: an absent row cannot be written with encoding 4", 2,
          with_columns({4: head(DICTIONARY, 4) + b"\x02" + a + bytes(16) + b"\x02"}), "MALFORMED", 4)
    model(b"\x02\x01a\x01a" + pack([0, 1, 0], 1), "two equal entries", "NON_CANONICAL")
    model(b"\x02\x01a\x00" + pack([0, 1, 0], 1), "an empty entry", "MALFORMED")
    model(b"\x02\x01a\x41" + b"x" * 65 + pack([0, 1, 0], 1), "an entry of 65 bytes", "FIELD_RANGE", requirement="TG-3-2")
    model(b"\x02\x01b\x01a" + pack([1, 0, 1], 1), "in value order, not in the order of first use", "NON_CANONICAL")
    # index widths: a run of one byte too few
    for size in (2, 3, 5, 17, 257):
        bits = (size - 1).bit_length()
        indices = pack(list(range(size)), bits)
        entries = b"".join(bytes.fromhex(x) for x in ids(size))
        data = head(CONSTANT, 2) + b"\x01" + head(DICTIONARY, 3) + varint(size) + entries + indices
        v.add("TG-4-3", "%d sessions, the run of indices one byte short" % size, size, data[:-1], "MALFORMED", 3)
        v.add("TG-3-5", "%d sessions and no model" % size, size, data, "FIELD_REQUIRED", 6)
    return v.cases


def packed_invalid() -> List[Case]:
    v = Invalid()
    for name in ("billing", "origin", "agent"):
        column = BY_NAME[name]
        for rows in (1, 2, 3, 5, 7, 9):
            values = [i % 2 for i in range(rows)]
            data = bytearray(head(PACKED, column.id) + pack(values, column.bits))
            if rows > 1:
                v.add("TG-4-3", "%s, %d rows, one byte short" % (name, rows), rows,
                      _up_to(column.id) + bytes(data[:-1]), "MALFORMED", column.id)
            used = rows * column.bits % 8
            if used:
                for bit in sorted({used, 7}):
                    bad = bytearray(data)
                    bad[-1] |= 1 << bit
                    v.add("TG-4-5", "%s, %d rows, unused bit %d set" % (name, rows, bit), rows,
                          with_columns({column.id: bytes(bad)}), "NON_CANONICAL", column.id)
    v.add("TG-4-11", "a bad value before an unused bit", 3, with_columns({7: head(PACKED, 7) + pack([7, 0, 0], 3)[:1] + b"\x80"}),
          "FIELD_RANGE", 7, 0)
    return v.cases


def _up_to(id: int) -> bytes:
    """The columns of ``with_columns`` below an id."""
    parts = {2: head(CONSTANT, 2) + varint(TIME), 3: head(CONSTANT, 3) + bytes.fromhex(SESSION), 6: head(CONSTANT, 6) + b"\x01a"}
    return b"".join(data for at, data in sorted(parts.items()) if at < id)


def residuals_invalid() -> List[Case]:
    v = Invalid()
    top = 10 ** 9

    def add(what: str, deltas: List[int], index: int, reason: str = "FIELD_RANGE", **parts: bytes) -> None:
        data = {13: head(RESIDUAL, 13) + b"".join(varint(zigzag(d)) for d in deltas)}
        data.update({int(id[1:]): part for id, part in parts.items()})
        v.add("TG-4-6", what, len(deltas), with_columns(data), reason, 13, index)

    def counts(id: int, *values: int) -> bytes:
        return head(VARINT, id) + b"".join(varint(value) for value in values)

    add("the first row below 0", [-1, 0], 0)
    add("the second row below 0 by its prediction", [5, -6], 1)
    add("the second row above 10^9 by its prediction", [5, top - 4], 1)
    add("the first row above 10^9", [top + 1, 0], 0)
    add("the largest prediction and 2^63 - 1", [top, (1 << 63) - 1], 1, c12=head(CONSTANT, 12) + varint(top))
    add("-2^63", [0, -(1 << 63)], 1)
    add("equal values, unequal residuals", [4, -3], 0, "NON_CANONICAL", c12=counts(12, 3, 1))
    add("values of 0, unequal residuals", [0, -3], 0, "NON_CANONICAL", c12=counts(12, 3, 1))
    add("a prediction that uses columns after 13", [0, -8], 1, c16=counts(16, 7, 1))
    add("a correction is not predicted from the usage row before it", [5, -1], 1,
        c1=head(PACKED, 1) + pack([0, 1], 3), c24=head(VARINT, 24) + b"\x00\x01")
    v.add("TG-4-11", "a residual out of range and a required column missing", 2,
          with_columns({6: b"", 13: head(RESIDUAL, 13) + b"\x01\x00"}), "FIELD_RANGE", 13, 0)
    v.add("TG-4-11", "a residual out of range before a column that does not decode", 2,
          with_columns({13: head(RESIDUAL, 13) + b"\x01\x00", 25: head(CONSTANT, 25) + b"\x07"}), "FIELD_RANGE", 25, 0)
    v.add("TG-4-11", "no session: the rows are predicted as of one session", 2,
          with_columns({3: b"", 13: head(RESIDUAL, 13) + b"\x0a\x0b"}), "FIELD_RANGE", 13, 1)
    v.add("TG-4-11", "no session, residuals in range", 2, with_columns({3: b"", 13: head(RESIDUAL, 13) + b"\x0a\x09"}),
          "FIELD_REQUIRED", 3, 0)
    return v.cases


def kinds_invalid() -> List[Case]:
    v = Invalid()

    def rows(what: str, rows: List[body.Row], reason: str, field: int, index: int, requirement: str = "TG-3-5") -> None:
        v.add(requirement, what, len(rows), body.encode(body.columns_of_rows(rows), len(rows)), reason, field, index)

    for kind, (required, forbidden) in sorted(KIND_RULES.items()):
        name = KIND.names[kind]
        for id in required:
            row = smallest(name)
            del row[BY_ID[id].name]
            rows("%s without %s" % (name, BY_ID[id].name), [row, row], "FIELD_REQUIRED", id, 0)
            if BY_ID[id].name not in ("time_ms", "session"):  # which no row may go without
                rows("%s without %s in row 2" % (name, BY_ID[id].name),
                     [smallest("state", model="b"), smallest(name), row], "FIELD_REQUIRED", id, 2)
        for id in forbidden:
            rows("%s with %s" % (name, BY_ID[id].name), [smallest(name), smallest(name, **{BY_ID[id].name: sample(BY_ID[id])})],
                 "FIELD_FORBIDDEN", id, 1)
    rows("usage with a context of 0, which is present", [usage(context_tokens=0)], "FIELD_FORBIDDEN", 24, 0)
    rows("reasoning above output", [usage(output_tokens=5), usage(output_tokens=4, reasoning_tokens=5)], "FIELD_RANGE", 18, 1,
         "TG-3-4")
    rows("reasoning without output", [usage(reasoning_tokens=1)], "FIELD_RANGE", 18, 0, "TG-3-4")
    no_model = usage()
    del no_model["model"]
    start = smallest("session_start")
    rows("row 0 forbidden, row 1 required: the row decides", [dict(start, input_tokens=1), no_model], "FIELD_FORBIDDEN", 12, 0,
         "TG-4-11")
    rows("row 0 required, row 1 forbidden: the row decides", [no_model, dict(start, input_tokens=1)], "FIELD_REQUIRED", 6, 0,
         "TG-4-11")
    rows("in one row, required before forbidden", [dict(no_model, context_tokens=1)], "FIELD_REQUIRED", 6, 0, "TG-4-11")
    rows("in one row, the lower required column", [{"kind": "correction"}], "FIELD_REQUIRED", 2, 0, "TG-4-11")
    rows("in one row, the lower forbidden column", [dict(start, tool_calls=1, outcome="ok")], "FIELD_FORBIDDEN", 11, 0, "TG-4-11")
    rows("kind rules before reasoning above output", [usage(reasoning_tokens=1), no_model], "FIELD_REQUIRED", 6, 1, "TG-4-11")
    v.add("TG-4-11", "a bad value in a later column before a missing one", 2,
          with_columns({6: b"", 25: head(CONSTANT, 25) + b"\x04"}), "FIELD_RANGE", 25)
    v.add("TG-4-11", "a bad value before a content column", 2, with_columns({5: head(CONSTANT, 5) + b"\x08"}) + head(CONSTANT, 128),
          "FIELD_RANGE", 5)
    v.add("TG-4-11", "a bad value in row 1 before a cut in row 2", 3, _up_to(12) + head(VARINT, 12) + b"\x01" + varint(10 ** 9 + 1),
          "FIELD_RANGE", 12, 1)
    v.add("TG-4-11", "a cut in row 1", 3, _up_to(12) + head(VARINT, 12) + b"\x01", "MALFORMED", 12)
    v.add("TG-4-11", "equal rows are seen after a bad value", 2, with_columns({12: head(VARINT, 12) + varint(10 ** 9 + 1) * 2}),
          "FIELD_RANGE", 12, 0)
    return v.cases


def truncation_invalid() -> List[Case]:
    """One body of every encoding, cut after each byte.  Cuts between columns leave a body that decodes."""
    v = Invalid()
    a, b = ids(2)
    rows = [usage(session=a, model=MODEL, agent="claude_code", origin="main", input_tokens=200, output_tokens=10),
            usage(time_ms=TIME + 900, session=b, model="gpt-5", agent="claude_code", project=OTHER, input_tokens=4,
                  cache_read_tokens=77, duration_ms=1500, output_tokens=10, billing="api"),
            usage(time_ms=TIME + 901, session=a, model=MODEL, agent="claude_code", origin="subagent", input_tokens=4,
                  cache_read_tokens=200, output_tokens=10, billing="credits")]
    raw = body.encode(body.columns_of_rows(rows), len(rows))
    body.decode(raw, len(rows))
    for n in range(len(raw)):
        try:
            body.decode(raw[:n], len(rows))
        except Refusal as refusal:
            v.add("TG-4-3", "the body of %d bytes cut to %d" % (len(raw), n), 3, raw[:n], refusal.reason, refusal.field, refusal.index)
    v.add("TG-4-3", "a byte more than the body", 3, raw + b"\x00", "MALFORMED", 0)
    v.add("TG-4-3", "a row more than the body has", 4, raw, *_reason(raw, 4))
    v.add("TG-4-3", "a row less than the body has", 2, raw, *_reason(raw, 2))
    return v.cases


def adopted_invalid() -> List[Case]:
    v = Invalid()
    raw = body.encode(body.columns_of_rows([usage(output_tokens=5), usage(time_ms=TIME + 1)]), 2)
    block = lz4.compress(raw)
    v.add("TG-2-9", "a block where ADOPTED has a raw body", 2, block, *_reason(block, 2))
    v.add("TG-2-9", "a body of ADOPTED with a row more than its count", 1, raw, *_reason(raw, 1))
    v.add("TG-2-9", "a column of content in a body of ADOPTED", 2, raw + head(CONSTANT, 128) + b"\x01", "CONTENT_FIELD", 128)
    return v.cases


def _reason(raw: bytes, count: int) -> Any:
    try:
        body.decode(raw, count)
    except Refusal as refusal:
        return refusal.reason, refusal.field, refusal.index
    raise AssertionError


def lz4_invalid() -> List[Case]:
    v = Invalid()
    raw = with_columns({12: head(VARINT, 12) + b"\x02" + b"\x01" * 99})
    n, s = len(raw), lz4.sequence
    body.decode(raw, 100)
    end = raw[-5:]

    def add(what: str, block: bytes, raw_bytes: int = n, reason: str = "DECOMPRESS", requirement: str = "TG-4-7") -> None:
        v.block(requirement, what, 100, block, raw_bytes, reason)

    good = s(raw[:-98], 1, 93) + s(end)
    assert lz4.decompress(good, n) == raw
    head_bytes = raw[:-98]
    add("offset 0", s(head_bytes, 0, 93) + s(end))
    add("an offset one beyond the dictionary", s(head_bytes, len(PRESET_DICTIONARY) + len(head_bytes) + 1, 93) + s(end))
    add("the largest offset", s(head_bytes, 65535, 93) + s(end))
    add("an offset one beyond the dictionary, before any output", s(b"", 1134, 4) + s(raw[4:]))
    add("one byte less than said", good, n + 1)
    add("one byte more than said, in the literals", good, n - 1)
    add("more than said, in a match", s(head_bytes, 1, 98) + s(b""), n - 3)
    add("no last literals: the block ends with a match", s(head_bytes, 1, 98))
    add("no last literals: an empty last sequence", s(head_bytes, 1, 98) + s(b""))
    add("four last literals", s(head_bytes, 1, 94) + s(raw[-4:]))
    add("the last match begins 11 bytes before the end", s(raw[:-11], 1, 6) + s(end))
    add("the last match begins 9 bytes before the end", s(raw[:-9], 1, 4) + s(end))
    add("an empty block", b"", 0)
    add("an empty block that says one byte", b"", 1)
    add("a token without its literals", b"\x50")
    add("a literal length that does not end", b"\xf0\xff")
    add("a literal length without its byte", b"\xf0", 60)
    add("a match length that does not end", s(head_bytes, 1, 19 + 255)[:-1])
    add("half an offset", s(head_bytes, 1, 4)[:-1])
    add("no offset after literals that are not the last", s(head_bytes, 1, 93)[:-3])
    add("bytes after the end", good + b"\x00")
    add("the ratio one over", s(head_bytes), 255 * len(s(head_bytes)) + 65, "SIZE")
    add("the ratio at its bound", s(head_bytes), 255 * len(s(head_bytes)) + 64)
    add("an empty block that says 64 bytes", b"", 64)
    add("an empty block that says 65 bytes", b"", 65, "SIZE")
    add("65,537 bytes", good * 10, 65537, "SIZE", "TG-4-1")
    add("the largest size of 32 bits", good, 0xFFFFFFFF, "SIZE", "TG-4-1")
    for cut in range(len(good)):
        try:
            lz4.decompress(good[:cut], n, 100)
        except Refusal as refusal:
            add("the block cut to %d bytes" % cut, good[:cut], n, refusal.reason)
    v.block("TG-4-1", "an empty body in a block", 1, b"\x00", 0, "FIELD_REQUIRED", 2)
    v.block("TG-4-7", "a body that decompresses and does not decode", 1, lz4.compress(raw), n, "NON_CANONICAL", 12)
    # 4,096 rows and exactly 65,536 bytes, read to the end: no model
    rows: List[body.Row] = [{"time_ms": (8796093022207, 1)[i % 2], "session": SESSION, "reported_cost_nano_usd": 10 ** 13 - i % 2,
                             "tool_calls": 300 + i % 2} for i in range(4096)]
    size = 65536 - len(body.encode(body.columns_of_rows(rows), 4096))
    for i in range(-size):
        rows[i]["tool_calls"] = i % 2 + 1
    large = body.encode(body.columns_of_rows(rows), 4096)
    assert len(large) == 65536, len(large)
    v.block("TG-4-1", "65,536 bytes are read to the end", 4096, lz4.compress(large), 65536, "FIELD_REQUIRED", 6)
    return v.cases


# ------------------------------------------------------------------------------------------------ whole batches

STEP = int(SCHEMA["chain"]["step"], 16)


def chained(rows: List[body.Row], words: Any = chain.words, step: Any = chain.step) -> str:
    """The chain value after rows that follow ``ZERO``, by other words or another step than those of TG-5-1."""
    columns, value = body.columns_of_rows(rows), ZERO
    for row in range(len(rows)):
        event = sum(word * factor for id, values in columns.items() if values[row] != BY_ID[id].default
                    for word, factor in zip(words(BY_ID[id], values[row]), BY_ID[id].chain_factors))
        value = step(value, event & MAX_U64)
    return "%016x" % value


def _little_endian(column: Any, value: Any) -> List[int]:
    if column.type != "id16":
        return chain.words(column, value)
    return [int.from_bytes(value[:8], "little"), int.from_bytes(value[8:], "little")]


def _exchanged(column: Any, value: Any) -> List[int]:
    return chain.words(column, value)[::-1]


def _long_labels(column: Any, value: Any) -> List[int]:
    return [xxh3_64(bytes([len(value)]) + value)] if column.type == "label" else chain.words(column, value)


def batches() -> List[Case]:
    cases: List[Case] = []
    rows = [usage(time_ms=TIME + i, input_tokens=10 + i, output_tokens=5, reported_cost_nano_usd=7) for i in range(3)]
    good = batch.make(1, rows, ZERO)

    def add(requirement: str, name: str, frame: frames.Frame, *expected: Any, before: int = ZERO) -> None:
        case: Case = {"name": name, "requirement": requirement, "chain_before": "%016x" % before, "bytes": frames.encode(frame).hex()}
        try:
            batch.check(frame, before)
            assert not expected, name
            case["accepted"] = True
        except Refusal as refusal:
            assert expected == (refusal.reason, refusal.field, refusal.index, refusal.run), (name, str(refusal))
            case.update(reason=refusal.reason, field=refusal.field, index=refusal.index, run=refusal.run)
        cases.append(case)

    tokens, reported = int(good["tokens"]), int(good["reported_nano_usd"])
    add("TG-4-9", "a batch as it is", good)
    add("TG-6-6", "a batch that passes every check", good)
    add("TG-4-7", "the same as an LZ4 block", batch.make(1, rows, ZERO, True))
    add("TG-4-9", "one token too many", dict(good, tokens=str(tokens + 1)), "CONTROL_TOTAL", 0, 0, 3)
    add("TG-4-9", "no tokens", dict(good, tokens="0"), "CONTROL_TOTAL", 0, 0, 3)
    add("TG-4-9", "a wrong reported total", dict(good, reported_nano_usd=str(reported - 1)), "CONTROL_TOTAL", 0, 0, 3)
    add("TG-4-9", "the largest totals", dict(good, tokens=str(MAX_U64), reported_nano_usd=str(MAX_U64)), "CONTROL_TOTAL", 0, 0, 3)
    add("TG-5-2", "a wrong chain value", dict(good, chain_after="%016x" % (int(good["chain_after"], 16) ^ 1)), "CHAIN_MISMATCH", 0, 0, 3)
    add("TG-5-2", "another chain value before", good, "CHAIN_MISMATCH", 0, 0, 3, before=ZERO ^ 1)
    apart = batch.make(1, EXAMPLE, ZERO)
    assert chained(EXAMPLE) == apart["chain_after"]
    for what, other in (("identifiers read as little-endian", chained(EXAMPLE, words=_little_endian)),
                        ("the halves of identifiers exchanged", chained(EXAMPLE, words=_exchanged)),
                        ("labels hashed with their length", chained(EXAMPLE, words=_long_labels)),
                        ("nothing rotated", chained(EXAMPLE, step=lambda value, event: (value ^ event) * STEP & MAX_U64)),
                        ("sums added to the value before", chained(EXAMPLE, step=lambda value, event: chain.step(
                            value + event & MAX_U64, 0)))):
        add("TG-5-1", "a chain with " + what, dict(apart, chain_after=other), "CHAIN_MISMATCH", 0, 0, 2)
    thought = batch.make(1, [usage(output_tokens=9, reasoning_tokens=9, reported_cost_nano_usd=5)], ZERO)
    add("TG-3-6", "reasoning counted beside the output that holds it", dict(thought, tokens="18"), "CONTROL_TOTAL", 0, 0, 1)
    add("TG-3-6", "a cost counted as it is encoded, one more", dict(thought, reported_nano_usd="6"), "CONTROL_TOTAL", 0, 0, 1)
    add("TG-6-6", "control totals before chain", dict(good, tokens="0", chain_after="0" * 16), "CONTROL_TOTAL", 0, 0, 3)
    add("TG-4-7", "raw_bytes one less than the body", dict(good, raw_bytes=good["raw_bytes"] - 1), "SIZE", 0, 0, 3)
    add("TG-4-7", "raw_bytes one more than the body", dict(good, raw_bytes=good["raw_bytes"] + 1), "SIZE", 0, 0, 3)
    add("TG-4-1", "no events", dict(good, count=0), "SIZE", 0, 0, 0)
    add("TG-4-1", "4,097 events", dict(good, count=4097), "SIZE", 0, 0, 4097)
    add("TG-4-1", "raw_bytes over the limit", dict(good, raw_bytes=65537), "SIZE", 0, 0, 3)
    add("TG-4-11", "an empty body", dict(good, raw_bytes=0, body=""), "FIELD_REQUIRED", 2, 0, 1)
    add("TG-4-7", "an empty body as a block", dict(good, flags=1, raw_bytes=0, body="00"), "FIELD_REQUIRED", 2, 0, 1)
    add("TG-4-7", "a raw body with the LZ4 flag", dict(good, flags=1), "DECOMPRESS", 0, 0, 3)
    block = batch.make(1, rows, ZERO, True)
    add("TG-4-7", "a block without the LZ4 flag", dict(block, flags=0), "SIZE", 0, 0, 3)
    short = dict(block, flags=0, raw_bytes=len(block["body"]) // 2)
    add("TG-4-3", "a block without the LZ4 flag and with its own length", short, *(_reason(bytes.fromhex(block["body"]), 3) + (3,)))
    late = [dict(rows[0]), dict(rows[1], reasoning_tokens=9), dict(rows[2], reasoning_tokens=10)]
    add("TG-4-10", "the first of two bad rows is named", batch.make(1, late, ZERO), "FIELD_RANGE", 18, 1, 1)
    return cases


# ------------------------------------------------------------------------------------------------------ frames

def hello(**fields: Any) -> frames.Frame:
    frame: frames.Frame = {
        "type": "HELLO", "magic": "54414c4c59475431", "version_min": 1, "version_max": 1, "schema_min": 1, "schema_max": 1,
        "stream": STREAM.hex(), "lowest_held": "1", "highest_held": "5", "acknowledged": "0",
        "acknowledged_chain": "%016x" % ZERO, "acknowledged_tokens": "0", "acknowledged_reported_nano_usd": "0",
        "clock_ms": str(TIME), "highest_chain": "0" * 16, "store_epoch": "0", "hello_flags": 0, "credential_kind": 1,
        "credential": "c0" * 32, "options": []}
    frame.update(fields)
    return frame


def welcome(**fields: Any) -> frames.Frame:
    frame: frames.Frame = {
        "type": "WELCOME", "version": 1, "schema": 1, "welcome_flags": 0, "reserved": 0, "committed": "0",
        "chain": "%016x" % ZERO, "tokens": "0", "reported_nano_usd": "0", "credit_events": 16384, "credit_bytes": 1048576,
        "batch_events_max": 4096, "batch_body_bytes_max": 65536, "clock_ms": str(TIME + 20), "oldest_time_ms": str(TIME - 86400000 * 90),
        "store_epoch": "81985529216486895", "backed_up_through": "0", "generation": 1, "tenant_key": "7e" * 32,
        "ignored_options": []}
    frame.update(fields)
    return frame


def ack(committed: int, value: int, events: int = 16384, size: int = 1048576, backed_up: int = 0) -> frames.Frame:
    return {"type": "ACK", "committed": str(committed), "chain": "%016x" % value, "credit_events": events,
            "credit_bytes": size, "backed_up_through": str(backed_up)}


def reject(first: int, refusal: Refusal, retry: int = 0) -> frames.Frame:
    return {"type": "REJECT", "first": str(first), "index": refusal.index, "run": refusal.run, "reason": REJECT[refusal.reason],
            "field": refusal.field, "reject_flags": int(PERMANENT[refusal.reason]), "retry_ms": retry}


def group(model: str, events: int, tokens: int, reported: int = 0) -> Dict[str, Any]:
    return {"model": model, "events": str(events), "input_tokens": str(tokens), "cache_read_tokens": "0",
            "cache_write_5m_tokens": "0", "cache_write_1h_tokens": "0", "cache_write_unknown_tokens": "0",
            "output_tokens": "0", "reasoning_tokens": "0", "reported_nano_usd": str(reported)}


def skip(first: int, last: int, value: int, reason: str, groups: List[Dict[str, Any]]) -> frames.Frame:
    return {"type": "SKIP", "first": str(first), "last": str(last), "chain_after": "%016x" % value, "reason": SKIP[reason],
            "groups": groups}


def goaway(reason: str, committed: int = 0, wait: int = 0) -> frames.Frame:
    return {"type": "GOAWAY", "reason": GOAWAY[reason], "reserved": 0, "reconnect_ms": wait, "committed": str(committed)}


def adopt(sessions: List[str], prior: str = "00" * 16, through: int = 0, start: int = 0) -> frames.Frame:
    return {"type": "ADOPT", "prior": prior, "prior_through": str(through), "from_ms": str(start), "sessions": sessions}


def adopted(rows: List[body.Row], following: int = (1 << 63) - 1, last: bool = True) -> frames.Frame:
    frame: frames.Frame = {"type": "ADOPTED"}
    if last:
        frame["flags"] = 1
    raw = body.encode(body.columns_of_rows(rows), len(rows)).hex() if rows else ""
    frame.update(count=len(rows), next_ms=str(following), body=raw)
    return frame


TOP = str(LIMITS["sequence_max"])
OPTION_16 = [{"id": i, "value": ""} for i in range(16)]


def each_frame() -> List[frames.Frame]:
    rows = [usage(), usage(time_ms=TIME + 1)]
    return [
        hello(), hello(credential_kind=0, credential="", hello_flags=1, lowest_held=TOP, highest_held=TOP,
                       acknowledged=TOP, acknowledged_tokens=str((1 << 128) - 1), clock_ms="-1", store_epoch=str(MAX_U64),
                       acknowledged_reported_nano_usd=str((1 << 128) - 1), highest_chain="f" * 16,
                       options=[{"id": 0xFACE, "value": "00ff"}, {"id": 1, "value": ""}]),
        hello(options=OPTION_16),
        welcome(), welcome(welcome_flags=1, committed=TOP, ignored_options=[0xFACE, 1], clock_ms=str(-(1 << 63)),
                           tokens=str((1 << 128) - 1), generation=0xFFFFFFFF, backed_up_through=TOP),
        batch.make(1, rows, ZERO), batch.make(1, rows, ZERO, True), dict(batch.make(1, rows, ZERO), first=str((1 << 56) - 2)),
        ack(7, MAX_U64, 0, 0, 6), ack(0, ZERO),
        reject(9, Refusal("FIELD_RANGE", 18, 4, 1)), reject(9, Refusal("BUSY", 0, 0, 20), 1500),
        dict(reject(1, Refusal("BUSY")), reason=65535),
        skip(3, 3, 5, "POISON", [group(MODEL, 1, 55)]), skip(1, int(TOP), 0, "TRIMMED", []),
        skip(2, 9, 1, "OVERFLOW", [group("m%d" % i, i, MAX_U64, 1 << 100) for i in range(7)] + [group("", 1, 1)]),
        {"type": "PROBE", "sequence": "0"}, {"type": "PROBE", "sequence": TOP},
        {"type": "CHAIN", "sequence": "4", "known": 1, "chain": "00000000000000ff"},
        {"type": "CHAIN", "sequence": "4", "known": 1, "chain": "0" * 16},
        {"type": "CHAIN", "sequence": "4", "known": 0, "chain": "0" * 16},
        {"type": "PING", "opaque": "0102030405060708"}, {"type": "PONG", "opaque": "0102030405060708"},
        goaway("SHUTDOWN", 5, 30000), dict(goaway("PROTOCOL"), reason=999),
        {"type": "CLOSE", "final": "0"}, {"type": "CLOSE", "final": TOP},
        adopt([]), adopt([SESSION, OTHER], STREAM.hex(), int(TOP), -1), adopt([SESSION], STREAM.hex()),
        adopted([], last=False), adopted(rows, TIME + 2), adopted([usage(), smallest("correction"), smallest("state")]),
    ]


def frames_valid() -> List[Case]:
    cases = []
    seen: Dict[str, int] = {}
    for frame in each_frame():
        type = frame["type"]
        seen[type] = seen.get(type, 0) + 1
        for to in frames.reader_of(frame):
            cases.append({"name": "%s %d to the %s" % (type, seen[type], to), "requirement": "TG-2-2",
                          "phase": "hello" if type == "HELLO" else "open", "to": to, "bytes": frames.encode(frame).hex(),
                          "frame": frame})
    rows = [usage(), usage(time_ms=TIME + 1)]
    for requirement, name, frame in (
            ("TG-2-3", "a HELLO of 16 options", hello(options=OPTION_16)),
            ("TG-2-3", "a SKIP of eight groups", skip(1, 8, 1, "TRIMMED", [group("", 1, 1)] * 8)),
            ("TG-2-3", "an ADOPT of 1,024 sessions", adopt(ids(1024))),
            ("TG-2-4", "a HELLO of an option that nobody knows", hello(options=[{"id": 0xFACE, "value": "00ff"}])),
            ("TG-2-4", "a WELCOME that names it", welcome(ignored_options=[0xFACE])),
            ("TG-2-5", "a HELLO that holds the last sequence that there is",
             hello(lowest_held=TOP, highest_held=TOP, acknowledged=TOP)),
            ("TG-2-5", "a BATCH whose last event is the last that there is",
             dict(batch.make(1, rows, ZERO), first=str(int(TOP) - 1))),
            ("TG-2-5", "a PROBE of what stands before the first event", {"type": "PROBE", "sequence": "0"}),
            ("TG-2-6", "a HELLO of nine versions and schemas", hello(version_max=9, schema_max=9)),
            ("TG-2-7", "a REJECT for a reason that nobody knows", dict(reject(1, Refusal("BUSY")), reason=4711)),
            ("TG-2-7", "a GOAWAY for a reason that nobody knows", dict(goaway("IDLE"), reason=4711)),
            ("TG-2-7", "a SKIP of a model of 64 bytes", skip(1, 1, 1, "POISON", [group("x" * 64, 1, 1)])),
            ("TG-2-8", "a GOAWAY to the workstation", goaway("SHUTDOWN", 5, 1000)),
            ("TG-4-10", "a REJECT that names a row and a column", reject(9, Refusal("FIELD_RANGE", 18, 4, 1))),
            ("TG-4-10", "a REJECT of a whole batch", reject(9, Refusal("CHAIN_MISMATCH", 0, 0, 4096)))):
        phase = "hello" if frame["type"] == "HELLO" else "open"
        cases.append({"name": name, "requirement": requirement, "phase": phase, "to": frames.reader_of(frame)[0],
                      "bytes": frames.encode(frame).hex(), "frame": frame})
    frame = sized_hello(1024)
    cases.append({"name": "HELLO of 1,024 bytes", "requirement": "TG-2-1", "phase": "hello", "to": "gateway",
                  "bytes": frames.encode(frame).hex(), "frame": frame})
    return cases


def sized_hello(length: int) -> frames.Frame:
    empty = len(frames.encode(hello(options=[{"id": 1, "value": ""}]))) - 4
    return hello(options=[{"id": 1, "value": "ab" * (length - empty)}])


def frames_invalid() -> List[Case]:
    cases: List[Case] = []

    def add(requirement: str, name: str, data: Any, to: str, phase: str = "open") -> None:
        data = frames.encode(data) if isinstance(data, dict) else data
        try:
            frames.decode(data, phase, to)
        except frames.FrameError:
            cases.append({"name": name, "requirement": requirement, "phase": phase, "to": to, "bytes": data.hex(),
                          "error": "PROTOCOL"})
            return
        raise AssertionError("%s is accepted" % name)

    def resized(data: bytes, change: bytes = b"", cut: int = 0) -> bytes:
        inner = data[4:len(data) - cut] + change
        return len(inner).to_bytes(4, "little") + inner

    for length in (0, 1, 65601, 0x7FFFFFFF, 0xFFFFFFFF):
        add("TG-2-1", "length %d" % length, length.to_bytes(4, "little") + b"\x09\x00", "gateway")
    for length in (0, 1, 1025, 65600):
        add("TG-2-1", "length %d before HELLO" % length, length.to_bytes(4, "little") + b"\x01\x00", "gateway", "hello")
    add("TG-2-1", "HELLO of 1,025 bytes", sized_hello(1025), "gateway", "hello")
    for type in (0, 15, 16, 127, 128, 255):
        for to in ("gateway", "workstation"):
            add("TG-2-2", "type %d to the %s" % (type, to), resized(bytes(4) + bytes([type, 0]) + bytes(8)), to)
    named = set()
    for frame in each_frame():
        type, data, sides = frame["type"], frames.encode(frame), frames.reader_of(frame)
        if type in named:
            continue
        named.add(type)
        to = sides[0]
        phase = "hello" if type == "HELLO" else "open"
        if len(sides) == 1:
            add("TG-2-2", "%s in the other direction" % type, data, "workstation" if to == "gateway" else "gateway")
        for bit in range(8):
            if not any(flag["bit"] == bit for flag in frames.NAMES[type]["flags"]):
                if bit in (0, 1, 7):
                    add("TG-2-2", "%s with flag bit %d" % (type, bit), data[:5] + bytes([1 << bit]) + data[6:], to, phase)
        if type != "BATCH":
            # A body takes what is left: that of the first ADOPTED is empty, and one byte is not what its count says.
            add("TG-2-2", "%s with a byte more" % type, resized(data, b"\x00"), to, phase)
            add("TG-2-2", "%s with a byte less" % type, resized(data, b"", 1), to, phase)
        else:
            header = len(frames.encode(dict(frame, body="")))
            add("TG-2-2", "BATCH without its last header byte", resized(data[:header], b"", 1), to, phase)
        add("TG-2-2", "%s without a body" % type, resized(data[:6]), to, phase)
    add("TG-2-8", "a GOAWAY to the gateway", goaway("SHUTDOWN", 5, 1000), "gateway")
    add("TG-2-7", "a wrong magic", hello(magic="54414c4c59475432"), "gateway", "hello")
    for bit in (1, 15):
        add("TG-2-7", "hello_flags bit %d" % bit, hello(hello_flags=1 << bit), "gateway", "hello")
        add("TG-2-7", "welcome_flags bit %d" % bit, welcome(welcome_flags=1 << bit), "workstation")
    for name in ("version", "schema"):
        backwards = hello(**{name + "_min": 2, name + "_max": 1})
        add("TG-2-7", "a %s range that ends before it begins" % name, backwards, "gateway", "hello")
    add("TG-2-7", "a credential of mutual TLS", hello(credential_kind=0), "gateway", "hello")
    zero = "00" * 16
    add("TG-2-7", "ADOPT of an absent session", adopt([SESSION, zero]), "gateway")
    add("TG-2-7", "ADOPT with a place in no stream", adopt([SESSION], through=1), "gateway")
    add("TG-2-7", "ADOPTED of events without a body", dict(adopted([]), count=1), "workstation")
    add("TG-2-7", "ADOPTED of no events with a body", dict(adopted([usage()]), count=0), "workstation")
    add("TG-2-7", "ADOPTED of 4,097 events", dict(adopted([usage()]), count=4097), "workstation")
    for bit in (1, 7):
        add("TG-2-7", "reject_flags bit %d" % bit, dict(reject(1, Refusal("BUSY")), reject_flags=1 << bit), "workstation")
    add("TG-2-7", "credential_kind 2", hello(credential_kind=2), "gateway", "hello")
    add("TG-2-3", "17 options", hello(options=OPTION_16 + [{"id": 16, "value": ""}]), "gateway", "hello")
    cut = frames.encode(hello(options=[{"id": 1, "value": "aabb"}]))
    add("TG-2-3", "an option longer than the frame", cut[:-4] + b"\x03" + cut[-3:], "gateway", "hello")
    add("TG-2-3", "more options said than there", cut[:-7] + b"\x02" + cut[-6:], "gateway", "hello")
    add("TG-2-2", "WELCOME with a reserved field", welcome(reserved=1), "workstation")
    add("TG-2-2", "GOAWAY with a reserved field", dict(goaway("IDLE"), reserved=256), "workstation")
    above = str(1 << 56)
    for name in ("lowest_held", "highest_held", "acknowledged"):
        add("TG-2-5", "HELLO with %s 2^56" % name, hello(**{name: above}), "gateway", "hello")
    add("TG-2-5", "WELCOME with committed 2^56", welcome(committed=above), "workstation")
    add("TG-2-5", "WELCOME with backed_up_through 2^56", welcome(backed_up_through=above), "workstation")
    add("TG-2-5", "ACK with committed 2^56", dict(ack(1, 1), committed=above), "workstation")
    add("TG-2-5", "PROBE of 2^56", {"type": "PROBE", "sequence": above}, "gateway")
    add("TG-2-5", "CHAIN of 2^56", {"type": "CHAIN", "sequence": above, "known": 0, "chain": "0" * 16}, "workstation")
    add("TG-2-5", "ADOPT with prior_through 2^56", adopt([SESSION], STREAM.hex(), 1 << 56), "gateway")
    add("TG-2-5", "CLOSE at 2^56", {"type": "CLOSE", "final": above}, "gateway")
    add("TG-2-5", "GOAWAY with committed 2^56", dict(goaway("IDLE"), committed=above), "workstation")
    add("TG-2-5", "REJECT of 2^56", dict(reject(1, Refusal("BUSY")), first=above), "workstation")
    two = batch.make(1, [usage(), usage()], ZERO)
    add("TG-2-7", "BATCH from 0", dict(two, first="0"), "gateway")
    add("TG-2-7", "BATCH from 2^56", dict(two, first=above), "gateway")
    add("TG-2-7", "BATCH whose last event is 2^56", dict(two, first=TOP), "gateway")
    add("TG-2-7", "SKIP from 0", skip(0, 3, 1, "POISON", []), "gateway")
    add("TG-2-7", "SKIP of nothing", skip(4, 3, 1, "POISON", []), "gateway")
    add("TG-2-7", "SKIP to 2^56", skip(4, 1 << 56, 1, "POISON", []), "gateway")
    for reason in (0, 4, 65535):
        add("TG-2-7", "SKIP for reason %d" % reason, dict(skip(1, 1, 1, "POISON", []), reason=reason), "gateway")
    add("TG-2-7", "SKIP with nine groups", skip(1, 1, 1, "POISON", [group("", 1, 1)] * 9), "gateway")
    for model in ("A", "a b", "x" * 65, "-"):
        add("TG-2-7", "SKIP of a model that is no label: %s" % model[:4], skip(1, 1, 1, "POISON", [group(model, 1, 1)]), "gateway")
    add("TG-2-7", "CHAIN known 2", {"type": "CHAIN", "sequence": "4", "known": 2, "chain": "0" * 16}, "workstation")
    add("TG-2-7", "CHAIN not known with a value", {"type": "CHAIN", "sequence": "4", "known": 0, "chain": "0" * 15 + "1"}, "workstation")
    add("TG-2-7", "ADOPT of 1,025 sessions, of which two are there",
        resized(bytes(4) + b"\x0d\x00" + bytes(32) + b"\x01\x04" + bytes(32)), "gateway")
    return cases


# ----------------------------------------------------------------------------------------------------- stories

# The chain value of a SKIP in some stories: what nobody but the workstation knows.
TELLTALE = 0x0123456789ABCDEF


class Story:
    """One stream as both sides see it: sequence -> chain value, and the running totals."""

    def __init__(self, requirement: str, name: str) -> None:
        self.case: Case = {"name": name, "requirement": requirement, "steps": []}
        self.chains: List[int] = [ZERO]
        self.tokens = self.reported = 0
        self.connection = 1
        self.last: Dict[str, Any] = {}

    def step(self, side: str, frame: frames.Frame) -> None:
        self.case["steps"].append({"from": side, "connection": self.connection, "frame": frame, "bytes": frames.encode(frame).hex()})

    def w(self, frame: frames.Frame) -> None:
        self.step("workstation", frame)

    def g(self, frame: frames.Frame) -> None:
        self.step("gateway", frame)

    def hello(self, highest: int, acknowledged: Optional[int] = None, **fields: Any) -> None:
        acknowledged = len(self.chains) - 1 if acknowledged is None else acknowledged
        self.w(hello(highest_held=str(highest), acknowledged=str(acknowledged),
                     acknowledged_chain="%016x" % self.chains[acknowledged], **fields))

    def welcome(self, **fields: Any) -> None:
        self.g(welcome(committed=str(len(self.chains) - 1), chain="%016x" % self.chains[-1], tokens=str(self.tokens),
                       reported_nano_usd=str(self.reported), **fields))

    def batch(self, rows: List[body.Row], first: Optional[int] = None, count: bool = True, compressed: bool = True) -> frames.Frame:
        """A BATCH after the last event, or from ``first``; ``count`` says that the gateway takes it."""
        first = len(self.chains) if first is None else first
        frame = batch.make(first, rows, self.chains[first - 1], compressed)
        self.w(frame)
        if count:
            batch.check(frame, self.chains[first - 1], self.chains)
            self.tokens += int(frame["tokens"])
            self.reported += int(frame["reported_nano_usd"])
        return frame

    def skipped(self, last: int, value: int, reason: str, groups: List[Dict[str, Any]]) -> None:
        """A SKIP of the events after the last one through ``last``, which the gateway takes."""
        first = len(self.chains)
        self.w(skip(first, last, value, reason, groups))
        self.chains += [0] * (last - first) + [value]
        self.tokens += sum(int(entry[name]) for entry in groups for name in SCHEMA["control_tokens"])
        self.reported += sum(int(entry["reported_nano_usd"]) for entry in groups)

    def finished(self) -> Case:
        """The case, each HELLO with the chain value after ``highest_held`` where the story comes to know it."""
        for step in self.case["steps"]:
            frame = step["frame"]
            if frame["type"] == "HELLO" and int(frame["highest_held"]) < len(self.chains):
                frame["highest_chain"] = "%016x" % self.chains[int(frame["highest_held"])]
                step["bytes"] = frames.encode(frame).hex()
        return self.case

    def ack(self, **fields: Any) -> None:
        self.g(dict(ack(len(self.chains) - 1, self.chains[-1]), **fields))


def stories() -> List[Case]:
    def rows(start: int, n: int, **columns: Any) -> List[body.Row]:
        return [usage(time_ms=TIME + 1000 * i, model=MODEL, agent="claude_code", input_tokens=3 + i, output_tokens=100 + i,
                      cache_read_tokens=2000 * i, **columns) for i in range(start, start + n)]

    out = []
    s = Story("TG-6-3", "first connection and two batches")
    s.hello(5, options=[{"id": 0xFACE, "value": "0000"}])
    s.welcome(ignored_options=[0xFACE])
    s.batch([dict(smallest("session_start"), agent="claude_code")] + rows(0, 2))
    s.ack()
    s.batch(rows(2, 2, reported_cost_nano_usd=250000000), compressed=False)
    s.ack(backed_up_through="3")
    s.w({"type": "PING", "opaque": "1122334455667788"})
    s.g({"type": "PONG", "opaque": "1122334455667788"})
    out.append(s.finished())

    s = Story("TG-6-2", "reconnect with a replayed batch that is acknowledged again")
    s.hello(4)
    s.welcome()
    s.batch(rows(0, 2))
    s.ack()
    s.batch(rows(2, 2))  # committed, but the connection dies before the ACK
    s.connection = 2
    s.hello(4, acknowledged=2)
    s.welcome(generation=2)
    s.batch(rows(2, 2), first=3, count=False)  # a workstation that does not look at WELCOME
    s.ack()
    s.batch(rows(4, 1))
    s.ack()
    out.append(s.finished())

    s = Story("TG-6-2", "batches in flight after a REJECT are dropped in silence; poison is skipped")
    s.hello(6)
    s.welcome()
    s.batch(rows(0, 2))
    s.ack()
    bad = rows(2, 3)
    bad[1]["reasoning_tokens"] = 10 ** 6
    frame = s.batch(bad, count=False)
    after: List[int] = []
    try:
        batch.check(frame, s.chains[-1])
        raise AssertionError
    except Refusal as refusal:
        refused = refusal
    columns = body.columns_of_rows(bad)
    after = chain.each_after(columns, len(bad), s.chains[-1])
    s.w(batch.make(6, rows(5, 1), after[-1], True))  # sent before the REJECT arrives: dropped
    s.g(reject(3, refused))
    s.batch(bad[:1])
    s.ack()
    s.w(skip(4, 4, after[1], "POISON", [group(MODEL, 1, bad[1]["input_tokens"])]))
    s.chains.append(after[1])
    s.ack()
    s.batch(bad[2:])
    assert s.chains[-1] == after[2]  # the chain goes through the gap as the workstation computed it
    s.ack()
    s.batch(rows(5, 1))
    s.ack()
    out.append(s.finished())

    s = Story("TG-4-9", "a wrong control total and a wrong chain value")
    s.hello(2)
    s.welcome()
    good = batch.make(1, rows(0, 2), ZERO, True)
    s.w(dict(good, tokens="1"))
    s.g(reject(1, Refusal("CONTROL_TOTAL", 0, 0, 2)))
    s.w(dict(good, chain_after="00000000deadbeef"))
    s.g(reject(1, Refusal("CHAIN_MISMATCH", 0, 0, 2)))
    s.batch(rows(0, 2))
    s.ack()
    out.append(s.finished())

    s = Story("TG-6-4", "pause and resume")
    s.hello(4)
    s.welcome()
    s.batch(rows(0, 2))
    s.ack(credit_events=0, credit_bytes=0)
    s.batch(rows(2, 1), count=False)  # in flight when the pause came
    s.g(reject(3, Refusal("BUSY", 0, 0, 1), 1000))
    s.w({"type": "PING", "opaque": "0000000000000001"})
    s.g({"type": "PONG", "opaque": "0000000000000001"})
    s.ack()  # TG-6-5: the same sequence, credit again
    s.batch(rows(2, 2))
    s.ack()
    out.append(s.finished())

    s = Story("TG-6-4", "credit is used to its edge, and the edge moves")
    s.hello(5000)
    s.welcome(credit_events=4096)
    s.batch([usage()] * 4096)
    s.ack(credit_events=4096)
    s.batch(rows(0, 2))
    s.ack(credit_events=4096)
    out.append(s.finished())

    s = Story("TG-6-4", "an event beyond the credit")
    s.hello(5000)
    s.welcome(credit_events=4096)
    s.batch([usage()] * 4096)
    s.batch(rows(0, 1), count=False)
    s.g(goaway("CREDIT"))
    out.append(s.finished())

    s = Story("TG-6-5", "a pause begins and ends while nothing is sent")
    s.hello(2)
    s.welcome()
    s.batch(rows(0, 2))
    s.ack()
    s.ack(credit_events=0, credit_bytes=0)
    s.ack()
    out.append(s.finished())

    s = Story("TG-6-7", "five PINGs at once")
    s.hello(1)
    s.welcome()
    for number in range(5):
        s.w({"type": "PING", "opaque": "%016x" % number})
        s.g({"type": "PONG", "opaque": "%016x" % number})
    out.append(s.finished())

    s = Story("TG-6-1", "BATCH and SKIP in order, accepted ahead of committed")
    s.hello(5)
    s.welcome()
    s.batch(rows(0, 2))
    s.skipped(3, TELLTALE, "POISON", [group(MODEL, 1, 4)])
    s.batch(rows(3, 2))
    s.ack()
    out.append(s.finished())

    s = Story("TG-6-1", "a SKIP that leaves a hole, and one that goes back")
    s.hello(6)
    s.welcome()
    s.batch(rows(0, 2))
    s.ack()
    s.w(skip(5, 6, TELLTALE, "TRIMMED", []))
    s.g(reject(5, Refusal("SEQUENCE_GAP", 0, 0, 2)))
    s.w(skip(2, 3, TELLTALE, "TRIMMED", []))
    s.g(reject(2, Refusal("SEQUENCE_OVERLAP", 0, 0, 2)))
    s.batch(rows(2, 1))
    s.ack()
    out.append(s.finished())

    s = Story("TG-5-3", "a SKIP's chain value is taken as it is told, and its groups count")
    s.hello(6)
    s.welcome()
    s.batch(rows(0, 2))
    s.ack()
    s.skipped(4, TELLTALE, "TRIMMED", [group(MODEL, 1, 55, 7), group("", 1, 5)])
    s.ack()
    s.batch(rows(4, 1))
    s.ack()
    s.connection = 2
    s.hello(6)
    s.welcome(generation=2)
    out.append(s.finished())

    s = Story("TG-5-3", "what follows a SKIP is chained from the value that it told")
    s.hello(3)
    s.welcome()
    s.batch(rows(0, 1))
    s.ack()
    s.skipped(2, TELLTALE, "POISON", [group(MODEL, 1, 4)])
    s.ack()
    s.w(batch.make(3, rows(2, 1), s.chains[1], True))
    s.g(reject(3, Refusal("CHAIN_MISMATCH", 0, 0, 1)))
    s.batch(rows(2, 1))
    s.ack()
    out.append(s.finished())

    s = Story("TG-2-4", "options that nobody knows are passed over and named")
    s.hello(2, options=[{"id": 0xFACE, "value": "0000"}, {"id": 7, "value": ""}])
    s.welcome(ignored_options=[0xFACE, 7])
    s.batch(rows(0, 2))
    s.ack()
    out.append(s.finished())

    s = Story("TG-2-6", "the highest version and schema of both")
    s.hello(2, version_max=9, schema_max=9)
    s.welcome()
    s.batch(rows(0, 2))
    s.ack()
    out.append(s.finished())

    s = Story("TG-6-2", "a gap and an overlap")
    s.hello(6)
    s.welcome()
    s.batch(rows(0, 3))
    s.ack()
    s.w(dict(batch.make(6, rows(3, 1), 0, True)))
    s.g(reject(6, Refusal("SEQUENCE_GAP", 0, 0, 1)))
    s.w(batch.make(3, rows(2, 2), s.chains[2], True))
    s.g(reject(3, Refusal("SEQUENCE_OVERLAP", 0, 0, 2)))
    s.batch(rows(3, 1))
    s.ack()
    out.append(s.finished())

    s = Story("TG-6-6", "takeover by a second connection of the same stream")
    s.hello(4)
    s.welcome(generation=1)
    s.batch(rows(0, 2))
    s.ack()
    s.connection = 2
    s.hello(4)
    s.connection = 1
    s.g(goaway("SUPERSEDED", 2, 5000))
    s.connection = 2
    s.welcome(generation=2)
    s.batch(rows(2, 2))
    s.ack()
    out.append(s.finished())

    s = Story("TG-2-3", "a fork found by PROBE")
    s.hello(3)
    s.welcome()
    s.batch(rows(0, 3))
    s.ack()
    s.w({"type": "PROBE", "sequence": "2"})
    s.g({"type": "CHAIN", "sequence": "2", "known": 1, "chain": "%016x" % s.chains[2]})
    s.w({"type": "PROBE", "sequence": "0"})
    s.g({"type": "CHAIN", "sequence": "0", "known": 1, "chain": "%016x" % ZERO})
    s.w({"type": "PROBE", "sequence": "9"})
    s.g({"type": "CHAIN", "sequence": "9", "known": 0, "chain": "0" * 16})
    out.append(s.finished())

    s = Story("TG-2-3", "adoption after lost state")
    s.hello(1, hello_flags=1)
    s.welcome(welcome_flags=1)
    counted = [{key: value for key, value in row.items() if key != "agent"} for row in rows(0, 2)]
    s.w(adopt([SESSION, OTHER], bytes(reversed(STREAM)).hex(), 7, TIME))
    s.g(adopted(counted[:1], last=False))
    s.g(adopted(counted[1:]))
    s.batch(rows(5, 1))
    s.ack()
    out.append(s.finished())

    s = Story("TG-6-8", "close")
    s.hello(2)
    s.welcome()
    s.batch([dict(smallest("session_start")), dict(smallest("session_end", time_ms=TIME + 5))])
    s.ack()
    s.w({"type": "CLOSE", "final": "2"})
    s.ack()
    out.append(s.finished())

    s = Story("TG-6-8", "close at a sequence that is not committed")
    s.hello(3)
    s.welcome()
    s.batch(rows(0, 2))
    s.ack()
    s.w({"type": "CLOSE", "final": "3"})
    s.g(goaway("PROTOCOL", 2))
    out.append(s.finished())

    most = BY_NAME["input_tokens"].most
    for extra, name in ((0, "all that its events can hold"), (1, "more than its events can hold")):
        s = Story("TG-5-4", "a SKIP that tells %s" % name)
        s.hello(4)
        s.welcome()
        s.batch(rows(0, 2))
        s.ack()
        groups = [group(MODEL, 1, 6 * most, 10**13), group("", 1, 6 * most + extra, 10**13)]
        if extra:
            s.w(skip(3, 4, TELLTALE, "POISON", groups))
            s.g(goaway("PROTOCOL", 2))
        else:
            s.skipped(4, TELLTALE, "POISON", groups)
            s.ack()
        out.append(s.finished())

    s = Story("TG-5-4", "a SKIP that tells of more events than its range has")
    s.hello(4)
    s.welcome()
    s.w(skip(1, 2, TELLTALE, "TRIMMED", [group(MODEL, 2, 5), group("", 1, 5)]))
    s.g(goaway("PROTOCOL", 0))
    out.append(s.finished())

    s = Story("TG-2-6", "no common version")
    s.w(hello(version_min=2, version_max=3))
    s.g(goaway("VERSION"))
    s.connection = 2
    s.w(hello(schema_min=7, schema_max=9))
    s.g(goaway("SCHEMA"))
    out.append(s.finished())
    return out


# -------------------------------------------------------------------------------------------------------- files

FILES = {
    "valid-core": core, "valid-columns": columns_valid, "valid-kinds": kinds_valid, "valid-encodings": encodings_valid,
    "valid-residuals": residuals_valid, "valid-chain": chain_valid, "valid-lz4": lz4_valid, "valid-random": random_valid,
    "invalid-heads": heads_invalid, "invalid-varints": varints_invalid, "invalid-ranges": ranges_invalid,
    "invalid-canonical": canonical_invalid, "invalid-dictionaries": dictionaries_invalid, "invalid-packed": packed_invalid,
    "invalid-residuals": residuals_invalid, "invalid-kinds": kinds_invalid, "invalid-truncation": truncation_invalid,
    "invalid-lz4": lz4_invalid, "batches": batches, "frames-valid": frames_valid, "frames-invalid": frames_invalid,
    "stories": stories, "valid-adopted": adopted_valid, "invalid-adopted": adopted_invalid, "times": time_cases,
}


def text_of(name: str) -> str:
    cases = FILES[name]()
    names = [case["name"] for case in cases]
    assert len(set(names)) == len(names), [n for n in names if names.count(n) > 1]
    return "[\n" + ",\n".join(dump(case) for case in cases) + "\n]\n"


def main() -> None:
    os.makedirs(VECTORS, exist_ok=True)
    total = 0
    for name in FILES:
        text = text_of(name)
        total += len(text)
        with open(os.path.join(VECTORS, path_of(name)), "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
    print("%d files, %d bytes" % (len(FILES), total))


def path_of(name: str) -> str:
    return (name if "-" in name else name + "-all") + ".json"


if __name__ == "__main__":
    main()
