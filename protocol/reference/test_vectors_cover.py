#!/usr/bin/env python3
"""Every rule of SPEC.md has a vector that keeps it and one that breaks it, or a written reason for having none."""

import os
import sys
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)

import vector_coverage  # noqa: E402


class Coverage(unittest.TestCase):
    def test_every_requirement_is_accepted_and_refused_by_some_vector(self):
        self.assertGreater(len(vector_coverage.requirements()), 40)
        self.assertEqual(vector_coverage.faults(vector_coverage.counts()), [])

    def test_a_requirement_without_its_vectors_is_found(self):
        found = vector_coverage.counts()
        for name in vector_coverage.requirements():
            for way in vector_coverage.WAYS:
                rest = {key: count for key, count in found.items() if key != (name, way)}
                expected = ["%s has no vector to %s" % (name, way)] if (name, way) in found else []
                self.assertEqual(vector_coverage.faults(rest), expected)

    def test_a_reason_beside_a_vector_and_a_name_that_is_none_are_found(self):
        found = vector_coverage.counts()
        reasons = dict(vector_coverage.REASONS)
        reasons["TG-2-1", "accept"] = "none"
        self.assertEqual(
            vector_coverage.faults(found, reasons), ["TG-2-1 has a vector to accept and a reason for having none"])
        found["TG-9-9", "accept"] = 1
        self.assertEqual(vector_coverage.faults(found), ["TG-9-9 is no requirement of SPEC.md"])

    def test_the_document_lists_what_has_no_vector(self):
        with open(os.path.join(HERE, "..", "CONFORMANCE.md"), encoding="utf-8") as file:
            self.assertIn("\n" + vector_coverage.missing() + "\n", file.read())

    def test_a_refused_session_is_told_from_one_that_is_not(self):
        def story(side, kind):
            return {"steps": [{"from": side, "frame": {"type": kind}}]}

        self.assertEqual(vector_coverage.way("stories-all.json", story("gateway", "REJECT")), "refuse")
        self.assertEqual(vector_coverage.way("stories-all.json", story("gateway", "ACK")), "accept")
        self.assertEqual(vector_coverage.way("times-all.json", {"obeyed": False}), "refuse")
        self.assertEqual(vector_coverage.way("times-all.json", {"obeyed": True}), "accept")
        self.assertEqual(vector_coverage.way("frames-invalid.json", {"error": "PROTOCOL"}), "refuse")


if __name__ == "__main__":
    unittest.main()
