#!/usr/bin/env python3
"""`make torture-selftest`: plants each cheat in a short run of its own; every one has to be found, by its own name.

A clean short run comes first: a judge that always says no finds nothing either.
"""

import argparse
import subprocess
import sys
import time

from cheats import CHEATS
from run import ROOT, add_binaries

SHORT = ["--minutes", "0.08", "--tenants", "2", "--workstations", "2"]


def run(arguments):
    done = subprocess.run([sys.executable, ROOT + "/Tests/torture/run.py"] + SHORT + arguments, text=True,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=600)
    return done.returncode, done.stdout


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    add_binaries(parser)
    parser.add_argument("--seed", default="1")
    options = parser.parse_args()
    common = ["--binaries", options.binaries, "--seed", options.seed]
    missed = 0
    for name in ["nothing"] + sorted(CHEATS):
        began = time.monotonic()
        wanted = None if name == "nothing" else CHEATS[name][2]
        code, output = run(common + ([] if wanted is None else ["--cheat", name, "--discard", "--patience", "3"]))
        failed = [line.split()[0] for line in output.splitlines() if line[:3] == "  I" and line.split()[1] == "FAIL"]
        is_found = code == 0 if wanted is None else code == 1 and wanted in failed
        missed += not is_found
        print("%-16s %-8s %s (%.0f s)" % (
            name, "ok" if is_found else "MISSED", "clean" if not failed else "FAIL " + " ".join(failed),
            time.monotonic() - began), flush=True)
        if not is_found:
            print(output)
    print("ok" if not missed else "%d MISSED" % missed)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
