"""The standard workloads: make bench [WORKLOAD=name] [SECONDS=n] [JSON=1].

Starts a gateway on a fresh folder for each, loads it, verifies it, and writes the figures to bench/runs/. With --json the
last line printed is one object; of several workloads, one that holds them by name.
"""

import argparse
import json
import os
import platform
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from harness.programs import ROOT, Failure, Programs, cores  # noqa: E402
from harness.workloads import WORKLOADS, Bench  # noqa: E402

HEADLINES = [
    "events", "events_per_second", "server_cpu_ns_per_event", "server_cpu_us_per_batch", "ack_p50_us", "ack_p99_us",
    "wire_bytes_per_event"]


def machine():
    model = "unknown processor"
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            model = next(line.split(":", 1)[1].strip() for line in file if line.startswith("model name"))
    except (OSError, StopIteration):
        pass
    return {
        "processor": model, "cores": len(os.sched_getaffinity(0)), "kernel": platform.release(),
        "load_before": round(os.getloadavg()[0], 2)}


def commit():
    result = subprocess.run(
        ["git", "describe", "--always", "--dirty"], cwd=ROOT, capture_output=True, text=True)
    return result.stdout.strip() or "unknown"


def run(name, programs, options):
    say = (lambda text: None) if options.quiet else (lambda text: print(f"  {text}", file=sys.stderr, flush=True))
    bench = Bench(programs, cores(), options.seconds, options.small, say)
    try:
        started = time.time()
        figures = {"workload": name}
        figures.update(WORKLOADS[name](bench))
        figures["workload"] = name
        figures["machine"] = machine()
        figures["commit"] = commit()
        figures["at"] = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(started))
        figures["command"] = f"make bench WORKLOAD={name} SECONDS={options.seconds}"
        figures["took_seconds"] = round(time.time() - started, 1)
        return figures
    finally:
        bench.close()


def keep(figures):
    folder = os.path.join(ROOT, "bench", "runs")
    os.makedirs(folder, exist_ok=True)
    stamp = figures["at"].replace(":", "").replace("-", "")
    path = os.path.join(folder, f"{stamp}-{figures['workload']}.json")
    with open(path, "w", encoding="utf-8") as file:
        json.dump(figures, file, indent=1)
        file.write("\n")
    return os.path.relpath(path, ROOT)


def show(figures):
    print(f"\n{figures['workload']}")
    names = [name for name in HEADLINES if figures.get(name) is not None]
    names += [
        name for name, value in figures.items()
        if name not in names and name not in ("machine", "workload", "command", "commit", "at")
        and not isinstance(value, (dict, list))]
    for name in names:
        value = figures[name]
        print(f"  {name:<38} {value:,}" if isinstance(value, (int, float)) and not isinstance(value, bool)
              else f"  {name:<38} {value}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("workloads", nargs="*", metavar="WORKLOAD", help=f"of {', '.join(WORKLOADS)}; default all")
    parser.add_argument("--seconds", type=int, default=10, help="of each measurement")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--small", action="store_true", help="every step at a size that says nothing: a smoke test")
    parser.add_argument("--quiet", action="store_true")
    parser.add_argument("--binaries", default=os.path.join(".build", "release"))
    options = parser.parse_args()
    unknown = [name for name in options.workloads if name not in WORKLOADS]
    if unknown:
        parser.error(f"no workload is called {', '.join(unknown)}; there are {', '.join(WORKLOADS)}")
    if options.seconds < 1:
        parser.error("--seconds is 1 or more")
    # Ended from outside it still ends what it started.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    results, failed = {}, []
    for name in options.workloads or WORKLOADS:
        try:
            results[name] = run(name, Programs(options.binaries), options)
        except Failure as failure:
            print(f"{name}: {failure}", file=sys.stderr, flush=True)
            failed.append(name)
            continue
        show(results[name])
        if not options.small:
            print(f"  written to {keep(results[name])}", flush=True)
    if options.json:
        print(json.dumps(next(iter(results.values())) if len(results) == 1 else results))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
