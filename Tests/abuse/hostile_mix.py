"""A well-behaved workstation beside 2,000 slow or silent connections and a flood of bad frames: make abuse [SECONDS=30].

In each round the workstation (`tallybench ingest`, a batch of ten events at fixed instants) is measured twice on one
gateway: alone, and while the hostile part (`attackers.py`) is at work. Its 99th percentile from the instant at which a
batch is due to its acknowledgement must stay below twice what it is alone, and the gateway's own memory must not grow
while the attack lasts. The machine has other things to do as well, so the best of three rounds counts; every figure is
printed. A machine on which a lone workstation's 99th percentile is above 25 ms, or the attackers do not get going, is too busy
to compare times on, and says so with exit 1. `--small` takes 200 connections and a few seconds for `make test`, whose
programs are a debug build: it looks at no times, but at that everything is answered and memory stays flat.

The gateway has a core, everything else the other; the hostile part gives way to the workstation, for it is the gateway's
time that is measured and not the client's.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "..", "bench"))

from harness.programs import Failure, Gateway, Programs, cores, load, pinned  # noqa: E402

ROUNDS = 3
# Of the workstation.
EVENTS_PER_BATCH, BATCHES_PER_SECOND = 10, 100
# What an operator lets begin in a second: a core makes about 2,500 handshakes.
CONNECTS_PER_SECOND = 500
MOST_RATIO = 2.0
# Above this the machine has other things to do.
BUSY_US = 25_000
# Memory that a part of the gateway may still take while the attack lasts: an allocator's arenas, views of new streams.
GROWTH_BYTES, GROWTH_PART = 4 << 20, 0.1


class Attack:
    """The hostile part as a process of its own. Ends with the `with` block."""

    def __init__(self, gateway, tokens, connections, seconds, core):
        command = [
            sys.executable, os.path.join(HERE, "attackers.py"), "--connect", gateway.address, "--ca", gateway.authority,
            "--tokens", tokens, "--connections", str(connections), "--seconds", str(seconds)]
        self.process = subprocess.Popen(
            ["nice", "-n", "19", *pinned(core, command)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
        self.told = {}

    def wait(self):
        """Whether all of them stand."""
        return self.process.stdout.readline().startswith("ready ")

    def end(self):
        if self.process.poll() is None:
            self.process.terminate()
        try:
            text, _ = self.process.communicate(timeout=60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            text, _ = self.process.communicate()
        lines = [line for line in text.splitlines() if line.startswith("{")]
        self.told = json.loads(lines[-1]) if lines else {}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.end()


class Mix:
    def __init__(self, options):
        self.options = options
        self.base = tempfile.mkdtemp(prefix="tally-abuse-")
        self.server, self.client = cores()
        os.environ["TALLYGATE_CONNECTS_PER_SECOND"] = str(CONNECTS_PER_SECOND)
        programs = os.environ.get("TALLY_BINARIES", os.path.join(".build", "release"))
        self.programs = Programs(programs)

    def probe(self, gateway, token, seconds):
        """Microseconds: the workstation's median and 99th percentile."""
        figures = load(
            self.programs, "ingest",
            ["--connect", gateway.address, "--ca", gateway.authority, "--gateway-pid", gateway.pid, "--token", token,
             "--connections", 1, "--events-per-batch", EVENTS_PER_BATCH,
             "--rate", EVENTS_PER_BATCH * BATCHES_PER_SECOND, "--duration", seconds, "--warm-up", 1],
            self.client, timeout=seconds * 4 + 120)
        return figures["ack_p50_us"], figures["ack_p99_us"]

    def round(self, gateway, number, seconds):
        tokens = open(gateway.tokens, encoding="ascii").read().split()
        hostile = os.path.join(self.base, "hostile")
        with open(hostile, "w", encoding="ascii") as file:
            file.write("\n".join(tokens[1:]) + "\n")
        p50, p99 = self.probe(gateway, tokens[0], seconds)
        figures = {"round": number, "quiet_p50_us": p50, "quiet_p99_us": p99}
        # Where nobody ends it, it ends by itself.
        most = 4 * seconds + 120
        with Attack(gateway, hostile, self.options.connections, most, self.client) as attack:
            is_ready = attack.wait()
            # The first of them have been cut off by then, and come again.
            time.sleep(seconds / 3)
            before = gateway.memory_bytes()
            p50, p99 = self.probe(gateway, tokens[0], seconds)
            after = gateway.memory_bytes()
            metrics = gateway.metrics()
        figures.update(
            hostile_p50_us=p50, hostile_p99_us=p99, ratio=round(p99 / max(figures["quiet_p99_us"], 1), 3),
            memory_bytes=before, memory_grown_bytes=after - before,
            connections=metrics["tallygate_connections"],
            rejected=metrics["tallygate_batches_rejected_total"],
            handshakes_failed=metrics["tallygate_handshakes_failed_total"],
            refused=metrics["tallygate_connections_refused_total"],
            frames_timed_out=metrics["tallygate_frames_timed_out_total"], attackers=attack.told)
        figures["is_comparable"] = is_ready and figures["quiet_p99_us"] < BUSY_US
        figures["memory_is_flat"] = after - before <= max(GROWTH_BYTES, int(before * GROWTH_PART))
        print(json.dumps(figures), flush=True)
        return figures

    def run(self):
        seconds = self.options.seconds
        rounds = []
        with Gateway(self.programs, self.base, 2, 8, self.server) as gateway:
            for number in range(1, ROUNDS + 1):
                rounds.append(self.round(gateway, number, seconds))
                if (self.options.small or rounds[-1]["ratio"] < MOST_RATIO) and rounds[-1]["memory_is_flat"]:
                    break
            gateway.tool("verify")
        judged = [figures["ratio"] for figures in rounds if figures["is_comparable"]]
        problems = []
        if not self.options.small and not judged:
            problems.append("too busy a machine to compare times on: try again when it is quiet")
        elif not self.options.small and min(judged) >= MOST_RATIO:
            problems.append(f"the workstation's p99 is {min(judged)} times its quiet value in the best round")
        if not any(figures["memory_is_flat"] for figures in rounds):
            problems.append("the gateway's memory grew in every round")
        told = rounds[0]["attackers"]
        if not told.get("cut") or (judged and not told.get("rejects")):
            problems.append(f"the attackers did not attack: {told}")
        return problems

    def close(self):
        shutil.rmtree(self.base, ignore_errors=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=30, help="of each measurement")
    parser.add_argument("--connections", type=int, default=2000, help="slow or silent ones")
    parser.add_argument("--small", action="store_true", help="200 connections, 3 seconds")
    options = parser.parse_args()
    if options.small:
        options.seconds, options.connections = 3, 200
    mix = Mix(options)
    try:
        problems = mix.run()
    except Failure as failure:
        problems = [str(failure)]
    finally:
        mix.close()
    for problem in problems:
        print(f"abuse: {problem}", file=sys.stderr)
    sys.exit(1 if problems else 0)


if __name__ == "__main__":
    main()
