"""What happened to the folders of one gateway and its workstations, as logs tell it; and the live part that fills
them."""

import os
import random
import re
import time
from typing import NamedTuple, Optional

import powerloss_log as log
from powerloss_disk import Disk, snapshot
from powerloss_programs import Control, Gateway, Rig, Workstation
from syncorder import Judge


class History:
    """One folder: as it stood at first, then the logs of the processes that owned it, one after the other."""

    def __init__(self, folder: str, is_workstation: bool) -> None:
        self.folder = folder
        self.is_workstation = is_workstation
        self.first = snapshot(folder)
        # Files of logs, and (time, snapshot) for each kill between two of them.
        self.parts: list = []

    def new_log(self) -> str:
        self.parts.append(f"{self.folder}-{len(self.parts)}.log")
        return self.parts[-1]

    def killed(self) -> None:
        self.parts.append((time.monotonic_ns(), snapshot(self.folder)))

    def records(self):
        """Records and kills in order."""
        for part in self.parts:
            if isinstance(part, str):
                # A program that was killed before it began has left no log.
                yield from log.read(part) if os.path.exists(part) else ()
            else:
                yield part

    def judge_until(self, times: list):
        """Yields (time, judge) for each of the ascending times, the judge having seen what was before it."""
        judge = Judge(Disk.of(self.first), self.is_workstation)
        left = list(times)
        for record in self.records():
            at = record[0] if isinstance(record, tuple) and len(record) == 2 else record.time
            while left and at > left[0]:
                yield left.pop(0), judge
            if isinstance(record, log.Record):
                judge.take(record)
            else:
                judge.disk.reconcile(record[1])
        for at in left:
            yield at, judge


class Seat(NamedTuple):
    """A workstation's place: whose it is, and what is true of it."""

    tenant: str
    name: str
    workstation: Workstation
    truth: dict
    # When `tally connect` had returned.
    connected_at: int


class Scene:
    """Gateway, workstations, their histories, and what was promised before they began."""

    def __init__(self, gateway: History, homes: "list[History]", seats: "list[Seat]", port: int) -> None:
        self.gateway, self.homes, self.seats, self.port = gateway, homes, seats, port
        self.began_at = self.ended_at = time.monotonic_ns()
        self.tenants: list = []
        # Stream to the sequence promised earlier.
        self.promised: dict = {}
        # Whoever was enrolled when the power went; None for all.
        self.only: Optional[list] = None

    def present(self) -> list:
        return list(range(len(self.seats))) if self.only is None else self.only


class Plan(NamedTuple):
    tenants: int
    workstations: int
    calls: int
    seconds: float
    # From here on after the operators' commands. As TORTURE_FAULTS has them, without the seed.
    faults: str
    sync_delay_ms: int


def play(rig: Rig, plan: Plan, chance: random.Random, extra: "dict[str, str]") -> Scene:
    """The live part: a gateway from its first start on, operators' commands, workstations that follow growing
    transcripts, faults and kills of both; at a random moment everything is killed."""
    data = rig.path("live")
    os.makedirs(data, 0o700)
    scene = Scene(History(data, False), [], [], 0)
    # The gateway's and the workstations'.
    controls = Control(rig.path("control-gateway")), Control(rig.path("control-homes"))
    for control in controls:
        control.set(switches=Control.CALM)
    if plan.faults:
        extra = {"TORTURE_FAULTS": f"seed={chance.randint(1, 1 << 30)},{plan.faults}", **extra}
    gateway_extra = {"TORTURE_CONTROL": controls[0].path, **extra}
    extra = {"TORTURE_CONTROL": controls[1].path, **extra}
    gateway = rig.serve(data, 0, scene.gateway.new_log(), gateway_extra).wait()
    scene.port = gateway.port
    for number in range(plan.tenants):
        rig.must("tallygate", "tenant", "create", f"t{number}", more={"TALLYGATE_DATA": data})
        scene.tenants.append((time.monotonic_ns(), f"t{number}"))
    for number in range(plan.workstations):
        seat, history = _enrol(rig, data, plan, number, chance, extra)
        scene.seats.append(seat)
        scene.homes.append(history)
    cast = Cast(rig, scene, gateway, gateway_extra, extra)
    steps = _mixed([_steps(seat, chance) for seat in scene.seats], chance)
    kills = chance.sample(range(len(steps)), min(len(steps), 4))
    end = chance.randint(len(steps) // 2, len(steps))
    controls[0].set(sync_delay_ms=plan.sync_delay_ms)
    controls[1].set()
    for index, step in enumerate(steps[:end]):
        _grow(step)
        time.sleep(2 * chance.random() * plan.seconds / len(steps))
        if index in kills:
            cast.kill_one(chance)
        cast.revive()
    if chance.random() < 0.5:
        time.sleep(0.5 + plan.sync_delay_ms / 100)
    cast.end()
    scene.ended_at = time.monotonic_ns()
    for step in steps[end:]:
        _grow(step)
    return scene


class Cast:
    """The running gateway and workstations. Who was killed, or gave up after a fault, begins again."""

    def __init__(self, rig: Rig, scene: Scene, gateway: Gateway, gateway_extra: dict, extra: dict) -> None:
        self.rig, self.scene, self.gateway = rig, scene, gateway
        self.gateway_extra, self.extra = gateway_extra, extra
        self.running = [self._follow(index) for index in range(len(scene.seats))]

    def _follow(self, index: int):
        log = self.scene.homes[index].new_log()
        return self.scene.seats[index].workstation.start("run", log=log, extra=self.extra)

    def kill_one(self, chance: random.Random) -> None:
        """kill -9 of the gateway or of one workstation."""
        if chance.random() < 0.4:
            self.gateway.program.kill()
        else:
            chance.choice(self.running).kill()

    def revive(self) -> None:
        if not self.gateway.program.is_running:
            self.scene.gateway.killed()
            log = self.scene.gateway.new_log()
            self.gateway = self.rig.serve(self.gateway.data, self.scene.port, log, self.gateway_extra)
        for index, program in enumerate(self.running):
            if not program.is_running:
                self.scene.homes[index].killed()
                self.running[index] = self._follow(index)

    def end(self) -> None:
        self.gateway.program.kill()
        for program in self.running:
            program.kill()


def _enrol(rig: Rig, data: str, plan: Plan, number: int, chance: random.Random, extra) -> "tuple[Seat, History]":
    workstation = rig.workstation(f"w{number}")
    home, final = workstation.home, workstation.transcripts
    os.makedirs(home, 0o700)
    history = History(home, True)
    workstation.transcripts = final + "-staged"
    truth = workstation.generate(chance.randint(1, 1 << 30), plan.calls)
    workstation.transcripts = final
    tenant, name = f"t{number % plan.tenants}", f"w{number}"
    watched = rig.watched(home, history.new_log(), extra)
    workstation.connect(data, tenant, name, watched)
    return Seat(tenant, name, workstation, truth, time.monotonic_ns()), history


STEPS = 16
TIMESTAMP = re.compile(rb'"timestamp":"([^"]+)"')


def _steps(seat: Seat, chance: random.Random) -> list:
    """The workstation's transcripts as its agents wrote them: all lines in the order of their times, a part of them a
    step. A step is a list of (path, bytes); its last line may be torn, and goes on in the next."""
    lines = []
    top = seat.workstation.transcripts + "-staged"
    for folder, _, files in os.walk(top):
        for name in files:
            path = os.path.join(folder, name)
            target = os.path.join(seat.workstation.transcripts, os.path.relpath(path, top))
            at = b""
            with open(path, "rb") as file:
                for number, line in enumerate(file if name.endswith(".jsonl") else ()):
                    found = TIMESTAMP.search(line)
                    at = max(at, found.group(1)) if found else at
                    lines.append((at, target, number, line))
    lines.sort()
    bounds = sorted(chance.randint(0, len(lines)) for _ in range(STEPS - 1))
    steps = [[(target, line) for _, target, _, line in lines[start:end]]
             for start, end in zip([0, *bounds], [*bounds, len(lines)])]
    for step, after in zip(steps, steps[1:]):
        if step and chance.random() < 0.4:
            target, line = step.pop()
            middle = chance.randint(0, len(line))
            step.append((target, line[:middle]))
            after.insert(0, (target, line[middle:]))
    return steps


def _grow(step: list) -> None:
    for target, line in step:
        os.makedirs(os.path.dirname(target), exist_ok=True)
        with open(target, "ab") as file:
            file.write(line)


def _mixed(sequences: list, chance: random.Random) -> list:
    """All of the sequences' members, each sequence in its own order."""
    turns = [index for index, sequence in enumerate(sequences) for _ in sequence]
    chance.shuffle(turns)
    heads = [iter(sequence) for sequence in sequences]
    return [next(heads[turn]) for turn in turns]
