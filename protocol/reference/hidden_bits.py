#!/usr/bin/env python3
"""The bound of SPEC.md, section 9: how many bits a hostile workstation can choose freely, computed from schema.json.

    hidden_bits.py            print the table of section 9

Counted is every value that some valid frame could have, each once and all as likely as one another, so that no
encoding of a message into values can carry more. The count is exact (whole numbers); only its logarithm is rounded.

Not counted, because no format bounds them: when something is sent, in which pieces, and whether it is sent at all.
"""

import math
import sys
from typing import Any, Dict, List, Tuple

from tallygate.schema import COLUMNS, KIND_RULES, LIMITS, REJECT, RELATIONS, SCHEMA, SKIP, Column

NAMES = ("session", "project", "model")
ID_VALUES = 1 << 128
# First byte, later bytes: what the pattern of a label allows (test_hidden_bits.py counts them with the pattern itself).
LABEL_FIRST, LABEL_LATER = 36, 43

Row = Tuple[str, float]


def labels() -> int:
    """How many labels there are, the empty one left out."""
    return sum(LABEL_FIRST * LABEL_LATER ** (n - 1) for n in range(1, LIMITS["label_bytes_max"] + 1))


def values(column: Column, required: bool) -> int:
    """How many values a column may have in a row of a kind that does not forbid it."""
    if column.type == "id16":
        return ID_VALUES - (0 if column.nullable and not required else 1)
    if column.type == "label":
        return labels() + (0 if required else 1)
    if column.type == "enum":
        return len(column.legal - {0}) if required else len(column.legal)
    # Numbers: 0 … most as encoded, of which 0 is the default; a nullable count's bound is one higher for that.
    least = max(column.least, 1) if required else column.least
    return column.most - least + 1


def pairs(most: int) -> int:
    """Values of two counts of at most ``most`` each, of which the first is not above the second."""
    return (most + 1) * (most + 2) // 2


def rows(kind: int, names: bool, numbers: bool) -> int:
    """How many rows of a kind there are, looking at its names, its numbers, or both."""
    required, forbidden = KIND_RULES[kind]
    bound = {low: high for low, high in RELATIONS}
    by_id = {column.id: column for column in COLUMNS}
    total = 1
    for column in COLUMNS:
        if column.name == "kind" or column.id in forbidden:
            continue
        if not (names if column.name in NAMES else numbers):
            continue
        if column.id in bound and bound[column.id] not in forbidden:
            continue  # counted with the column that bounds it
        lower = [low for low, high in bound.items() if high == column.id and low not in forbidden]
        if lower:
            assert len(lower) == 1 and by_id[lower[0]].most == column.most and column.id not in required
            total *= pairs(column.most)
        else:
            total *= values(column, column.id in required)
    return total


def events(names: bool = True, numbers: bool = True) -> int:
    return sum(rows(kind, names, numbers) for kind in KIND_RULES)


def strings(least: int, most: int) -> int:
    """How many strings of least … most bytes there are."""
    return (256 ** (most + 1) - 256**least) // 255


def batches() -> int:
    """How many batches there are at most: a canonical body and its rows are one and the same choice, once the number of
    rows is known, which a body of constants does not show."""
    count = LIMITS["batch_events_max"]
    by_bytes = count * strings(0, LIMITS["batch_raw_bytes_max"])
    # By its rows a batch could be far more, events() ** count, if it were not for its size.
    assert count * math.log2(events()) > math.log2(by_bytes), "the events of a batch bound it, not its bytes"
    return by_bytes


def width(field: Dict[str, Any]) -> int:
    """How many values a field of a frame may have, as far as its type says."""
    if field["name"] == "model":
        return labels() + 1
    return 1 << int(field["type"][1:])


def skips() -> int:
    """SKIPs that are taken: ``first`` is the next sequence and no choice, ``last`` and the rest are."""
    group = 1
    for field in SCHEMA["composites"]["skip_groups"]:
        group *= width(field)
    groups = sum(group**n for n in range(LIMITS["skip_groups_max"] + 1))
    return (LIMITS["sequence_max"] + 1) * (1 << 64) * len(SKIP) * groups


def refusals() -> int:
    """What the log tells of a refused batch that the workstation chose: reason, column, first sequence."""
    return len(REJECT) * 256 * (LIMITS["sequence_max"] + 1)


def frames() -> int:
    """Frames of every length, type and flags and body."""
    return strings(2, LIMITS["frame_bytes_max"])


def table() -> List[Row]:
    """What is chosen, and its bits: rounded up, since it is a bound."""
    return [
        ("the numbers and enums of one event, its time included", math.log2(events(names=False))),
        ("its session", math.log2(ID_VALUES - 1)),
        ("its project", math.log2(ID_VALUES)),
        ("its model", math.log2(labels() + 1)),
        ("one event, everything", math.log2(events())),
        ("one batch of at most 4,096 events", math.log2(batches())),
        ("where in a stream one batch ends and the next begins, an event", 1.0),
        ("the order of dictionary entries, padding, spare encodings", 0.0),
        ("one SKIP", math.log2(skips())),
        ("a stream's id, once a stream", math.log2(ID_VALUES)),
        ("a workstation's clock offset, once a connection", 32.0),
        ("one line of the gateway's log about a refused batch", math.log2(refusals())),
        ("one frame of any kind, as far as it is read and forgotten", math.log2(frames())),
    ]


def up(bits: float) -> float:
    """To a tenth of a bit, never below the true value."""
    return math.ceil(bits * 10 - 1e-9) / 10


def markdown() -> str:
    lines = ["| chosen freely | bits, at most | bytes |", "|---|--:|--:|"]
    for what, bits in table():
        lines.append("| %s | %s | %s |" % (what, "{:,.1f}".format(up(bits)), "{:,.1f}".format(up(bits / 8))))
    return "\n".join(lines)


if __name__ == "__main__":
    sys.stdout.write(markdown() + "\n")
