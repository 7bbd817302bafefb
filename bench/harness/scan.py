"""A workstation's first scan beside a plain read and beside jq, over the same files, turn by turn.

Two mixes: `short`, the generator's own lines, which cost most by the byte, and `long`, with texts eight times as long, so
that lines are as long as real ones. The scan is the shipped one with its spool; every run checks its counts against the
generator's truth.
"""

import os
import shutil
import statistics
import subprocess

from .programs import Failure, load, pinned

MIXES = {"short": 1, "long": 8}
FILES = 'find "$0" -type f -name "*.jsonl" -print0'
READ = FILES + " | xargs -0 cat > /dev/null"
# Some generated lines are damaged, as some real ones are: jq ends at the first unless it takes them as texts.
USAGE = FILES + " | xargs -0 jq -cR 'fromjson? | select(.message.usage?) | .message.usage' > /dev/null"


def children_cpu():
    times = os.times()
    return times.children_user + times.children_system


def shell(bench, script, folder):
    """CPU seconds of all that the script runs."""
    before = children_cpu()
    result = subprocess.run(
        pinned(bench.server_core, ["sh", "-c", script, folder]), stderr=subprocess.PIPE, text=True, timeout=3_600)
    if result.returncode not in (0, 123):
        raise Failure(f"{script} ended with {result.returncode}: {result.stderr.strip()[:300]}")
    return children_cpu() - before


def instructions(bench, folder):
    """Instructions of a scan for each byte, nil where the machine does not count them."""
    if shutil.which("perf") is None:
        return None
    result = subprocess.run(
        pinned(bench.server_core, [
            "perf", "stat", "-x,", "-e", "instructions:u", bench.programs.path("tallybench"), "scan", "--homes", folder,
            "--spool", "--json"]), capture_output=True, text=True, timeout=3_600)
    for line in result.stderr.splitlines():
        fields = line.split(",")
        if len(fields) > 2 and fields[2].startswith("instructions") and fields[0].isdigit():
            return int(fields[0])
    return None


def mix(bench, name):
    folder = os.path.join(bench.base, f"homes-{name}")
    size = bench.size(1 << 30, 2 << 20)
    subprocess.run(
        [bench.programs.path("tallybench"), "scan", "--bytes", str(size), "--text-scale", str(MIXES[name]), "--out",
         folder], check=True, timeout=3_600)
    scans, reads, usages = [], [], []
    for turn in range(bench.size(3, 1)):
        bench.say(f"{name}: turn {turn + 1}")
        scans.append(load(
            bench.programs, "scan", ["--homes", folder, "--spool"], bench.server_core, timeout=3_600))
        reads.append(shell(bench, READ, folder))
        if shutil.which("jq"):
            usages.append(shell(bench, USAGE, folder))
    scan = sorted(scans, key=lambda figures: figures["cpu_mb_per_s"])[len(scans) // 2]
    mb = scan["bytes"] / 1e6

    def rate(seconds):
        return round(mb / max(statistics.median(seconds), 0.001), 1)

    figures = {
        "files": scan["files"], "bytes": scan["bytes"], "events": scan["events"],
        "cpu_mb_per_s": scan["cpu_mb_per_s"], "cpu_mb_per_s_best": max(each["cpu_mb_per_s"] for each in scans),
        "wall_mb_per_s": scan["wall_mb_per_s"], "cpu_s_per_gb": scan["cpu_s_per_gb"],
        "peak_resident_mb": max(each["peak_resident_mb"] for each in scans),
        "peak_private_mb": max(each["peak_private_mb"] for each in scans),
        "cat_cpu_mb_per_s": rate(reads),
        "jq_cpu_mb_per_s": rate(usages) if usages else "not installed: apt-get install jq"}
    if usages:
        figures["times_jq"] = round(figures["cpu_mb_per_s"] / figures["jq_cpu_mb_per_s"], 1)
    # Of the whole process: what it does beside the scan (starting, two plain reads) is in it.
    count = instructions(bench, folder)
    if count is not None:
        figures["process_instructions_per_byte"] = round(count / scan["bytes"], 3)
    shutil.rmtree(folder)
    return {f"{name}_{key}": value for key, value in figures.items()}


def scan(bench):
    figures = {}
    for name in MIXES:
        figures.update(mix(bench, name))
    return figures
