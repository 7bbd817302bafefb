"""The tables of ``schema.json``, in a form that the codec can use."""

import json
import os
import re
from typing import Any, Dict, List, Optional

PATH = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "schema.json")

with open(PATH, encoding="utf-8") as _file:
    SCHEMA: Dict[str, Any] = json.load(_file)

LIMITS: Dict[str, int] = SCHEMA["limits"]
ENCODINGS: Dict[str, int] = SCHEMA["encodings"]
ENCODING_NAMES: Dict[int, str] = {number: name for name, number in ENCODINGS.items()}
ID_BITS: int = SCHEMA["column_head"]["id_bits"]
PRESET_DICTIONARY: bytes = bytes.fromhex(SCHEMA["preset_dictionary_hex"])
LABEL = re.compile(SCHEMA["label"]["pattern"].encode("ascii"))
CONTENT_IDS = range(SCHEMA["content_id_range"][0], SCHEMA["content_id_range"][1] + 1)

NO_ID16 = bytes(16)
NO_LABEL = b""


class Column:
    """One row of the table in section 3.

    ``default`` is the encoded value that means absent, ``least`` and ``most`` bound the encoded values that are
    not the default, ``legal`` is the set of an enum's numbers.
    """

    def __init__(self, entry: Dict[str, Any]) -> None:
        self.id: int = entry["id"]
        self.name: str = entry["name"]
        self.type: str = entry["type"]
        self.chain_factors: List[int] = [int(factor, 16) for factor in entry["chain_factors"]]
        self.bits: int = entry.get("bits", 0)
        self.nullable: bool = entry.get("nullable", False)
        self.default: Any = {"id16": NO_ID16, "label": NO_LABEL}.get(self.type, 0)
        self.least: int = entry.get("min", 0)
        self.most: int = entry.get("max", 0) + (1 if self.type == "nullable_count" else 0)
        self.names: Dict[int, str] = {v["number"]: v["name"] for v in entry.get("values", [])}
        self.numbers: Dict[str, int] = {name: number for number, name in self.names.items()}
        self.legal = set(self.names)
        if "absent" in entry:
            self.legal.add(entry["absent"])
        allowed = [ENCODINGS[name] for name in SCHEMA["types"][self.type]]
        if self.type in ("id16", "label") and not self.nullable:
            allowed.remove(ENCODINGS["dictionary_with_absent"])
        self.encodings = set(allowed)

    def in_range(self, value: int) -> bool:
        """Whether a number is one that the column may hold (the default of an enum or a count included)."""
        if self.type == "enum":
            return value in self.legal
        return self.least <= value <= self.most


COLUMNS: List[Column] = [Column(entry) for entry in SCHEMA["columns"]]
BY_ID: Dict[int, Column] = {column.id: column for column in COLUMNS}
BY_NAME: Dict[str, Column] = {column.name: column for column in COLUMNS}


def _ids(names: List[str]) -> List[int]:
    return sorted(BY_NAME[name].id for name in names)


KIND = BY_NAME["kind"]
# kind number -> (ids of required columns, ids of forbidden columns), both ascending
KIND_RULES = {
    KIND.numbers[name]: (_ids(rule["required"]), _ids(rule["forbidden"])) for name, rule in SCHEMA["kinds"].items()
}
CONTROL_TOKENS = _ids(SCHEMA["control_tokens"])
REPORTED = BY_NAME["reported_cost_nano_usd"].id
RELATIONS = sorted((BY_NAME[r["column"]].id, BY_NAME[r["at_most"]].id) for r in SCHEMA["relations"])


class Residual:
    """How a residual column is predicted (TG-4-6)."""

    def __init__(self, name: str, entry: Dict[str, Any]) -> None:
        self.column = BY_NAME[name]
        self.kind: int = KIND.numbers[entry["of_kind"]]
        self.same: int = BY_NAME[entry["same"]].id
        self.sum: List[int] = _ids(entry["previous_sum"])


RESIDUALS: Dict[int, Residual] = {BY_NAME[name].id: Residual(name, entry) for name, entry in SCHEMA["residual"].items()}

REJECT = {r["name"]: r["code"] for r in SCHEMA["reject_reasons"]}
PERMANENT = {r["name"]: r["permanent"] for r in SCHEMA["reject_reasons"]}
GOAWAY = {r["name"]: r["code"] for r in SCHEMA["goaway_reasons"]}
SKIP = {r["name"]: r["code"] for r in SCHEMA["skip_reasons"]}


class Refusal(Exception):
    """What a REJECT says of a batch (TG-4-10): reason, column id or 0, first offending row, number of rows."""

    def __init__(self, reason: str, field: int = 0, index: int = 0, run: int = 1) -> None:
        super().__init__("%s field %d index %d run %d" % (reason, field, index, run))
        if reason not in REJECT:
            raise ValueError(reason)
        self.reason, self.field, self.index, self.run = reason, field, index, run


def is_label(value: bytes) -> bool:
    return LABEL.fullmatch(value) is not None


def dump(value: Optional[object]) -> str:
    return json.dumps(value, separators=(",", ":"))
