#!/usr/bin/env python3
"""Checks an implementation of the Tallygate wire against the vectors and against this one.

    conformance.py                                      run every vector of ../vectors
    conformance.py --check FILE                         compare a file of batches written by another implementation
    conformance.py --generate FILE --seed S --count N   write such a file from random rows
    conformance.py --damage FILE --seed S --count N     write one of damaged bodies, and how each is refused

A file of batches holds records: a u32 length, little-endian, and that many bytes of JSON, a case as in
``vectors/valid-*.json``.
"""

import argparse
import glob
import json
import os
import random
import struct
import sys
from typing import Any, Dict, Iterator, List, Optional

from tallygate import batch, body, chain, frames, lz4, story, times
from tallygate.schema import Refusal, dump

VECTORS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "vectors")


class Tally:
    """Counts, and the first few differences in full."""

    def __init__(self, shown: int = 10) -> None:
        self.passed = self.failed = 0
        self.shown = shown

    def add(self, name: str, differences: List[str]) -> None:
        if not differences:
            self.passed += 1
            return
        self.failed += 1
        if self.failed <= self.shown:
            for line in differences:
                print("%s: %s" % (name, line))


def compare(what: str, given: Any, own: Any) -> List[str]:
    if given == own:
        return []
    return ["%s differs\n  given %s\n  own   %s" % (what, _short(given), _short(own))]


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else dump(value)
    return text if len(text) <= 2000 else text[:2000] + "…"


# ------------------------------------------------------------------------------------------------- valid batches


def check_valid(case: Dict[str, Any]) -> List[str]:
    rows = case["rows"]
    count = len(rows)
    columns = body.columns_of_rows(rows)
    raw = bytes.fromhex(case["raw"])
    before = int(case["chain_before"], 16)
    tokens, reported = body.totals(columns)
    out = compare("raw", case["raw"], body.encode(columns, count).hex())
    out += compare("chain_after", case["chain_after"], "%016x" % chain.after(columns, count, before))
    out += compare("control_tokens", case["control_tokens"], tokens)
    out += compare("reported_nano_usd", case["reported_nano_usd"], reported)
    if case.get("chain_zero"):
        out += compare("chain_before", case["chain_before"], "%016x" % chain.zero(bytes.fromhex(case["stream"])))
    try:
        decoded = body.decode(raw, count)
        if decoded != columns:
            out += compare("rows", rows, body.rows_of_columns(decoded, count)) or ["columns differ"]
    except Refusal as refusal:
        out.append("raw is refused: %s" % refusal)
    if "lz4" in case:
        try:
            out += compare("lz4", case["raw"], lz4.decompress(bytes.fromhex(case["lz4"]), len(raw), count).hex())
        except Refusal as refusal:
            out.append("lz4 is refused: %s" % refusal)
    return out


# -------------------------------------------------------------------------------------------------- record files


def read_records(path: str) -> Iterator[Dict[str, Any]]:
    with open(path, "rb") as file:
        while True:
            prefix = file.read(4)
            if not prefix:
                return
            if len(prefix) < 4:
                raise ValueError("the file ends within a length")
            (length,) = struct.unpack("<I", prefix)
            text = file.read(length)
            if len(text) < length:
                raise ValueError("the file ends within a record")
            yield json.loads(text)


def check_file(path: str, tally: Tally) -> None:
    try:
        for number, case in enumerate(read_records(path)):
            name = "record %d %s" % (number, case.get("name", ""))
            try:
                tally.add(name.rstrip(), check_valid(case))
            except (KeyError, ValueError, TypeError) as error:
                tally.add(name.rstrip(), ["not a case: %r" % (error,)])
    except ValueError as error:
        tally.add(path, [str(error)])
    if not tally.passed + tally.failed:
        tally.add(path, ["no records"])


def make_case(
    name: str,
    rows: List[body.Row],
    stream: bytes,
    before: int,
    compressed: bool = False,
    requirement: Optional[str] = None,
) -> Dict[str, Any]:
    columns = body.columns_of_rows(rows)
    count = len(rows)
    raw = body.encode(columns, count)
    tokens, reported = body.totals(columns)
    case: Dict[str, Any] = {"name": name}
    if requirement:
        case["requirement"] = requirement
    case.update(
        rows=rows,
        stream=stream.hex(),
        chain_before="%016x" % before,
        raw=raw.hex(),
        chain_after="%016x" % chain.after(columns, count, before),
        control_tokens=tokens,
        reported_nano_usd=reported,
    )
    if compressed:
        case["lz4"] = lz4.compress(raw).hex()
    return case


def generate(path: str, seed: int, count: int) -> None:
    from tallygate.random_rows import random_rows

    random_source = random.Random(seed)
    stream, before = b"", 0
    with open(path, "wb") as file:
        for number in range(count):
            if number % 50 == 0:  # a new stream now and then, so that chain(0) is compared too
                stream = random_source.getrandbits(128).to_bytes(16, "big")
                before = chain.zero(stream)
            case = make_case("random %d" % number, random_rows(random_source), stream, before, True)
            if number % 50 == 0:
                case["chain_zero"] = True
            before = int(case["chain_after"], 16)
            text = dump(case).encode("utf-8")
            file.write(struct.pack("<I", len(text)) + text)


def damage(path: str, seed: int, count: int) -> None:
    from tallygate.damage import damaged_case

    random_source = random.Random(seed)
    with open(path, "wb") as file:
        for number in range(count):
            text = dump(damaged_case(random_source, "damaged %d" % number)).encode("utf-8")
            file.write(struct.pack("<I", len(text)) + text)


# ------------------------------------------------------------------------------------------------------- vectors


def check_invalid(case: Dict[str, Any]) -> List[str]:
    count = case["count"]
    try:
        raw = bytes.fromhex(case["lz4"] if "lz4" in case else case["raw"])
        if "lz4" in case:
            raw = lz4.decompress(raw, case["raw_bytes"], count)
        body.decode(raw, count)
    except Refusal as refusal:
        out = compare(
            "refusal", [case["reason"], case["field"], case["index"]], [refusal.reason, refusal.field, refusal.index]
        )
        return out + (compare("run", case["run"], refusal.run) if "run" in case else [])
    return ["is accepted"]


def check_batch(case: Dict[str, Any]) -> List[str]:
    expected = {key: case[key] for key in ("accepted", "reason", "field", "index", "run") if key in case}
    try:
        batch.check(frames.decode(bytes.fromhex(case["bytes"]), "open", "gateway"), int(case["chain_before"], 16))
        own: Dict[str, Any] = {"accepted": True}
    except Refusal as refusal:
        own = {"reason": refusal.reason, "field": refusal.field, "index": refusal.index, "run": refusal.run}
    except frames.FrameError as error:
        return ["is no frame: %s" % error]
    return compare("outcome", expected, own)


def check_frame(case: Dict[str, Any]) -> List[str]:
    try:
        own = frames.decode(bytes.fromhex(case["bytes"]), case["phase"], case["to"])
    except frames.FrameError as error:
        return compare("outcome", case.get("error", case.get("frame")), error.reason)
    if "error" in case:
        return ["is accepted"]
    return compare("frame", case["frame"], own) + compare("bytes", case["bytes"], frames.encode(case["frame"]).hex())


def check_story(case: Dict[str, Any]) -> List[str]:
    follower = story.Follower()
    steps = [step["frame"] for step in case["steps"]]
    for number, step in enumerate(case["steps"]):
        frame = step["frame"]
        to = "gateway" if step["from"] == "workstation" else "workstation"
        phase = "hello" if frame["type"] == "HELLO" else "open"
        out = check_frame({"bytes": step["bytes"], "frame": frame, "phase": phase, "to": to})
        if not out:
            difference = follower.follow(frame, steps[number + 1 :])
            out = [difference] if difference else []
        if out:
            return ["step %d, %s: %s" % (number, frame["type"], line) for line in out]
    return []


def check_time(case: Dict[str, Any]) -> List[str]:
    offset = int(case["offset_ms"])
    if "obeyed" in case:
        return compare("obeyed", case["obeyed"], times.is_obeyed(offset))
    received = int(case["received_ms"])
    if "effective_ms" in case:
        own_ms = times.effective(int(case["time_ms"]), received, offset)
        return compare("effective_ms", int(case["effective_ms"]), own_ms)
    rows = [int(row) for row in case["times"]]
    refusal = times.check_age(rows, received, offset, int(case["oldest_ms"]), case["trusted"])
    expected = {key: case[key] for key in ("accepted", "reason", "field", "index", "run") if key in case}
    own: Dict[str, Any] = {"accepted": True}
    if refusal:
        own = {"reason": refusal.reason, "field": refusal.field, "index": refusal.index, "run": refusal.run}
    return compare("outcome", expected, own)


CHECKS = {
    "valid": check_valid,
    "invalid": check_invalid,
    "batches": check_batch,
    "frames": check_frame,
    "stories": check_story,
    "times": check_time,
}


def run_vectors(tally: Tally, folder: str = VECTORS) -> None:
    for path in sorted(glob.glob(os.path.join(folder, "*.json"))):
        file = os.path.basename(path)
        check = CHECKS[file.split("-")[0]]
        with open(path, encoding="utf-8") as opened:
            cases = json.load(opened)
        before = tally.passed
        for case in cases:
            tally.add("%s: %s" % (file, case["name"]), check(case))
        print("%-28s %5d of %d" % (file, tally.passed - before, len(cases)))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--check", metavar="FILE")
    parser.add_argument("--generate", metavar="FILE")
    parser.add_argument("--damage", metavar="FILE")
    parser.add_argument("--seed", type=int)
    parser.add_argument("--count", type=int, default=1000)
    options = parser.parse_args()
    if options.generate or options.damage:
        seed = random.SystemRandom().getrandbits(32) if options.seed is None else options.seed
        (damage if options.damage else generate)(options.damage or options.generate, seed, options.count)
        print("%d batches, seed %d" % (options.count, seed))
        return 0
    tally = Tally()
    if options.check:
        check_file(options.check, tally)
    else:
        run_vectors(tally)
    print("%d passed, %d failed" % (tally.passed, tally.failed))
    return 1 if tally.failed else 0


if __name__ == "__main__":
    sys.exit(main())
