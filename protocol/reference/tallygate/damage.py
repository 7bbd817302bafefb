"""Bodies and blocks with random damage, so that two implementations can be compared where they refuse."""

import random
from typing import Any, Dict

from . import body, lz4
from .random_rows import random_rows
from .schema import Refusal

_COUNTS = [1, 2, 3, 5, 9, 17]
_BYTES = [0, 1, 2, 0x7F, 0x80, 0xFF]


def damaged_case(r: random.Random, name: str) -> Dict[str, Any]:
    """A case as in ``vectors/invalid-*.json``, or one with ``accepted`` where the damage left a good body."""
    rows = random_rows(r)[: r.choice(_COUNTS)]
    count = len(rows)
    raw = _damaged(r, body.encode(body.columns_of_rows(rows), count))
    if r.random() < 0.1:
        count = max(1, count + r.choice([-1, 1, 2]))
    case: Dict[str, Any] = {"name": name, "count": count}
    compressed = bool(raw) and r.random() < 0.25
    if compressed:
        block = lz4.compress(raw)
        case.update(
            lz4=(_damaged(r, block) if r.random() < 0.7 else block).hex(),
            raw_bytes=max(0, len(raw) + r.choice([0, 0, 0, 0, 1, -1])),
        )
    else:
        case["raw"] = raw.hex()
    try:
        if compressed:
            raw = lz4.decompress(bytes.fromhex(case["lz4"]), case["raw_bytes"], count)
        body.decode(raw, count)
        case["accepted"] = True
    except Refusal as refusal:
        case.update(reason=refusal.reason, field=refusal.field, index=refusal.index, run=refusal.run)
    return case


def _damaged(r: random.Random, data: bytes) -> bytes:
    out = bytearray(data)
    for _ in range(r.choice([1, 1, 2, 4])):
        if not out:
            break
        way, place = r.random(), r.randrange(len(out))
        if way < 0.5:
            out[place] = r.choice(_BYTES + [r.randrange(256), r.randrange(32) | r.randrange(7) << 5])
        elif way < 0.6:
            del out[place:]
        elif way < 0.75:
            out.insert(place, r.choice(_BYTES + [r.randrange(256)]))
        elif way < 0.9:
            del out[place]
        else:
            out += bytes(r.randrange(256) for _ in range(r.randrange(1, 12)))
    return bytes(out)
