"""A batch of events in the form that each peer takes: JSON lines, COPY rows, metric lines, and our own frames.

Each keeps every figure of an event; ``test_peers.py`` adds them up again from each form.
"""

import json
import os
import struct
import sys
from typing import Dict, Iterable, List, Tuple

from events import Event

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "protocol", "reference"))
from tallygate import batch as reference  # noqa: E402
from tallygate import body, chain, frames  # noqa: E402
from tallygate.schema import BY_NAME, PRESET_DICTIONARY  # noqa: E402

try:
    import lz4.block as lz4_block
except ImportError:
    lz4_block = None

COUNTS = [
    "input_tokens",
    "cache_read_tokens",
    "cache_write_5m_tokens",
    "cache_write_1h_tokens",
    "output_tokens",
    "reasoning_tokens",
    "web_searches",
    "tool_calls",
    "duration_ms",
]
SUMMED = COUNTS[:6]
_ENUMS = ["agent", "origin", "speed", "tier", "outcome"]
_QUARTER_MS = 900_000


# ------------------------------------------------------------------------------------------------------------ JSON


def json_line(event: Event) -> bytes:
    return json.dumps(event, separators=(",", ":")).encode("ascii") + b"\n"


def json_lines(events: List[Event]) -> bytes:
    return b"".join(json_line(event) for event in events)


# ------------------------------------------------------------------------------------------------------ PostgreSQL

COPY_COLUMNS = ["time_ms", "session", "project", "model"] + _ENUMS + COUNTS

SQL_TABLES = (
    "CREATE TABLE usage (time_ms bigint NOT NULL, session uuid NOT NULL, project uuid, model text, "
    + ", ".join("%s smallint NOT NULL" % name for name in _ENUMS)
    + ", "
    + ", ".join("%s integer%s" % (name, "" if name == "duration_ms" else " NOT NULL") for name in COUNTS)
    + ");"
    + "CREATE TABLE totals (quarter bigint, model text, session uuid, events bigint NOT NULL, "
    + ", ".join("%s bigint NOT NULL" % name for name in SUMMED)
    + ", PRIMARY KEY (quarter, model, session));"
)


def copy_rows(events: List[Event]) -> bytes:
    """Rows of ``COPY usage FROM STDIN``; enums as the numbers that our wire gives them."""
    lines = []
    for event in events:
        fields = [str(event["time_ms"]), str(event["session"]), str(event["project"]), str(event["model"])]
        fields += [str(BY_NAME[name].numbers[event[name]]) if name in event else "0" for name in _ENUMS]
        fields += [str(event.get(name, "\\N" if name == "duration_ms" else 0)) for name in COUNTS]
        lines.append("\t".join(fields) + "\n")
    return "".join(lines).encode("ascii")


def quarter_sums(events: List[Event]) -> Dict[Tuple[int, str, str], List[int]]:
    """Events and tokens by quarter-hour, model and session: what a gateway's rollup holds, less its other keys."""
    sums: Dict[Tuple[int, str, str], List[int]] = {}
    for event in events:
        key = (int(event["time_ms"]) // _QUARTER_MS, str(event["model"]), str(event["session"]))
        row = sums.setdefault(key, [0] * (1 + len(SUMMED)))
        row[0] += 1
        for i, name in enumerate(SUMMED):
            row[1 + i] += int(event.get(name, 0))
    return sums


def upsert_sql(events: List[Event]) -> bytes:
    """The batch's sums for the prepared upsert, in the order of their keys, so that transactions cannot deadlock."""
    rows = [list(key) + row for key, row in sorted(quarter_sums(events).items())]
    arrays = ["'{%s}'" % ",".join(str(row[i]) for row in rows) for i in range(len(rows[0]))]
    return ("EXECUTE up(%s)" % ",".join(arrays)).encode("ascii")


# ------------------------------------------------------------------------------------------------- VictoriaMetrics

_TAGS = ["session", "project", "agent", "model", "origin"]


def prometheus_lines(events: List[Event]) -> bytes:
    """One line a figure that is not zero, the labels on each."""
    lines = []
    for event in events:
        labels = ",".join('%s="%s"' % (tag, event[tag]) for tag in _TAGS)
        lines += [
            "tally_%s{%s} %d %d\n" % (name, labels, event[name], event["time_ms"]) for name in COUNTS if name in event
        ]
    return "".join(lines).encode("ascii")


def influx_lines(events: List[Event]) -> bytes:
    """One line an event, its figures as fields: the shortest of the forms that VictoriaMetrics takes."""
    lines = []
    for event in events:
        tags = ",".join("%s=%s" % (tag, event[tag]) for tag in _TAGS)
        fields = ",".join("%s=%d" % (name, event[name]) for name in COUNTS if name in event)
        lines.append("tally,%s %s %d000000\n" % (tags, fields, event["time_ms"]))
    return "".join(lines).encode("ascii")


# ------------------------------------------------------------------------------------------------------ our frames


class FrameMaker:
    """BATCH frames of one stream, with sequence and chain, made by the reference implementation."""

    #: Who compresses the bodies.
    compressor = "the lz4 package" if lz4_block else "the reference's own compressor (install lz4 for smaller frames)"

    def __init__(self, workstation: int) -> None:
        self._first = 1
        self.chain_value = chain.zero(b"peers" + workstation.to_bytes(11, "little"))

    def frame(self, events: List[Event]) -> bytes:
        frame = reference.make(self._first, events, self.chain_value, compressed=lz4_block is None)
        if lz4_block:
            raw = bytes.fromhex(frame["body"])
            packed = lz4_block.compress(raw, store_size=False, dict=PRESET_DICTIONARY)
            if len(packed) < len(raw):
                frame["flags"] = reference.LZ4_FLAG
                frame["body"] = packed.hex()
        self._first += len(events)
        self.chain_value = int(frame["chain_after"], 16)
        return frames.encode(frame)


def frame_columns(data: bytes, before: int) -> Tuple[body.Columns, int, int]:
    """The columns of a frame, their count, and the chain value after it."""
    frame = frames.decode(data, to="gateway")
    return reference.check(frame, before), frame["count"], int(frame["chain_after"], 16)


# ------------------------------------------------------------------------------------------------------------ pool


def pool_write(path: str, parts: Iterable[Tuple[int, bytes, bytes]]) -> None:
    """What ``client/base.h`` reads: events, and two parts, of which the second is empty but for PostgreSQL."""
    with open(path, "wb") as file:
        for events, first, second in parts:
            file.write(struct.pack("<III", events, len(first), len(second)) + first + second)


def pool_parts(form: str, dealt: List[Tuple[int, List[Event]]]) -> Iterable[Tuple[int, bytes, bytes]]:
    """The batches of ``events.batches`` in one of the forms of ``FORMS``."""
    makers: Dict[int, FrameMaker] = {}
    for workstation, events in dealt:
        count = len(events)
        if form == "json":
            yield count, json_lines(events), b""
        elif form == "json-event":
            pass
        elif form == "copy":
            yield count, copy_rows(events), b""
        elif form == "copy-upsert":
            yield count, copy_rows(events), upsert_sql(events)
        elif form == "prometheus":
            yield count, prometheus_lines(events), b""
        elif form == "influx":
            yield count, influx_lines(events), b""
        elif form == "frame":
            yield count, makers.setdefault(workstation, FrameMaker(workstation)).frame(events), b""
        else:
            raise ValueError("no form is called %s" % form)
    if form == "json-event":
        # Dealt again event by event, so that a message's place still names its workstation.
        workstations = 1 + max(place for place, _ in dealt)
        for start in range(0, len(dealt), workstations):
            group = [events for _, events in dealt[start : start + workstations]]
            for i in range(len(group[0])):
                for events in group:
                    yield 1, json_line(events[i]), b""
