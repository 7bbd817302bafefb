"""The coverage's judge and the table of figures, without a compiler."""

import contextlib
import io
import json
import multiprocessing
import os
import sys
import tempfile
import unittest
from typing import Dict, List, Tuple

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.dont_write_bytecode = True

import run  # noqa: E402
import verdicts  # noqa: E402

LCOV = """SF:%s
DA:1,5
DA:2,0
DA:3,0
end_of_record
SF:/elsewhere/Other.swift
DA:1,0
end_of_record
"""


class JudgeTests(unittest.TestCase):
    def judge(self, counts: Dict[int, int], reasons: Dict[Tuple[str, str], bool]) -> Tuple[int, str]:
        path = "Sources/TallyWire/Frame.swift"
        saved = run.explained, run.source_lines, run.COVERED_PERCENT_MIN
        run.explained = lambda: dict(reasons)
        run.source_lines = lambda _: ["let a = 1", "fatal()", "}"]
        run.COVERED_PERCENT_MIN = 30.0
        output = io.StringIO()
        try:
            with contextlib.redirect_stdout(output):
                status = run.judge({path: counts})
        finally:
            run.explained, run.source_lines, run.COVERED_PERCENT_MIN = saved
        return status, output.getvalue()

    def test_a_line_that_is_not_reached_needs_a_reason(self) -> None:
        status, said = self.judge({1: 5, 2: 0, 3: 0}, {})
        self.assertEqual(status, 1)
        self.assertIn("Frame.swift:2 is not reached", said)
        self.assertNotIn("Frame.swift:3", said)

    def test_a_reason_is_enough(self) -> None:
        self.assertEqual(self.judge({1: 5, 2: 0, 3: 0}, {("Sources/TallyWire/Frame.swift", "fatal()"): False})[0], 0)

    def test_a_reason_for_what_is_reached_is_stale(self) -> None:
        status, said = self.judge({1: 5, 2: 1, 3: 1}, {("Sources/TallyWire/Frame.swift", "fatal()"): False})
        self.assertEqual(status, 1)
        self.assertIn("names a line that is reached", said)

    def test_too_few_lines_fail_whatever_the_reasons(self) -> None:
        reasons = {("Sources/TallyWire/Frame.swift", text): False for text in ("let a = 1", "fatal()")}
        status, said = self.judge({1: 0, 2: 0, 3: 0}, reasons)
        self.assertEqual(status, 1)
        self.assertIn("that is below", said)

    def test_only_the_two_modules_are_looked_at(self) -> None:
        own = os.path.join(run.ROOT, "Sources", "TallyWire", "Frame.swift")
        self.assertEqual(run.lines_of(LCOV % own), {"Sources/TallyWire/Frame.swift": {1: 5, 2: 0, 3: 0}})

    def test_a_reason_must_be_given(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            with open(os.path.join(folder, "uncovered.txt"), "w", encoding="utf-8") as file:
                file.write("# a comment\n\na.swift | let b\n")
            saved, run.FUZZ = run.FUZZ, folder
            try:
                with self.assertRaises(SystemExit):
                    run.explained()
            finally:
                run.FUZZ = saved


def keep_all(folder: str, names: List[str]) -> None:
    run.WORK = folder
    for name in names:
        run.keep({
            "target": name, "executions": 1, "per_second": 1, "edges": 1, "minutes": 1, "findings": [],
            "date": "2026-01-01", "machine": "m",
        })


class ResultTests(unittest.TestCase):
    def test_results_of_fuzzers_that_end_together_are_all_kept(self) -> None:
        names = sorted(run.TARGETS)
        with tempfile.TemporaryDirectory() as folder:
            processes = [
                multiprocessing.Process(target=keep_all, args=(folder, names[place::3] * 20)) for place in range(3)]
            for process in processes:
                process.start()
            for process in processes:
                process.join(60)
                self.assertEqual(process.exitcode, 0)
            with open(os.path.join(folder, "results.json"), encoding="utf-8") as file:
                self.assertEqual(sorted(json.load(file)), names)
            with open(os.path.join(folder, "results.md"), encoding="utf-8") as file:
                self.assertEqual(len(file.readlines()), len(names) + 2)


class VerdictTests(unittest.TestCase):
    def test_what_the_reference_takes_may_not_be_refused(self) -> None:
        case = {"name": "a", "count": 1, "raw_bytes": 0, "lz4": False, "body": ""}
        own = verdicts.own(case)
        self.assertIsNone(verdicts.difference({**case, **own}))
        self.assertIn("the reference says", verdicts.difference({**case, **own, "field": 9}) or "")
        self.assertIn("the reference says", verdicts.difference({**case, "tokens": 0, "reported": 0}) or "")


if __name__ == "__main__":
    unittest.main()
