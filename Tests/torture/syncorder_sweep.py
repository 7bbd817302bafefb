#!/usr/bin/env python3
"""Each sync of a first start fails in turn; the program gives up, starts again, and must promise nothing that rests on
what that sync should have covered.

    syncorder_sweep.py [--first N] [--last N]

A life: a gateway, `tally connect` and `tally sync` from nothing, one of them with its N-th sync failing. Then the same
again without faults, until everything is acknowledged. The logs of both are judged together (syncorder.py); and then
the power is cut, only what is surely on the disk remains, and another `tally sync` must find all as it was.
"""

import argparse
import json
import os
import sys
import time

import powerloss_log as log
from powerloss import differences
from powerloss_disk import Disk, write_image
from powerloss_programs import NoCompiler, Rig, build_shim
from powerloss_scene import History


class Sweep:
    def __init__(self, shim: str) -> None:
        self.shim = shim
        self.failures = 0
        self.syncs = 0

    def life(self, rig: Rig, data: str, gateway_log: History, home_log: History, workstation, faults: dict):
        """Everything an operator and a workstation do at first, as often as needed. True if all of it went well."""
        more = {"TALLYGATE_DATA": data}
        gateway = rig.serve(data, self.port, gateway_log.new_log(), faults.get("gateway", {"TORTURE_FAULTS": ""}))
        try:
            gateway.wait()
        except RuntimeError:
            gateway_log.killed()
            return None
        self.port = gateway.port
        rig.run("tallygate", "tenant", "create", "t", more=more)
        steps = [["sync", "--wait", "10"]]
        if not self.is_connected:
            self.enrolled += 1
            line = rig.run("tallygate", "enroll", "--tenant", "t", "--workstation", f"w{self.enrolled}", more=more)
            if line.returncode != 0:
                return self._end(gateway, gateway_log)
            steps.insert(0, line.stdout.split()[1:])
        for arguments in steps:
            extra = faults.get(arguments[0], {"TORTURE_FAULTS": ""})
            outcome = rig.run("tally", *arguments, more={
                **workstation.environment(), **rig.watched(workstation.home, home_log.new_log(), extra)})
            if outcome.returncode != 0:
                home_log.killed()
                return self._end(gateway, gateway_log)
            self.is_connected = True
        return gateway

    @staticmethod
    def _end(gateway, gateway_log):
        gateway.program.kill()
        gateway_log.killed()
        return None

    def trial(self, whose: str, number: int) -> bool:
        """False when there was no sync of that number."""
        with Rig(self.shim) as rig:
            self.port, self.enrolled, self.is_connected = 0, 0, False
            data = rig.path("gateway")
            os.makedirs(data, 0o700)
            workstation = rig.workstation("w")
            os.makedirs(workstation.home, 0o700)
            truth = workstation.generate(7, 60)
            logs = History(data, False), History(workstation.home, True)
            faults = {whose: {"TORTURE_FAULTS": f"syncat={number}"}}
            gateway = self.life(rig, data, *logs, workstation, faults)
            for _ in range(4):
                if gateway is not None:
                    break
                gateway = self.life(rig, data, *logs, workstation, {})
            problems = []
            if gateway is None:
                problems.append("never came to its end")
            else:
                gateway.program.kill()
            judges = [next(history.judge_until([time.monotonic_ns()]))[1] for history in logs]
            for judge in judges:
                problems += judge.problems[:4]
            if gateway is not None and not problems:
                problems += self.after_power_loss(rig, logs, judges, workstation, truth)
            came = sum(judge.disk.faults for judge in judges)
            self.syncs += came
            if problems:
                self.failures += 1
                print(f"FOUND sync {number} of {whose} failing, of {self.named(logs)}:")
                for problem in problems[:8]:
                    print(f"    {problem}")
                sys.stdout.flush()
            return came > 0

    @staticmethod
    def named(logs) -> str:
        """The path whose sync failed."""
        for history in logs:
            paths = {}
            for record in history.records():
                if isinstance(record, log.Record):
                    if record.kind in (log.OPEN, log.MAKEDIR):
                        paths[record.file] = record.name or "the folder itself"
                    elif record.kind == log.FAULT:
                        return paths.get(record.file, "?")
        return "?"

    def after_power_loss(self, rig: Rig, logs, judges, workstation, truth) -> list:
        problems = []
        places = []
        for judge, name in zip(judges, ("gateway-after", "home-after")):
            image: dict = {}
            for path, node in judge.disk.durable_files():
                parts = path.split("/")
                for depth in range(1, len(parts)):
                    image["/".join(parts[:depth])] = None
                image[path] = bytes(node.durable)
            places.append(rig.path(name))
            write_image(image, places[-1])
        gateway = rig.serve_again(places[0], self.port, None)
        outcome = rig.run("tally", "sync", "--wait", "10", more=workstation.environment(places[1]))
        if outcome.returncode != 0:
            problems.append(f"after the power loss: {outcome.stderr.strip()}")
        report = rig.run("tallygate", "usage", "--tenant", "t", "--by", "model", "--json",
                         more={"TALLYGATE_DATA": places[0]})
        problems += differences(json.loads(report.stdout), truth) if report.returncode == 0 else [report.stderr.strip()]
        lost = [path for path, node in judges[1].disk.as_it_stands().items()
                if not path.endswith(("lock", ".sock", ".new")) and node is not None
                and judges[1].disk.find(path, durable=True) is None]
        problems += [f"{path} is not on the workstation's disk" for path in lost]
        gateway.program.stop()
        return problems


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--first", type=int, default=1)
    parser.add_argument("--last", type=int, default=200)
    arguments = parser.parse_args()
    shim = os.path.join(os.environ.get("TMPDIR", "/tmp"), f"tally-shim-{os.getpid()}.so")
    try:
        build_shim(shim)
    except NoCompiler as error:
        print(f"SKIPPED: {error}", file=sys.stderr)
        return 69
    Disk.keeps_some_of_failed = False
    sweep = Sweep(shim)
    began = time.monotonic()
    try:
        for whose in ("connect", "sync", "gateway"):
            number = arguments.first
            while number <= arguments.last and sweep.trial(whose, number):
                number += 1
    finally:
        os.unlink(shim)
    print(f"{sweep.syncs} syncs failed in turn, {sweep.failures} failures, {time.monotonic() - began:.0f} s")
    return 1 if sweep.failures else 0


if __name__ == "__main__":
    sys.exit(main())
