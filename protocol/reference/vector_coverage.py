#!/usr/bin/env python3
"""Which requirements of SPEC.md the vectors accept under and refuse under, and why some have none.

    vector_coverage.py            a line for each requirement: how many cases accept, how many refuse
    vector_coverage.py --missing  the table of CONFORMANCE.md, "Without a vector"

A case accepts under the requirement that it names if whoever obeys the document takes it: a body that decodes, a frame
that is read, a session in which nothing is refused, a time that counts. It refuses if the answer is a REJECT or GOAWAY.
"""

import json
import os
import re
import sys
from typing import Any, Dict, List, Tuple

HERE = os.path.dirname(os.path.abspath(__file__))
VECTORS = os.path.join(HERE, "..", "vectors")
WAYS = ("accept", "refuse")
REFUSALS = {"REJECT", "GOAWAY"}

_TLS = "is a matter of TLS: no byte of this protocol shows it"
# Requirements that no vector can show in one of the two ways, and why not.
REASONS: Dict[Tuple[str, str], str] = {
    ("TG-1-1", "accept"): _TLS,
    ("TG-1-1", "refuse"): _TLS,
    ("TG-1-2", "accept"): _TLS,
    ("TG-1-2", "refuse"): _TLS,
    ("TG-1-3", "accept"): "says what no frame holds",
    ("TG-1-3", "refuse"): "says what no frame holds",
    ("TG-2-4", "refuse"): "nobody refuses an unknown option; a list that is no list breaks TG-2-3",
    ("TG-3-3", "accept"): "binds later schemas; there is one",
    ("TG-3-3", "refuse"): "binds later schemas; there is one",
    ("TG-4-8", "refuse"): "says what is stored; nothing is refused by it",
    ("TG-4-11", "accept"): "orders refusals; what is accepted breaks no rule",
    ("TG-6-3", "refuse"): "an ACK that comes before the disk has the data looks like any other",
    ("TG-6-5", "refuse"): "asks for an ACK; nothing is refused by it",
    ("TG-6-7", "refuse"): "a gateway MAY answer too many PINGs with GOAWAY, or go on",
    ("TG-8-1", "refuse"): "says when an event counts; TG-8-2 refuses by it",
}


def requirements() -> List[str]:
    with open(os.path.join(HERE, "..", "SPEC.md"), encoding="utf-8") as file:
        return re.findall(r"\*\*(TG-[0-9]+-[0-9]+)\*\*", file.read())


def way(file: str, case: Dict[str, Any]) -> str:
    """Whether a case accepts or refuses."""
    if file.startswith("stories-"):
        refused = any(step["frame"]["type"] in REFUSALS for step in case["steps"] if step["from"] == "gateway")
    else:
        refused = file.startswith("invalid-") or "reason" in case or "error" in case or case.get("obeyed") is False
    return "refuse" if refused else "accept"


def counts(folder: str = VECTORS) -> Dict[Tuple[str, str], int]:
    """How many cases there are, by requirement and way."""
    found: Dict[Tuple[str, str], int] = {}
    for file in sorted(os.listdir(folder)):
        with open(os.path.join(folder, file), encoding="utf-8") as opened:
            for case in json.load(opened):
                key = (case["requirement"], way(file, case))
                found[key] = found.get(key, 0) + 1
    return found


def faults(found: Dict[Tuple[str, str], int], reasons: Dict[Tuple[str, str], str] = REASONS) -> List[str]:
    """What is missing, said for nothing, or said of what is not there."""
    known = requirements()
    out = []
    for name in known:
        for which in WAYS:
            has, excused = found.get((name, which), 0) > 0, (name, which) in reasons
            if not has and not excused:
                out.append("%s has no vector to %s" % (name, which))
            if has and excused:
                out.append("%s has a vector to %s and a reason for having none" % (name, which))
    named = {name for name, _ in list(found) + list(reasons)}
    return out + ["%s is no requirement of SPEC.md" % name for name in sorted(named - set(known))]


def missing() -> str:
    lines = ["| way | requirement | why |", "|---|---|---|"]
    for name in requirements():
        why: Dict[str, List[str]] = {}
        for which in WAYS:
            if (name, which) in REASONS:
                why.setdefault(REASONS[name, which], []).append(which)
        lines += ["| %s | %s | %s |" % (" or ".join(ways), name, reason) for reason, ways in why.items()]
    return "\n".join(lines)


def main() -> int:
    if sys.argv[1:] == ["--missing"]:
        print(missing())
        return 0
    found = counts()
    for name in requirements():
        print("%-8s %5d accept %5d refuse" % (name, found.get((name, "accept"), 0), found.get((name, "refuse"), 0)))
    wrong = faults(found)
    for line in wrong:
        print(line)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
