#!/usr/bin/env python3
"""Compares what the Swift codec says of batch bodies with what the reference says of the same bytes.

    verdicts.py FILE      lines of JSON, as `fuzzreplay batch --verdicts INPUTS` writes them; `-` is standard input

Exit 1 where the two differ: another reason, column, row or run, other totals or another chain, or one that takes what
the other refuses.
"""

import json
import os
import sys
from typing import Any, Dict, Optional

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, "protocol", "reference"))
sys.dont_write_bytecode = True

from tallygate import body, chain, lz4  # noqa: E402
from tallygate.schema import LIMITS, REJECT, Refusal  # noqa: E402


def own(case: Dict[str, Any]) -> Dict[str, Any]:
    """The verdict of the reference."""
    count, raw_bytes, data = case["count"], case["raw_bytes"], bytes.fromhex(case["body"])
    try:
        if not 1 <= count <= LIMITS["batch_events_max"] or raw_bytes > LIMITS["batch_raw_bytes_max"]:
            raise Refusal("SIZE", run=count)
        if case["lz4"]:
            data = lz4.decompress(data, raw_bytes, count)
        elif len(data) != raw_bytes:
            raise Refusal("SIZE", run=count)
        columns = body.decode(data, count)
    except Refusal as refusal:
        return {
            "reason": REJECT[refusal.reason], "field": refusal.field, "index": refusal.index, "run": refusal.run,
        }
    tokens, reported = body.totals(columns)
    after = chain.after(columns, count, int(case.get("chain_before", "0"), 16))
    return {"tokens": tokens, "reported": reported, "chain_after": "%016x" % after}


def difference(case: Dict[str, Any]) -> Optional[str]:
    if "body" not in case:
        return None
    reference = own(case)
    given = {key: case[key] for key in reference if key in case}
    if given == reference and ("reason" in case) == ("reason" in reference):
        return None
    keys = ("reason", "field", "index", "run", "tokens", "reported", "chain_after")
    shown = {key: case[key] for key in keys if key in case}
    return "%s: given %s, the reference says %s" % (case["name"], shown, reference)


def main() -> int:
    if len(sys.argv) != 2:
        print(__doc__)
        return 2
    compared = taken = differing = 0
    with (sys.stdin if sys.argv[1] == "-" else open(sys.argv[1], encoding="utf-8")) as file:
        for line in file:
            case = json.loads(line)
            compared += "body" in case
            taken += "tokens" in case
            found = difference(case)
            if found:
                differing += 1
                if differing <= 20:
                    print(found)
    print("%d bodies compared with the reference, %d of them taken, %d differ" % (compared, taken, differing))
    return 1 if differing or not taken else 0


if __name__ == "__main__":
    sys.exit(main())
