#!/usr/bin/env python3
"""Builds and runs the fuzzers: `make fuzz`, `make fuzz-all`, `make fuzz-coverage` and `make fuzz-merge`.

    run.py fuzz TARGET --duration 60    one target under libFuzzer and the address sanitizer
    run.py all --duration 1800          every target, as many at once as --jobs says
    run.py coverage                     which lines of wire and protocol the corpus reaches, against uncovered.txt
    run.py merge [TARGET]               what was found goes into fuzz/corpus, as few files as reach the same

Everything that a run writes lies in .build/fuzz: the growing corpora, inputs of findings, results.json and results.md.
"""

import argparse
import concurrent.futures
import datetime
import fcntl
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import time
from typing import Any, Dict, List, Optional, Tuple

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
FUZZ = os.path.join(ROOT, "fuzz")
WORK = os.path.join(ROOT, ".build", "fuzz")
SWIFT = os.environ.get("SWIFT", "swift")
FLAGS = ["--explicit-target-dependency-import-check", "error"]
TARGETS = {  # and the longest input that libFuzzer makes
    "frame": 1024, "batch": 1024, "lz4": 512, "gateway": 512, "workstation": 512, "log": 2048, "transcript": 2048,
    "http": 9000, "otlp": 2048, "config": 512, "prices": 2048,
}
COVERED = ("Sources/TallyWire/", "Sources/TallyProtocol/")
COVERED_PERCENT_MIN = 98.0


def build(product: str, scratch: str, extra: List[str], environment: Optional[Dict[str, str]] = None) -> str:
    """Builds one product; where its executable is."""
    command = [SWIFT, "build", "--product", product, "--scratch-path", os.path.join(ROOT, scratch), *FLAGS, *extra]
    variables = {**os.environ, **(environment or {})}
    subprocess.run(command, cwd=ROOT, env=variables, check=True)
    place = subprocess.run(
        [*command, "--show-bin-path"], cwd=ROOT, env=variables, check=True, capture_output=True, text=True
    ).stdout.strip()
    return os.path.join(place, product)


def fuzzer() -> str:
    # The package manager names the two apart and the compiler keeps the first alone: without the third flag nothing is
    # instrumented for libFuzzer, which then says so and finds little.
    extra = ["-c", "release", "--sanitize", "fuzzer", "--sanitize", "address", "-Xswiftc", "-sanitize=fuzzer,address"]
    return build("fuzzdriver", ".build-fuzz", extra, {"TALLY_FUZZ": "1"})


def replayer(scratch: str = ".build-fuzzreplay", extra: Tuple[str, ...] = ()) -> str:
    return build("fuzzreplay", scratch, list(extra))


def variables(target: str) -> Dict[str, str]:
    # The backtracer would hang in a process that the sanitizer ends; leaks are the toolchain's own at exit.
    return {
        **os.environ, "TALLY_FUZZ_TARGET": target, "SWIFT_BACKTRACE": "enable=no",
        "ASAN_OPTIONS": "detect_leaks=0:abort_on_error=1:handle_sigill=1",
    }


def seeds() -> str:
    place = os.path.join(WORK, "seeds")
    shutil.rmtree(place, ignore_errors=True)
    subprocess.run(
        [sys.executable, os.path.join(FUZZ, "seeds.py"), place], check=True, stdout=subprocess.DEVNULL)
    return place


def folders(target: str) -> List[str]:
    """Where the inputs of a target are: the growing corpus first, into which libFuzzer writes."""
    growing = os.path.join(WORK, "corpus", target)
    os.makedirs(growing, exist_ok=True)
    others = [os.path.join(FUZZ, "corpus", target), os.path.join(FUZZ, "regressions", target),
              os.path.join(WORK, "seeds", target)]
    return [growing] + [folder for folder in others if os.path.isdir(folder)]


def run(driver: str, target: str, duration: int) -> Dict[str, Any]:
    """One target for `duration` seconds: its figures, and the input of a finding if there is one."""
    findings = os.path.join(WORK, "findings", target)
    os.makedirs(findings, exist_ok=True)
    before = set(os.listdir(findings))
    dictionary = os.path.join(FUZZ, "dictionaries", target + ".dict")
    command = [
        driver, *folders(target), "-max_total_time=%d" % duration, "-max_len=%d" % TARGETS[target], "-timeout=10",
        "-rss_limit_mb=4096", "-print_final_stats=1", "-artifact_prefix=" + findings + os.sep, "-reload=0",
    ]
    if os.path.exists(dictionary):
        command.append("-dict=" + dictionary)
    started = time.monotonic()
    log = os.path.join(WORK, target + ".log")
    with open(log, "wb") as file:
        process = subprocess.run(command, stdout=file, stderr=subprocess.STDOUT, env=variables(target), cwd=WORK)
    with open(log, encoding="utf-8", errors="replace") as file:
        text = file.read()
    seconds = time.monotonic() - started
    executed = _last(r"stat::number_of_executed_units: (\d+)", text) or _last(r"#(\d+)\s", text)
    new = sorted(set(os.listdir(findings)) - before)
    return {
        "target": target, "executions": executed, "per_second": round(executed / seconds) if seconds else 0,
        "edges": _last(r"cov: (\d+)", text), "features": _last(r"ft: (\d+)", text),
        "corpus": len(os.listdir(os.path.join(WORK, "corpus", target))), "minutes": round(seconds / 60, 1),
        "findings": new, "status": process.returncode, "date": datetime.date.today().isoformat(),
        "machine": machine(), "log": os.path.relpath(log, ROOT),
    }


def _last(pattern: str, text: str) -> int:
    found = re.findall(pattern, text)
    return int(found[-1]) if found else 0


def machine() -> str:
    return "%s, %d cores" % (platform.machine(), os.cpu_count() or 0)


def report(result: Dict[str, Any]) -> bool:
    """Prints a result and keeps it; whether it is without a finding."""
    print(
        "%(target)s: %(executions)d executions in %(minutes)s minutes, %(per_second)d a second, %(edges)d edges, "
        "%(features)d features" % result)
    keep(result)
    if result["status"] == 0 and not result["findings"]:
        return True
    for name in result["findings"]:
        path = os.path.join(".build", "fuzz", "findings", result["target"], name)
        print("  FINDING: swift run fuzzreplay %s %s" % (result["target"], path))
    print("  ended with %d; what was said stands in %s" % (result["status"], result["log"]))
    return False


def keep(result: Dict[str, Any]) -> None:
    """Puts a result beside those that others keep, perhaps at this moment."""
    path = os.path.join(WORK, "results.json")
    with open(path + ".lock", "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        results: Dict[str, Any] = {}
        if os.path.exists(path):
            with open(path, encoding="utf-8") as file:
                results = json.load(file)
        results[result["target"]] = result
        replace(path, json.dumps(results, indent=1))
        replace(os.path.join(WORK, "results.md"), table(results))


def replace(path: str, text: str) -> None:
    """Leaves the old file or the new, whole, whenever somebody ends us."""
    with open(path + ".new", "w", encoding="utf-8") as file:
        file.write(text)
    os.replace(path + ".new", path)


def table(results: Dict[str, Any]) -> str:
    lines = [
        "| target | executions | a second | edges | minutes | findings | date | machine |",
        "|---|--:|--:|--:|--:|--:|---|---|",
    ]
    for name in TARGETS:
        if name in results:
            one = results[name]
            lines.append("| `%s` | %s | %s | %s | %s | %d | %s | %s |" % (
                name, format(one["executions"], ","), format(one["per_second"], ","), format(one["edges"], ","),
                one["minutes"], len(one["findings"]), one["date"], one["machine"]))
    return "\n".join(lines) + "\n"


def verdicts() -> bool:
    """Whether the reference says the same of every body that the fuzzer has kept."""
    program = replayer()
    lines = os.path.join(WORK, "verdicts.jsonl")
    with open(lines, "wb") as file:
        subprocess.run([program, "batch", *folders("batch"), "--verdicts"], check=True, stdout=file)
    return subprocess.run([sys.executable, os.path.join(FUZZ, "verdicts.py"), lines]).returncode == 0


def fuzz(names: List[str], duration: int, jobs: int) -> int:
    os.makedirs(WORK, exist_ok=True)
    driver = fuzzer()
    seeds()
    good = True
    with concurrent.futures.ThreadPoolExecutor(max_workers=jobs) as pool:
        for result in pool.map(lambda name: run(driver, name, duration), names):
            good = report(result) and good
    if "batch" in names:
        good = verdicts() and good
    return 0 if good else 1


def merge(names: List[str]) -> int:
    os.makedirs(WORK, exist_ok=True)
    driver = fuzzer()
    seeds()
    for name in names:
        target = os.path.join(FUZZ, "corpus", name)
        fresh = os.path.join(WORK, "merged", name)
        shutil.rmtree(fresh, ignore_errors=True)
        os.makedirs(fresh)
        with open(os.path.join(WORK, name + ".merge.log"), "wb") as file:
            subprocess.run(
                [driver, "-merge=1", "-max_len=%d" % max(TARGETS[name], 4096), fresh, *folders(name)], check=True,
                stdout=file, stderr=subprocess.STDOUT, env=variables(name), cwd=WORK)
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(fresh, target)
        sizes = [os.path.getsize(os.path.join(target, file)) for file in os.listdir(target)]
        print("%-12s %5d inputs, %7d bytes" % (name, len(sizes), sum(sizes)))
    return 0


# ------------------------------------------------------------------------------------------------------- coverage


def coverage() -> int:
    """Line coverage of a replay of corpus and regressions; 0 where it is as high as it must be and rests explained."""
    os.makedirs(WORK, exist_ok=True)
    program = replayer(".build-coverage", ("-Xswiftc", "-profile-generate", "-Xswiftc", "-profile-coverage-mapping"))
    raw, data = os.path.join(WORK, "replay.profraw"), os.path.join(WORK, "replay.profdata")
    places = [os.path.join(FUZZ, "corpus"), os.path.join(FUZZ, "regressions")]
    subprocess.run([program, "all", *places], check=True, env={**os.environ, "LLVM_PROFILE_FILE": raw})
    tools = os.path.dirname(os.path.realpath(shutil.which(SWIFT) or SWIFT))
    subprocess.run([os.path.join(tools, "llvm-profdata"), "merge", "-o", data, raw], check=True)
    text = subprocess.run(
        [os.path.join(tools, "llvm-cov"), "export", "--format=lcov", "--instr-profile", data, program], check=True,
        capture_output=True, text=True).stdout
    return judge(lines_of(text))


def lines_of(lcov: str) -> Dict[str, Dict[int, int]]:
    """By file of the modules looked at: how often each line ran."""
    files: Dict[str, Dict[int, int]] = {}
    lines: Dict[int, int] = {}
    for line in lcov.splitlines():
        if line.startswith("SF:"):
            path = os.path.relpath(line[3:], ROOT)
            lines = files.setdefault(path, {}) if path.startswith(COVERED) else {}
        elif line.startswith("DA:"):
            number, count = line[3:].split(",")[:2]
            lines[int(number)] = max(lines.get(int(number), 0), int(count))
    return {path: lines for path, lines in files.items() if lines}


def judge(files: Dict[str, Dict[int, int]]) -> int:
    reasons = explained()
    good = True
    total = reached = 0
    for path in sorted(files):
        missed = sorted(number for number, count in files[path].items() if count == 0)
        total += len(files[path])
        reached += len(files[path]) - len(missed)
        texts = source_lines(path)
        for number in missed:
            text = texts[number - 1].strip()
            if (path, text) in reasons:
                reasons[(path, text)] = True
            elif not is_frame_of_others(text):
                good = False
                print("%s:%d is not reached and not in fuzz/uncovered.txt: %s" % (path, number, text))
    for (path, text), was_met in reasons.items():
        if not was_met:
            good = False
            print("fuzz/uncovered.txt names a line that is reached, or is not there: %s: %s" % (path, text))
    percent = 100.0 * reached / total if total else 0.0
    print("%d of %d lines of wire and protocol are reached: %.2f %%" % (reached, total, percent))
    if percent < COVERED_PERCENT_MIN:
        print("that is below %.0f %%" % COVERED_PERCENT_MIN)
    return 0 if good and percent >= COVERED_PERCENT_MIN else 1


def is_frame_of_others(text: str) -> bool:
    """Closing braces and the like: they stand with the line before them."""
    return not re.search(r"[A-Za-z0-9]", text)


def source_lines(path: str) -> List[str]:
    with open(os.path.join(ROOT, path), encoding="utf-8") as file:
        return file.read().splitlines()


def explained() -> Dict[Tuple[str, str], bool]:
    """`path | line, as it stands there | reason` of fuzz/uncovered.txt; the reason may not be empty."""
    reasons: Dict[Tuple[str, str], bool] = {}
    with open(os.path.join(FUZZ, "uncovered.txt"), encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            line = line.strip()
            if not line or line.startswith("#"):
                continue
            parts = [part.strip() for part in line.split(" | ")]
            if len(parts) != 3 or not all(parts):
                raise SystemExit("fuzz/uncovered.txt:%d must be `path | line | reason`" % number)
            reasons[(parts[0], parts[1])] = False
    return reasons


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("what", choices=["fuzz", "all", "coverage", "merge"])
    parser.add_argument("target", nargs="?", choices=sorted(TARGETS))
    parser.add_argument("--duration", type=int, default=60, help="seconds a target")
    parser.add_argument("--jobs", type=int, default=1, help="targets at once")
    options = parser.parse_args()
    names = [options.target] if options.target else list(TARGETS)
    if options.what == "fuzz" and not options.target:
        parser.error("which target? " + ", ".join(TARGETS))
    if options.what == "coverage":
        return coverage()
    if options.what == "merge":
        return merge(names)
    return fuzz(names, options.duration, options.jobs)


if __name__ == "__main__":
    sys.exit(main())
