#!/usr/bin/env python3
"""The bound that SPEC.md publishes is the one that its own tables give."""

import itertools
import math
import os
import re
import sys
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)

import hidden_bits  # noqa: E402
from tallygate.schema import COLUMNS, KIND_RULES, RELATIONS, is_label  # noqa: E402


def section() -> str:
    with open(os.path.join(HERE, "..", "SPEC.md"), encoding="utf-8") as file:
        text = file.read()
    return text[text.index("\n## 9 ") :]


class Bound(unittest.TestCase):
    def test_section_9_says_what_the_schema_gives(self):
        self.assertIn("\n\n" + hidden_bits.markdown() + "\n\n", section())

    def test_no_figure_of_section_9_stands_outside_the_table(self):
        prose = re.sub(r"\| .*|`[^`]*`|TG-[0-9-]+|[Ss]ections? [0-9]", "", section().split("\n", 2)[2])
        self.assertEqual(re.findall(r"[0-9][0-9,.]+", prose), [])

    def test_the_table_moves_with_the_schema(self):
        before = hidden_bits.markdown()
        column = next(c for c in COLUMNS if c.name == "tool_calls")
        column.most += 1
        try:
            self.assertNotEqual(hidden_bits.events(), 0)
            more = math.log2(hidden_bits.events(names=False))
        finally:
            column.most -= 1
        self.assertGreater(more, math.log2(hidden_bits.events(names=False)))
        self.assertEqual(hidden_bits.markdown(), before)


class Counting(unittest.TestCase):
    def test_labels_are_counted_by_the_pattern(self):
        first = [byte for byte in range(256) if is_label(bytes([byte]))]
        later = [byte for byte in range(256) if is_label(bytes([first[0], byte]))]
        self.assertEqual((len(first), len(later)), (hidden_bits.LABEL_FIRST, hidden_bits.LABEL_LATER))
        self.assertTrue(all(is_label(bytes([a, b])) for a in first for b in later))
        self.assertEqual(hidden_bits.labels() % hidden_bits.LABEL_LATER, hidden_bits.LABEL_FIRST % hidden_bits.LABEL_LATER)

    def test_two_counts_of_which_one_bounds_the_other(self):
        for most in range(6):
            tried = sum(low <= high for low, high in itertools.product(range(most + 1), repeat=2))
            self.assertEqual(hidden_bits.pairs(most), tried)

    def test_values_are_those_that_the_codec_takes(self):
        for column in COLUMNS:
            if column.type == "enum":
                taken = [number for number in range(1 << column.bits) if column.in_range(number)]
                self.assertEqual(hidden_bits.values(column, False), len(taken), column.name)
                self.assertEqual(hidden_bits.values(column, True), len([n for n in taken if n]), column.name)
            elif column.type not in ("id16", "label"):
                self.assertFalse(column.in_range(column.most + 1))
                self.assertTrue(column.in_range(column.most))
                self.assertEqual(hidden_bits.values(column, True), column.most - max(column.least, 1) + 1, column.name)

    def test_every_column_that_a_kind_may_have_is_counted_once(self):
        for kind, (required, forbidden) in KIND_RULES.items():
            total = 1
            for column in COLUMNS[1:]:
                if column.id not in forbidden:
                    total *= hidden_bits.values(column, column.id in required)
            for low, high in RELATIONS:
                if low not in forbidden:
                    most = next(c.most for c in COLUMNS if c.id == high)
                    total = total // (most + 1) ** 2 * hidden_bits.pairs(most)
            self.assertEqual(hidden_bits.rows(kind, True, True), total)
            self.assertEqual(hidden_bits.rows(kind, True, False) * hidden_bits.rows(kind, False, True), total)

    def test_strings_are_counted(self):
        for least, most in itertools.combinations_with_replacement(range(4), 2):
            self.assertEqual(hidden_bits.strings(least, most), sum(256**n for n in range(least, most + 1)))

    def test_rounding_never_says_less(self):
        for bits in (0.0, 1.0, 1.01, 1.1, 370.16, 524300.0056):
            self.assertGreaterEqual(hidden_bits.up(bits) + 1e-6, bits)
            self.assertLess(hidden_bits.up(bits) - bits, 0.1)


if __name__ == "__main__":
    unittest.main()
