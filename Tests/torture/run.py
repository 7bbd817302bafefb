#!/usr/bin/env python3
"""`make torture`: real programs, real TLS, everything going wrong at once; then the sums must be right.

    run.py [--minutes N] [--seed N] [--binaries DIR] [--keep] [--cheat NAME]

Exits with 0 if nothing was lost, nothing counted twice and no promise broken, else with 1: then the folder is kept,
and the seed and the last faults of the tenant concerned are printed.
"""

import argparse
import os
import random
import shutil
import signal
import sys
import tempfile
import time

import faults
import identities
import judge
from cheats import CHEATS
from disk import SmallDisk
from preload import Preload
from watch import Watch
from world import World

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
CALLS_A_SECOND = 60
# What `--without` can leave out; kills are always there.
FAULTS = {
    "network": [faults.change_network], "tokens": [identities.revoke_tokens], "disk": [faults.fill_disk],
    "put-back": [faults.put_gateway_back], "deletion": [identities.delete_tenants],
    "rollbacks": [identities.meddle_with_homes("rollbacks", identities.roll_back)],
    "clones": [identities.meddle_with_homes("clones", identities.clone)],
    "losses": [identities.meddle_with_homes("losses", identities.lose)],
    "clocks": [faults.step_gateway_clock], "workstation-clocks": [faults.step_workstation_clocks],
    "calls": [faults.fail_workstation_calls]}


def say(text=""):
    print(text, flush=True)


def leave_out(world, name, why):
    if name in world.faults:
        say("LEFT OUT: %s, %s" % (name, why))
        world.faults.discard(name)


def prepare(world, options):
    """The gateway on its own small disk, ten tenants, fifty enrolled workstations."""
    world.faults = set(FAULTS) - set(options.without)
    world.disk = SmallDisk(world.root)
    reason = world.disk.open()
    data = os.path.join(world.disk.folder, "data")
    if reason:
        leave_out(world, "disk", "for want of a small file system of its own (%s)" % reason)
        world.disk, data = None, os.path.join(world.root, "gateway")
    os.makedirs(data, exist_ok=True)
    world.place_gateway(data)
    world.preload, reason = Preload.make(world, options.shim)
    if reason:
        for name in ("clocks", "workstation-clocks", "calls"):
            leave_out(world, name, "for want of the preload library (%s)" % reason)
    else:
        for w in world.workstations:
            w.environment = world.preload.environment(w.name, w.home)
        world.prepare_gateway = lambda: world.gateway.environment.update(
            world.preload.environment("gateway", world.gateway_data))
    if "counted before" not in judge.call_tally(world, "status")[1]:
        for name in ("rollbacks", "clones", "losses"):
            leave_out(world, name, "for want of adoption")
    if "--yes" not in judge.call(world, "tenant", "delete", "--help")[1]:
        leave_out(world, "deletion", "for want of the command")
    world.watch = Watch(world)
    world.gateway.on_opened = world.watch.opened
    world.gateway.serve()
    world.loop.run_all([world.gateway.become_up()], world.now() + 60)
    if not world.gateway.is_up:
        raise SystemExit("the gateway does not start: " + world.gateway.last_words())
    world.proxy.target_port = world.gateway.port
    for tenant in world.tenants:
        code, _, errors = judge.call(world, "tenant", "create", tenant)
        if code != 0:
            raise SystemExit("tenant create: " + errors)
    queue = list(world.workstations)

    def enrol():
        while queue:
            w = queue.pop()
            if not (yield from w.enrol(within=60)):
                raise SystemExit("%s cannot be enrolled" % w.name)

    world.loop.run_all([enrol() for _ in range(4)], world.now() + 120)


def torture(world, minutes):
    """The faults, all at once."""
    world.is_torturing = True
    loop = world.loop
    world.gateway.kill()
    stories = [faults.keep_gateway(world), faults.write_transcripts(world, CALLS_A_SECOND), faults.sample_status(world)]
    stories += [faults.run_workstations(world, n) for n in range(faults.SLOTS)]
    for name in sorted(world.faults):
        stories += [story(world) for story in FAULTS[name]]
    if world.preload and "calls" in world.faults:
        world.prepare_gateway = faults.fail_gateway_calls(world)
    for story in stories:
        loop.spawn(story)
    until = world.now() + minutes * 60
    said = world.now()
    loop_until = lambda: world.now() >= until
    while not loop_until():
        loop.run(lambda: loop_until() or world.now() - said > 30)
        if world.now() - said > 30:
            said = world.now()
            say("  %4d s: %d calls written, gateway killed %d times, workstations %d times, %d complaints" % (
                world.now() - world.timeline.began, world.calls_written, world.gateway.kills,
                sum(w.kills for w in world.workstations), len(world.complaints)))
    world.is_torturing = False
    # Each story sees that it is over and ends; those that wait for a command wait a little longer.
    deadline = world.now() + 60
    loop.run(lambda: all(loop.is_over(s) for s in stories) or world.now() > deadline)


def settle(world):
    """Faults off, everything written, a gateway that stays."""
    world.timeline.note("faults stop")
    world.proxy.set_faulty(False)
    world.proxy.cut_all()
    if world.disk:
        world.disk.free()
    world.is_disk_full = world.gateway.is_excused = False
    if world.preload:
        world.preload.set_all_clocks_right()
    for w in world.workstations:
        if w.is_running:
            w.program.signal(signal.SIGCONT)
        w.kill()
        w.environment = {}
        w.is_taken = False
    world.gateway.kill()
    world.gateway.environment = {}
    for w in world.workstations:
        while w.author.pending:
            world.bytes_written += w.author.flush(float("inf"))
    world.watch.gateway_starts()
    world.gateway.serve()
    world.loop.run_all([world.gateway.become_up()], world.now() + 60)
    if not world.gateway.is_up:
        world.complain("the gateway does not start once the faults have stopped: " + world.gateway.last_words())


def summary(world, report, seconds):
    counts = world.timeline.counts
    cuts = sum(n for kind, n in counts.items() if kind.startswith("cut "))
    total = world.journal.total()
    rows = [
        ("minutes", "%.1f" % (seconds / 60)), ("seed", world.seed),
        ("gateway: killed, stopped, started", "%d, %d, %d" % (
            world.gateway.kills, counts["stop gateway"], world.gateway.starts)),
        ("workstations: killed, stopped", "%d, %d" % (sum(w.kills for w in world.workstations), counts["stop tally"])),
        ("frozen: gateway, workstations", "%d, %d" % (counts["freeze gateway"], counts["freeze tally"])),
        ("connections, cut or spoiled", "%d, %d" % (world.proxy.connections, cuts)),
        ("tokens revoked", counts["revoke token"]), ("full disks", counts["full disk"]),
        ("clock steps: gateway, workstations", "%d, %d" % (counts["step gateway clock"], counts["step clock"])),
        ("programs with failing system calls", counts["faults in calls"]),
        ("gateway's folder put back", counts["gateway put back"]), ("tenants deleted", len(world.deleted)),
        ("homes: set back, copied, lost", "%d, %d, %d" % (
            counts["home set back"], counts["clone"], counts["home lost"])),
        ("gateway ended by itself under faults", world.gateway_failures),
        ("bytes of transcripts, over the wire", "%d, %d" % (world.bytes_written, world.proxy.bytes_moved)),
        ("events", total["events"]), ("money", "%.9f USD" % (total["cost_nano_usd"] / 1e9)),
        ("gateway's peak memory", "%.1f MB" % (world.gateway.peak_bytes / 1e6)),
        ("judged in", "%.0f s" % getattr(world, "judged_seconds", 0))]
    say()
    for name, value in rows:
        say("  %-40s %s" % (name, value))
    say()
    for name, verdict, how in (report.lines if report else []):
        say("  %-4s %-5s %s" % (name, verdict, how))
    say()


def explain(world):
    """What went wrong, and what was done to the tenants concerned before."""
    say("FAIL: seed %s, folder %s" % (world.seed, world.root))
    for complaint in world.complaints[:40]:
        say("  " + complaint)
    concerned = [t for t in world.tenants if any(t in c for c in world.complaints)] or [""]
    for tenant in concerned[:2]:
        say("\nThe last faults that concern %s:" % (tenant or "everybody"))
        for line in world.timeline.last(tenant, 40):
            say("  " + line)


def add_binaries(parser):
    parser.add_argument("--binaries", default=os.path.join(ROOT, ".build", "release"),
                        help="where tallygate and tally are; .build/release by default")


def parse(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--minutes", type=float, default=2)
    parser.add_argument("--seed", default=None, help="by default a new one, which is printed")
    add_binaries(parser)
    parser.add_argument("--tenants", type=int, default=10)
    parser.add_argument("--workstations", type=int, default=5, help="of each tenant")
    parser.add_argument("--folder", default=None, help="where to work; by default a temporary folder")
    parser.add_argument("--patience", type=float, default=30, help="of the last syncs, in seconds")
    parser.add_argument("--shim", default=None, help="the preload library; by default built from Tests/torture/shim")
    parser.add_argument("--without", type=lambda text: text.split(","), default=[], metavar="FAULTS",
                        help="of %s, separated by commas" % ", ".join(sorted(FAULTS)))
    parser.add_argument("--cheat", choices=sorted(CHEATS), help="plant a mistake, which has to be found")
    parser.add_argument("--keep", action="store_true", help="keep the folder of a clean run")
    parser.add_argument("--cores", action="store_true", help="let crashes leave core files in the folder")
    parser.add_argument("--discard", action="store_true", help="remove the folder of a failed run")
    return parser.parse_args(arguments)


def cheat(world, options, when):
    if options.cheat and CHEATS[options.cheat][0] == when:
        world.timeline.note("CHEAT", options.cheat)
        CHEATS[options.cheat][1](world)


def main():
    options = parse()
    # `kill` and a terminal's end take the ordinary way out: every program ended, every mount undone.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit(2))
    seed = options.seed or str(random.SystemRandom().randrange(1, 1 << 32))
    root = tempfile.mkdtemp(prefix="torture-", dir=options.folder)
    say("torture: seed %s, %g minutes, in %s" % (seed, options.minutes, root))
    world = World(root, os.path.abspath(options.binaries), seed, options.tenants, options.workstations,
                  options.cores)
    world.patience = options.patience
    report, began, is_clean = None, time.monotonic(), False
    try:
        prepare(world, options)
        torture(world, options.minutes)
        settle(world)
        cheat(world, options, "before")
        statuses = judge.drain(world)
        cheat(world, options, "after")
        report = judge.judge(world, statuses)
    finally:
        seconds = time.monotonic() - began
        world.close_programs()
        is_clean = report is not None and not world.complaints
        if world.is_placed:
            summary(world, report, seconds)
        if not is_clean:
            explain(world)
            if world.disk and not options.discard:
                shutil.copytree(world.gateway_data, os.path.join(root, "gateway"), dirs_exist_ok=True,
                                ignore=lambda folder, names: [n for n in names if n == "admin.sock"])
        world.close()
        if options.discard if not is_clean else not options.keep:
            world.remove()
    say("ok" if is_clean else "FAILED")
    return 0 if is_clean else 1


if __name__ == "__main__":
    sys.exit(main())
