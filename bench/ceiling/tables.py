#!/usr/bin/env python3
"""Writes tables.h from protocol/schema.json: the preset dictionary, the bounds and the type of each column, so that
the ceiling holds no copy of the protocol's tables that could go stale.

    tables.py SCHEMA OUTPUT
"""

import json
import sys

_TYPES = ["none", "enum", "time", "id16", "label", "count", "nullable_count", "residual"]


def main() -> None:
    with open(sys.argv[1], encoding="utf-8") as file:
        schema = json.load(file)
    dictionary = bytes.fromhex(schema["preset_dictionary_hex"])
    limits = schema["limits"]
    columns = {column["id"]: column for column in schema["columns"]}
    highest = max(columns)
    if highest > 31:
        sys.exit("tables.py: the ceiling reads columns whose id fits into the head alone")
    lines = [
        "// Made from protocol/schema.json by tables.py.",
        "#ifndef CEILING_TABLES_H",
        "#define CEILING_TABLES_H",
        "#include <stdint.h>",
        "",
        "enum { " + ", ".join("TYPE_%s = %d" % (name.upper(), n) for n, name in enumerate(_TYPES)) + " };",
        "enum { "
        + ", ".join("ENCODING_%s = %d" % (name.upper(), n) for name, n in schema["encodings"].items())
        + " };",
        "enum {",
        *("    COLUMN_%s = %d," % (column["name"].upper(), id) for id, column in sorted(columns.items())),
        "    COLUMN_MAX = %d" % highest,
        "};",
        "enum {",
        *("    %s = %d," % (name.upper(), limits[name]) for name in limits if limits[name] < 1 << 31),
        "    PRESET_DICTIONARY_BYTES = %d" % len(dictionary),
        "};",
        "static const uint8_t COLUMN_TYPE[32] = {%s};"
        % ", ".join(str(_TYPES.index(columns[id]["type"]) if id in columns else 0) for id in range(32)),
        "static const uint8_t COLUMN_BITS[32] = {%s};"
        % ", ".join(str(columns[id].get("bits", 0) if id in columns else 0) for id in range(32)),
        "static const uint8_t PRESET_DICTIONARY[PRESET_DICTIONARY_BYTES] = {",
        *("    " + ", ".join(map(str, dictionary[at : at + 24])) + "," for at in range(0, len(dictionary), 24)),
        "};",
        "#endif",
    ]
    with open(sys.argv[2], "w", encoding="utf-8") as file:
        file.write("\n".join(lines) + "\n")


main()
