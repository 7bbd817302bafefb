"""The chain of section 5."""

from typing import Dict, List

from .body import Columns
from .schema import BY_ID, SCHEMA
from .xxh3 import xxh3_64

_PREFIX = SCHEMA["chain"]["prefix"].encode("ascii")
_labels: Dict[bytes, bytes] = {}


def zero(stream: bytes) -> int:
    """chain(0) of a stream."""
    return xxh3_64(_PREFIX + stream)


def _label(value: bytes) -> bytes:
    known = _labels.get(value)
    if known is None:
        known = _labels[value] = xxh3_64(value).to_bytes(8, "little")
    return known


def after(columns: Columns, count: int, chain: int) -> int:
    """The chain value after the last of ``count`` events that follow the one with the value ``chain``."""
    return each_after(columns, count, chain)[-1]


def each_after(columns: Columns, count: int, chain: int) -> List[int]:
    """The chain value after each of the events."""
    presence = [0] * count
    values = [b""] * count
    for id in sorted(columns):
        column = BY_ID[id]
        default, bit, width = column.default, 1 << id, column.chain_bytes
        for i, value in enumerate(columns[id]):
            if value != default:
                presence[i] |= bit
                if column.type == "id16":
                    values[i] += value
                elif column.type == "label":
                    values[i] += _label(value)
                else:
                    values[i] += value.to_bytes(width, "little")
    out = []
    for i in range(count):
        chain = xxh3_64(chain.to_bytes(8, "little") + presence[i].to_bytes(8, "little") + values[i])
        out.append(chain)
    return out
