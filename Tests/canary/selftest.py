#!/usr/bin/env python3
"""`make canary-selftest`: plants each leak in a run of its own; every one has to be found, in its own place.

A clean run comes first: a search that always finds something proves nothing either.
"""

import argparse
import os
import subprocess
import sys
import time

from plants import PLANTS
from run import ROOT

WITHIN = 300


def run(arguments):
    done = subprocess.run([sys.executable, os.path.join(ROOT, "Tests", "canary", "run.py"), "--quick"] + arguments,
                          text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          timeout=WITHIN)
    return done.returncode, done.stdout


def failed_places(output):
    """The names of the places that failed because of a leak, not for want of a control."""
    failed, name = set(), None
    for line in output.splitlines():
        words = line.split()
        if line.startswith("  FAIL "):
            name = words[1]
        elif line.startswith("  ok "):
            name = None
        elif name and words[:1] == ["LEAK:"] and "planted leak" in line:
            failed.add(name)
    return failed


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--binaries", default=os.environ.get("TALLY_BINARIES", os.path.join(ROOT, ".build", "release")))
    parser.add_argument("--seed", default="1")
    parser.add_argument("only", nargs="*", help="these leaks only")
    options = parser.parse_args()
    common = ["--binaries", options.binaries, "--seed", options.seed]
    missed = 0
    for name in options.only or ["nothing"] + sorted(PLANTS):
        began = time.monotonic()
        code, output = run(common + ([] if name == "nothing" else ["--plant", name]))
        failed = failed_places(output)
        is_found = code == 0 if name == "nothing" else code == 1 and PLANTS[name].place in failed
        missed += not is_found
        print("%-15s %-7s %s (%.0f s)" % (
            name, "ok" if is_found else "MISSED", "clean" if code == 0 else "found in " + ", ".join(sorted(failed)),
            time.monotonic() - began), flush=True)
        if not is_found:
            print(output)
    print("ok" if not missed else "%d MISSED" % missed)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
