#!/usr/bin/env python3
"""Loads the ceiling with `tallybench ingest` and prints what each cost, one line a run.

    measure.py --tallybench FILE [--ceiling FILE] [--runs 3] [--seconds 5] [--no-sync] [--folder DIR] [SHAPE …]

A shape is connections x batches in flight x events a batch, such as 16x4x100. The ceiling runs on the first processor,
the load on the second. The journal is made in DIR, which has to be on the disk that is meant.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, Dict, List

sys.path.insert(0, str(Path(__file__).resolve().parent))

from ceiling_client import ROOT, Ceiling  # noqa: E402

SHAPES = ["16x4x100", "64x16x100", "16x4x1000"]


def run(shape: str, chosen: argparse.Namespace) -> Dict[str, Any]:
    connections, in_flight, events = shape.split("x")
    with tempfile.TemporaryDirectory(dir=chosen.folder) as folder:
        extra = ["--no-sync"] if chosen.no_sync else []
        ceiling = Ceiling(chosen.ceiling, Path(folder), *extra, "--journal-mb", "256")
        os.sched_setaffinity(ceiling.process.pid, {0})
        load = [chosen.tallybench, "ingest", "--connect", "127.0.0.1:%d" % ceiling.port, "--ca", str(ceiling.cert)]
        load += ["--token", "tg_any", "--connections", connections, "--in-flight", in_flight]
        load += ["--events-per-batch", events, "--duration", str(chosen.seconds), "--warm-up", "1"]
        done = subprocess.run(
            load, preexec_fn=lambda: os.sched_setaffinity(0, {1}), text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        counted = ceiling.stop()
    if done.returncode != 0:
        sys.exit("tallybench ended with %d:\n%s" % (done.returncode, done.stdout))
    return counted


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--tallybench", required=True)
    parser.add_argument("--ceiling", type=Path, default=ROOT / ".build" / "ceiling" / "ceiling")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("--no-sync", action="store_true")
    parser.add_argument("--folder")
    parser.add_argument("shapes", nargs="*", default=SHAPES)
    chosen = parser.parse_args()
    print("shape       events/s   CPU ns/event   user  kernel   events/round  body B/event  raw B/event")
    for shape in chosen.shapes:
        for _ in range(chosen.runs):
            it = run(shape, chosen)
            events = max(1, it["events"])
            print(
                "%-10s %9.2f M %10.1f %9.1f %7.1f %12.0f %12.2f %12.2f"
                % (shape, it["events_per_second"] / 1e6, it["cpu_ns_per_event"], it["user_ns_per_event"],
                   it["system_ns_per_event"], events / max(1, it["rounds"]), it["body_bytes"] / events,
                   it["raw_bytes"] / events),
                flush=True,
            )  # fmt: skip


main()
