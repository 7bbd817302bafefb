"""Runs many simulated worlds on several processes: make simulate [SEED=n] [RUNS=n] [JOBS=n].

Each process takes a range of seeds; each seed is a world of its own, the same on any number of processes. A process that
crashes is a failure of the seed that it had announced. A sample of the seeds is run a second time with the dictionaries'
hash seeds drawn anew, and must leave the same traces: nothing may depend on the order of a dictionary.
"""

import argparse
import concurrent.futures
import os
import re
import subprocess
import sys
import threading
import time

CHUNK = 100
SAMPLE = 20


def environment(deterministic):
    env = dict(os.environ, SWIFT_BACKTRACE="enable=no")
    env.pop("SWIFT_DETERMINISTIC_HASHING", None)
    if deterministic:
        env["SWIFT_DETERMINISTIC_HASHING"] = "1"
    return env


def run(program, seed, runs, extra=(), deterministic=True):
    command = [program, "--seed", str(seed), "--runs", str(runs), *extra]
    return subprocess.run(command, capture_output=True, text=True, errors="replace", env=environment(deterministic))


def failure(result, seed):
    """What to show of a process that did not end well."""
    announced = re.findall(r"^seed (\d+)$", result.stdout, re.M)
    text = re.sub(r"^seed \d+\n", "", result.stdout, flags=re.M)
    if result.returncode < 0 or "FAILED" not in text and "I15" not in text:
        last = announced[-1] if announced else seed
        head = result.stderr.strip().split("\n")[0]
        return (f"SEED {last} FAILED: the process crashed ({result.returncode}): {head}\n{text}"
                f"replay: make simulate SEED={last} RUNS=1")
    return text


def fields(text):
    line = next((line for line in text.split("\n") if line.startswith("runs=")), "")
    return {name: int(value) for name, value in re.findall(r"(\w+)=(\d+)", line)}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--program", default=".build/release/tallysim")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--runs", type=int, default=10000, help="0 runs until stopped")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args()

    if options.runs == 1:
        result = run(options.program, options.seed, 1, ["--trace", "--announce"])
        print(failure(result, options.seed) if result.returncode else result.stdout, end="")
        return 1 if result.returncode else 0

    started = time.time()
    sums = {}
    stop = threading.Event()

    def chunks():
        done = 0
        while options.runs == 0 or done < options.runs:
            count = CHUNK if options.runs == 0 else min(CHUNK, options.runs - done)
            yield options.seed + done, count
            done += count

    def work(seed, count):
        if stop.is_set():
            return None
        return seed, run(options.program, seed, count, ["--announce"])

    failed = None
    told = started
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        waiting = set()
        source = chunks()
        try:
            while True:
                while len(waiting) < 2 * options.jobs and failed is None:
                    chunk = next(source, None)
                    if chunk is None:
                        break
                    waiting.add(pool.submit(work, *chunk))
                if not waiting:
                    break
                finished, waiting = concurrent.futures.wait(
                    waiting, return_when=concurrent.futures.FIRST_COMPLETED)
                for future in finished:
                    outcome = future.result()
                    if outcome is None:
                        continue
                    seed, result = outcome
                    if result.returncode != 0:
                        if failed is None:
                            failed = failure(result, seed)
                        stop.set()
                        continue
                    for name, value in fields(result.stdout).items():
                        sums[name] = sums.get(name, 0) + value
                if time.time() - told > 60:
                    told = time.time()
                    print(f"{sums.get('runs', 0)} worlds, {int(time.time() - started)} s", flush=True)
        except KeyboardInterrupt:
            stop.set()
    if failed is not None:
        print(failed)
        return 1
    traces = [re.findall(r"^trace (\w+)$", run(options.program, options.seed, SAMPLE, (), fixed).stdout, re.M)
              for fixed in (True, False)]
    if traces[0] != traces[1] or not traces[0]:
        print(f"I15: the worlds from {options.seed} on depend on the order of a dictionary: {traces}")
        return 1
    seconds = time.time() - started
    sums.pop("per_second", None)
    sums.pop("seconds", None)
    print(f"clean: {sums.get('runs', 0)} worlds from seed {options.seed} in {seconds:.0f} s on {options.jobs} processes")
    print(" ".join(f"{name}={value}" for name, value in sums.items()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
