#!/usr/bin/env python3
"""Keeps docs/THREAT_MODEL.md true: it may name no test that is not there, and no threat without a proof."""

import os
import re
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PAGE = os.path.join(ROOT, "docs", "THREAT_MODEL.md")
ARRIVING = "## Tests that arrive with other work"


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def display_names():
    """Of every Swift test."""
    names = set()
    for folder, _, files in os.walk(os.path.join(ROOT, "Tests")):
        for file in files:
            if file.endswith(".swift"):
                names |= set(re.findall(r'@Test\(\s*"([^"]+)"', read(os.path.join(folder, file))))
    return names


def cells(line):
    return [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]


def arriving(text):
    """Paths that the page says are to come."""
    rows = [cells(line) for line in text[text.index(ARRIVING) :].split("\n") if line.startswith("| `")]
    return [row[0].strip("`") for row in rows]


def threats(text):
    return [cells(line) for line in text.split("\n") if re.match(r"\| T\d+ \|", line)]


def paths_of(cell):
    """What stands in backticks and not in the name of a test."""
    return re.findall(r"`([^`]+)`", re.sub(r'"[^"]+"', "", cell))


def faults(text, names, exists=lambda path: os.path.exists(os.path.join(ROOT, path))):
    """What of the page is not so."""
    out, later = [], arriving(text)
    for row in threats(text):
        if len(row) != 4:
            out.append("%s has %d cells, not 4" % (row[0], len(row)))
            continue
        quoted, paths = re.findall(r'"([^"]+)"', row[3]), paths_of(row[3])
        out += ["%s names no test: %s" % (row[0], name) for name in quoted if name not in names]
        out += ["%s names no file: %s" % (row[0], path) for path in paths if not exists(path) and path not in later]
        if not quoted and not [path for path in paths if exists(path)]:
            out.append("%s is proved by nothing that is here" % row[0])
    numbers = [row[0] for row in threats(text)]
    if numbers != ["T%d" % number for number in range(1, len(numbers) + 1)]:
        out.append("the threats are not numbered one by one")
    named = set(paths_of("\n".join(row[-1] for row in threats(text))))
    for path in later:
        if exists(path):
            out.append("%s is here: take its row out of \"%s\"" % (path, ARRIVING[3:]))
        if path not in named:
            out.append("%s is to come and proves nothing" % path)
    return out


class ThreatModel(unittest.TestCase):
    # T43 rests on the canary alone, which is to come.
    TO_COME = {"T43 is proved by nothing that is here"}

    def test_every_test_that_it_names_is_there_and_every_threat_has_one(self):
        text, names = read(PAGE), display_names()
        self.assertGreater(len(names), 300)
        self.assertGreater(len(threats(text)), 40)
        expected = self.TO_COME if "Tests/canary/run.py" in arriving(text) else set()
        self.assertEqual(set(faults(text, names)), expected)

    def test_a_test_that_is_not_there_is_found(self):
        text, names = read(PAGE), display_names()
        quoted = sorted({name for row in threats(text) for name in re.findall(r'"([^"]+)"', row[3])})
        for name in quoted[::10]:
            self.assertTrue(any(name in fault for fault in faults(text, names - {name})), name)
        gone = "Tests/tls/posture.py"
        wrong = faults(text, names, lambda path: path != gone and os.path.exists(os.path.join(ROOT, path)))
        self.assertTrue(any(gone in fault for fault in wrong))

    def test_a_test_that_has_come_must_leave_the_list(self):
        text = '| T1 | a | b | `x.py` |\n' + ARRIVING + '\n| `x.py` | c |\n'
        self.assertEqual(faults(text, set(), lambda path: False), ["T1 is proved by nothing that is here"])
        self.assertEqual(
            faults(text, set(), lambda path: True), ['x.py is here: take its row out of "%s"' % ARRIVING[3:]])
        self.assertEqual(len(faults(text.replace("| `x.py` | c |", "| `y.py` | c |"), set(), lambda path: False)), 3)

    def test_assets_actors_boundaries_and_residual_risks_are_there(self):
        text = read(PAGE)
        for heading in ("## Assets", "## Actors", "## Boundaries", "## Threats", "## Residual risks"):
            self.assertIn("\n%s\n" % heading, text)
        self.assertGreaterEqual(len(re.findall(r"^\| R\d+ \|", text, re.M)), 8)
        for boundary in range(1, 8):
            self.assertRegex(text, r"\n### .*B%d" % boundary)


class Security(unittest.TestCase):
    def test_the_page_for_reports_promises_an_answer_and_names_an_address(self):
        text = read(os.path.join(ROOT, "SECURITY.md"))
        self.assertRegex(text, r"\S+@\S+\.\S+")
        self.assertRegex(" ".join(text.split()), r"within two business days")
        self.assertIn("docs/THREAT_MODEL.md", text)
        self.assertEqual([line for line in text.split("\n") if len(line) > 120], [])


if __name__ == "__main__":
    unittest.main()
