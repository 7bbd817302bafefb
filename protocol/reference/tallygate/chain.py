"""The chain of section 5."""

from typing import Any, Dict, List

from .body import Columns
from .schema import BY_ID, SCHEMA, Column
from .xxh3 import xxh3_64

_CHAIN = SCHEMA["chain"]
_PREFIX = _CHAIN["prefix"].encode("ascii")
_STEP = int(_CHAIN["step"], 16)
_ROTATION: int = _CHAIN["rotation"]
_MASK = (1 << 64) - 1
_labels: Dict[bytes, int] = {}


def zero(stream: bytes) -> int:
    """chain(0) of a stream."""
    return xxh3_64(_PREFIX + stream)


def words(column: Column, value: Any) -> List[int]:
    """The words of an encoded value: two for an identifier, else one."""
    if column.type == "id16":
        return [int.from_bytes(value[:8], "big"), int.from_bytes(value[8:], "big")]
    if column.type != "label":
        return [value]
    if value not in _labels:
        _labels[value] = xxh3_64(value)
    return [_labels[value]]


def step(chain: int, event: int) -> int:
    """The chain value after an event with the sum ``event``."""
    product = ((chain ^ event) * _STEP) & _MASK
    return (product << _ROTATION | product >> (64 - _ROTATION)) & _MASK


def after(columns: Columns, count: int, chain: int) -> int:
    """The chain value after the last of ``count`` events that follow the one with the value ``chain``."""
    return each_after(columns, count, chain)[-1]


def each_after(columns: Columns, count: int, chain: int) -> List[int]:
    """The chain value after each of the events."""
    sums = [0] * count
    for id, values in columns.items():
        column = BY_ID[id]
        for i, value in enumerate(values):
            if value != column.default:
                sums[i] += sum(w * f for w, f in zip(words(column, value), column.chain_factors))
    out = []
    for event in sums:
        chain = step(chain, event & _MASK)
        out.append(chain)
    return out
