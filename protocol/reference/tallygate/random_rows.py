"""Random rows that keep every rule of section 3, with the bounds and the awkward mixtures more often than chance."""

import random
from typing import List

from .body import Row
from .schema import BY_NAME, COLUMNS, KIND, KIND_RULES

_LABELS = [
    "claude-opus-4-8",
    "claude-sonnet-4-5-20250929",
    "gpt-5.1-codex",
    "gemini-2.5-pro",
    "unlisted",
    "a",
    "x" * 64,
    "9._:/@+-",
    "openrouter/some@model:free",
]
_LABEL_FIRST = "abcdefghijklmnopqrstuvwxyz0123456789"
_LABEL_REST = _LABEL_FIRST + "._:/@+-"
_TIME_MAX = BY_NAME["time_ms"].most


def _label(r: random.Random) -> str:
    if r.random() < 0.8:
        return r.choice(_LABELS)
    return r.choice(_LABEL_FIRST) + "".join(r.choice(_LABEL_REST) for _ in range(r.choice([0, 1, 5, 20, 63])))


def _id16(r: random.Random) -> str:
    return "%032x" % (r.getrandbits(128) or 1)


def _count(r: random.Random, most: int) -> int:
    way = r.random()
    if way < 0.1:
        return 0
    if way < 0.13:
        return most
    if way < 0.2:
        return min(most, r.choice([1, 127, 128, 16383, 16384, 2097151, 2097152, 268435455, 268435456]))
    return min(most, int(r.lognormvariate(6, 3)))


def random_rows(r: random.Random) -> List[Row]:
    count = r.choice([1, 2, 3, 4, 7, 8, 9, 15, 16, 17, 20, 20, 25, 40, 60]) if r.random() < 0.95 else r.randint(1, 200)
    sessions = [_id16(r) for _ in range(r.choice([1, 1, 2, 3, 4, 5, 8, 16, 17, 40]))]
    projects = [_id16(r) for _ in range(r.choice([1, 2, 3]))]
    models = [_label(r) for _ in range(r.choice([1, 1, 2, 3, 5]))]
    kinds = r.choice([[0], [0], [0, 0, 0, 0, 3], [0, 1], [2, 3, 4], [3], [0, 1, 2, 3, 4]])
    # per column: never, always one value, or chosen anew for each row with some chance of being absent
    chance = {column.id: r.choice([0, 0, 0.3, 0.9, 1, 1]) for column in COLUMNS}
    fixed = {column.id: r.random() < 0.4 for column in COLUMNS}
    kept: Row = {}
    time = r.choice([1, 1_700_000_000_000, _TIME_MAX, r.randint(1, _TIME_MAX)])
    grows = r.random() < 0.5
    rows: List[Row] = []
    for _ in range(count):
        number = r.choice(kinds)
        required, forbidden = KIND_RULES[number]
        row: Row = {"kind": KIND.names[number]} if number else {}
        for column in COLUMNS[1:]:
            name, type, id = column.name, column.type, column.id
            if id in forbidden or (id not in required and r.random() >= chance[id]):
                continue
            if fixed[id] and name in kept and name != "reasoning_tokens":
                row[name] = kept[name]
                continue
            if type == "time":
                time = min(
                    _TIME_MAX,
                    max(
                        1,
                        time
                        + (
                            r.choice([0, 1, 900, 30000, -40, 10**9])
                            if r.random() < 0.9
                            else r.randint(-_TIME_MAX, _TIME_MAX)
                        ),
                    ),
                )
                row[name] = time
            elif type == "id16":
                row[name] = r.choice(sessions if name == "session" else projects)
            elif type == "label":
                row[name] = r.choice(models)
            elif type == "enum":
                row[name] = column.names[r.choice([n for n in column.names if n])]
            elif type == "nullable_count":
                row[name] = _count(r, column.most - 1)
            elif name == "reasoning_tokens":
                row[name] = min(row.get("output_tokens", 0), _count(r, column.most))
            elif type == "residual" and grows:
                row[name] = min(column.most, sum(last_prompt(rows, row)))
            else:
                row[name] = _count(r, column.most)
            kept[name] = row[name]
        rows.append({name: value for name, value in row.items() if value != 0 or name in _NULLABLE})
    return rows


_NULLABLE = {column.name for column in COLUMNS if column.type == "nullable_count"}
_PROMPT = (
    "input_tokens",
    "cache_read_tokens",
    "cache_write_5m_tokens",
    "cache_write_1h_tokens",
    "cache_write_unknown_tokens",
)


def last_prompt(rows: List[Row], row: Row) -> List[int]:
    """The prompt of the session's row before, so that residuals of 0 are common."""
    for earlier in reversed(rows):
        if earlier.get("session") == row.get("session") and "kind" not in earlier:
            return [int(earlier.get(name, 0)) for name in _PROMPT]
    return [0]
