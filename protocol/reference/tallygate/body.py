"""Rows to the canonical raw body and back (section 4).

Inside, a batch is held as ``Columns``: column id -> the encoded values of all rows; a column of only defaults is
not in the mapping.  ``columns_of_rows`` and ``rows_of_columns`` change to and from rows as the vectors write them.
"""

from typing import Any, Dict, List, Tuple

from .schema import (
    BY_ID,
    BY_NAME,
    COLUMNS,
    CONTENT_IDS,
    CONTROL_TOKENS,
    ENCODINGS,
    ID_BITS,
    KIND,
    KIND_RULES,
    LIMITS,
    NO_ID16,
    RELATIONS,
    REPORTED,
    RESIDUALS,
    Refusal,
    is_label,
)

Columns = Dict[int, List[Any]]
Row = Dict[str, Any]

CONSTANT, VARINT, RESIDUAL = ENCODINGS["constant"], ENCODINGS["varint"], ENCODINGS["residual"]
PACKED, DELTA = ENCODINGS["packed"], ENCODINGS["delta"]
DICTIONARY, DICTIONARY_WITH_ABSENT = ENCODINGS["dictionary"], ENCODINGS["dictionary_with_absent"]
_LOW_ID = (1 << ID_BITS) - 1
_COUNT_MAX, _RAW_MAX = LIMITS["batch_events_max"], LIMITS["batch_raw_bytes_max"]


# ---------------------------------------------------------------------------------------------- rows and columns


def columns_of_rows(rows: List[Row]) -> Columns:
    columns: Columns = {}
    for i, row in enumerate(rows):
        for name, value in row.items():
            column = BY_NAME[name]
            type = column.type
            if type == "enum":
                encoded: Any = column.numbers[value]
            elif type == "id16":
                encoded = bytes.fromhex(value)
                if len(encoded) != 16:
                    raise ValueError("%s of %d bytes" % (name, len(encoded)))
            elif type == "label":
                encoded = value.encode("ascii")
            elif type == "nullable_count":
                encoded = value + 1
            else:
                encoded = value
            if encoded == column.default:
                continue
            values = columns.get(column.id)
            if values is None:
                values = columns[column.id] = [column.default] * len(rows)
            values[i] = encoded
    return columns


def rows_of_columns(columns: Columns, count: int) -> List[Row]:
    rows: List[Row] = [{} for _ in range(count)]
    for id in sorted(columns):
        column = BY_ID[id]
        default, name, type = column.default, column.name, column.type
        for row, value in zip(rows, columns[id]):
            if value == default:
                continue
            if type == "enum":
                row[name] = column.names[value]
            elif type == "id16":
                row[name] = value.hex()
            elif type == "label":
                row[name] = value.decode("ascii")
            elif type == "nullable_count":
                row[name] = value - 1
            else:
                row[name] = value
    return rows


def totals(columns: Columns) -> Tuple[int, int]:
    """The control totals tokens and reported (TG-3-6)."""
    tokens = sum(sum(columns.get(id, ())) for id in CONTROL_TOKENS)
    reported = sum(value - 1 for value in columns.get(REPORTED, ()) if value)
    return tokens, reported


# ------------------------------------------------------------------------------------------------------- writing


def varint(value: int) -> bytes:
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)


def zigzag(value: int) -> int:
    return value << 1 if value >= 0 else (-value << 1) - 1


def pack(values: List[int], bits: int) -> bytes:
    """Each value ``bits`` wide, lowest bits first; eight values fill whole bytes."""
    out = []
    for start in range(0, len(values), 8):
        word, shift = 0, 0
        for value in values[start : start + 8]:
            word |= value << shift
            shift += bits
        out.append(word.to_bytes((shift + 7) // 8, "little"))
    return b"".join(out)


def head(encoding: int, id: int) -> bytes:
    if id <= _LOW_ID:
        return bytes([encoding << ID_BITS | id])
    return bytes([encoding << ID_BITS, id])


def single(type: str, value: Any) -> bytes:
    """One value as a constant or a dictionary entry holds it."""
    if type == "id16":
        return bytes(value)
    if type == "label":
        return bytes([len(value)]) + value
    return varint(value)


def predictions(columns: Columns, count: int, id: int) -> List[int]:
    """What TG-4-6 predicts, from columns whose values are all known."""
    rule = RESIDUALS[id]
    kinds = columns.get(KIND.id) or [0] * count
    same = columns.get(rule.same) or [NO_ID16] * count
    parts = [columns[part] for part in rule.sum if part in columns]
    nearest: Dict[bytes, int] = {}
    out = []
    for i in range(count):
        if kinds[i] != rule.kind:
            out.append(0)
            continue
        out.append(nearest.get(same[i], 0))
        nearest[same[i]] = sum([part[i] for part in parts])
    return out


def encode(columns: Columns, count: int) -> bytes:
    """The canonical raw body.  Nothing is checked: rows that break a rule give a body that says so."""
    out = []
    for id in sorted(columns):
        column, values = BY_ID[id], columns[id]
        type, first = column.type, values[0]
        if values.count(first) == count:
            if first != column.default:
                out.append(head(CONSTANT, id) + single(type, first))
            continue
        if type == "enum":
            out.append(head(PACKED, id) + pack(values, column.bits))
        elif type == "residual":
            out.append(head(RESIDUAL, id))
            out += [varint(zigzag(v - p)) for v, p in zip(values, predictions(columns, count, id))]
        elif type == "time":
            out.append(head(DELTA, id) + varint(first))
            out += [varint(zigzag(b - a)) for a, b in zip(values, values[1:])]
        elif type in ("id16", "label"):
            places: Dict[bytes, int] = {}
            absent = column.default in values
            if absent:
                places[column.default] = 0
            indices = [places.setdefault(value, len(places)) for value in values]
            entries = [entry for entry in places if entry != column.default]
            encoding = DICTIONARY_WITH_ABSENT if absent else DICTIONARY
            out.append(head(encoding, id) + varint(len(entries)))
            out += [single(type, entry) for entry in entries]
            out.append(pack(indices, (len(places) - 1).bit_length()))
        else:
            out.append(head(VARINT, id))
            out += [varint(value) for value in values]
    return b"".join(out)


# ------------------------------------------------------------------------------------------------------- reading


class _Reader:
    """Reads one body; every refusal names the column that is being read."""

    def __init__(self, raw: bytes, count: int) -> None:
        self.raw, self.count, self.at, self.field = raw, count, 0, 0

    def malformed(self) -> Refusal:
        return Refusal("MALFORMED", self.field, 0, self.count)

    def non_canonical(self) -> Refusal:
        return Refusal("NON_CANONICAL", self.field, 0, self.count)

    def out_of_range(self) -> Refusal:
        """Of a value that stands for many rows: a constant or a dictionary entry."""
        return Refusal("FIELD_RANGE", self.field, 0, self.count)

    def take(self, n: int) -> bytes:
        start, self.at = self.at, self.at + n
        if self.at > len(self.raw):
            raise self.malformed()
        return self.raw[start : self.at]

    def byte(self) -> int:
        return self.take(1)[0]

    def varint(self) -> int:
        raw, at, value, shift = self.raw, self.at, 0, 0
        while True:
            if at == len(raw) or shift == 70:
                raise self.malformed()
            byte = raw[at]
            at += 1
            value |= (byte & 127) << shift
            if byte < 128:
                break
            shift += 7
        if value >> 64:
            raise self.malformed()
        if byte == 0 and shift:
            raise self.non_canonical()
        self.at = at
        return value

    def packed(self, bits: int) -> List[int]:
        """One value a row.  The unused top bits are looked at by ``padding``, after the values."""
        count = self.count
        data = self.take((count * bits + 7) // 8)
        mask = (1 << bits) - 1
        values: List[int] = []
        for start in range(0, len(data), bits):
            word = int.from_bytes(data[start : start + bits], "little")
            for _ in range(min(8, count - len(values))):
                values.append(word & mask)
                word >>= bits
        self.rest = word
        return values

    def padding(self) -> None:
        if self.rest:
            raise self.non_canonical()

    def entry(self, type: str) -> bytes:
        """An id16 or a label; a default comes back as such."""
        if type == "id16":
            return self.take(16)
        length = self.byte()
        if length > LIMITS["label_bytes_max"]:
            raise self.out_of_range()
        value = self.take(length)
        if length and not is_label(value):
            raise self.out_of_range()
        return value

    def dictionary(self, type: str, with_absent: bool) -> List[bytes]:
        count, default = self.count, NO_ID16 if type == "id16" else b""
        size = self.varint()
        if size < (1 if with_absent else 2) or size > count:
            raise self.non_canonical()
        entries: List[bytes] = [default] if with_absent else []
        seen = set()
        for _ in range(size):
            value = self.entry(type)
            if value == default:
                raise self.malformed()
            if value in seen:
                raise self.non_canonical()
            seen.add(value)
            entries.append(value)
        fresh = lowest = 1 if with_absent else 0
        known = len(entries)
        indices = self.packed((known - 1).bit_length())
        for index in indices:
            if index >= known:
                raise self.malformed()
            if index >= fresh:
                if index > fresh:
                    raise self.non_canonical()
                fresh += 1
        if fresh != known or (lowest and 0 not in indices):
            raise self.non_canonical()
        self.padding()
        return [entries[index] for index in indices]


def _not_equal(reader: _Reader, values: List[Any]) -> List[Any]:
    if values.count(values[0]) == len(values):
        raise reader.non_canonical()
    return values


def decode(raw: bytes, count: int) -> Columns:
    """The columns of a raw body, or the ``Refusal`` of its first violation (TG-4-11)."""
    if not 1 <= count <= _COUNT_MAX or len(raw) > _RAW_MAX:
        raise Refusal("SIZE", run=count)
    columns: Columns = {}
    residuals: Dict[int, List[int]] = {}
    reader = _Reader(raw, count)
    before = 0
    while reader.at < len(raw):
        reader.field = 0
        byte = reader.byte()
        encoding, id = byte >> ID_BITS, byte & _LOW_ID
        if id == 0:
            id = reader.byte()
            reader.field = id
            if id <= _LOW_ID:
                raise reader.non_canonical()
        reader.field = id
        if id <= before:
            raise reader.malformed()
        before = id
        column = BY_ID.get(id)
        if column is None:
            raise Refusal("CONTENT_FIELD" if id in CONTENT_IDS else "UNKNOWN_FIELD", id, 0, count)
        if encoding not in column.encodings:
            raise reader.malformed()
        columns[id] = _column(reader, column, encoding, residuals)
    for id, deltas in sorted(residuals.items()):
        columns[id] = _resolve(columns, count, id, deltas)
    check(columns, count)
    return columns


def _column(reader: _Reader, column: Any, encoding: int, residuals: Dict[int, List[int]]) -> List[Any]:
    count, type = reader.count, column.type
    if encoding == CONSTANT:
        value = reader.entry(type) if type in ("id16", "label") else reader.varint()
        if value == column.default:
            raise reader.non_canonical()
        if type not in ("id16", "label") and not column.in_range(value):
            raise reader.out_of_range()
        return [value] * count
    if encoding in (DICTIONARY, DICTIONARY_WITH_ABSENT):
        return reader.dictionary(type, encoding == DICTIONARY_WITH_ABSENT)
    if encoding == PACKED:
        values = reader.packed(column.bits)
        for i, value in enumerate(values):
            if value not in column.legal:
                raise Refusal("FIELD_RANGE", column.id, i)
        reader.padding()
        return _not_equal(reader, values)
    if encoding == RESIDUAL:
        residuals[column.id] = [_signed(reader.varint()) for _ in range(count)]
        return []
    values = []
    least, most = column.least, column.most
    value = 0
    for i in range(count):
        number = reader.varint()
        if encoding == DELTA and i:
            value += _signed(number)
        else:
            value = number
        if not least <= value <= most:
            raise Refusal("FIELD_RANGE", column.id, i)
        values.append(value)
    return _not_equal(reader, values)


def _signed(number: int) -> int:
    return number >> 1 if not number & 1 else -(number + 1 >> 1)


def _resolve(columns: Columns, count: int, id: int, deltas: List[int]) -> List[int]:
    """The values of a residual column, row by row: a prediction needs the values before it (TG-4-6)."""
    rule = RESIDUALS[id]
    kinds = columns.get(KIND.id) or [0] * count
    same = columns.get(rule.same) or [NO_ID16] * count
    parts = [columns[part] for part in rule.sum if part != id and part in columns]
    nearest: Dict[bytes, int] = {}
    values = []
    for i in range(count):
        usage = kinds[i] == rule.kind
        value = deltas[i] + (nearest.get(same[i], 0) if usage else 0)
        if not 0 <= value <= rule.column.most:
            raise Refusal("FIELD_RANGE", id, i)
        if usage:
            nearest[same[i]] = value + sum([part[i] for part in parts])
        values.append(value)
    if values.count(values[0]) == count:
        raise Refusal("NON_CANONICAL", id, 0, count)
    return values


def check(columns: Columns, count: int) -> None:
    """The rules of each kind, row by row, then the relations between columns."""
    kinds = columns.get(KIND.id) or [0] * count
    first: List[Tuple[int, int, int, str]] = []  # the first offender of each rule; the least of them is named
    for kind in set(kinds):
        required, forbidden = KIND_RULES[kind]
        for id in required:
            values, default = columns.get(id), BY_ID[id].default
            for i in range(count):
                if kinds[i] == kind and (values is None or values[i] == default):
                    first.append((i, 0, id, "FIELD_REQUIRED"))
                    break
        for id in forbidden:
            if id in columns:
                values, default = columns[id], BY_ID[id].default
                for i in range(count):
                    if kinds[i] == kind and values[i] != default:
                        first.append((i, 1, id, "FIELD_FORBIDDEN"))
                        break
    if first:
        i, _, id, reason = min(first)
        raise Refusal(reason, id, i)
    none = [0] * count
    for id, bound in RELATIONS:
        for i, (value, most) in enumerate(zip(columns.get(id, none), columns.get(bound, none))):
            if value > most:
                raise Refusal("FIELD_RANGE", id, i)


assert [column.id for column in COLUMNS] == sorted(BY_ID)
