"""The stories of a run: what writes, what sends, and everything that goes wrong meanwhile.

Every story draws from its own seeded random numbers and ends when `world.is_torturing` is over.
"""

import os
import random
import shutil
import signal

from loop import Ended

# `tally` processes alive at a time: what two cores carry.
SLOTS = 8


def story_random(world, name):
    return random.Random("%s %s" % (world.seed, name))


def pause(world, seconds):
    """Sleeps, but no longer than the run lasts."""
    until = world.now() + seconds
    while world.now() < until and world.is_torturing:
        yield min(0.1, max(0.0, until - world.now()))


def write_transcripts(world, calls_a_second):
    """All agents at work: mostly a little everywhere, in bursts somewhere."""
    rng = story_random(world, "write")
    last = world.now()
    while world.is_torturing:
        now = world.now()
        wanted = int((now - last) * calls_a_second + rng.random())
        last = now
        burst = rng.choice(world.workstations) if rng.random() < 0.02 else None
        authors = [rng.choice(world.workstations) for _ in range(wanted)]
        authors += [burst] * (rng.randrange(50) if burst else 0)
        for w in authors:
            if w.tenant in world.deleted:
                continue
            w.author.write_call(world.journal, w.tenant, w.label, now)
            world.calls_written += 1
        for w in world.workstations:
            if w.author.pending:
                world.bytes_written += w.author.flush(now)
        yield rng.uniform(0.02, 0.1)


def keep_gateway(world):
    """Starts the gateway and ends it, every 0.2 to 2 s, mostly by SIGKILL."""
    gateway, rng, note = world.gateway, story_random(world, "gateway"), world.timeline.note
    while world.is_torturing:
        if gateway.hold:
            yield 0.05
            continue
        world.watch.gateway_starts()
        gateway.is_excused = world.is_disk_full
        world.prepare_gateway()
        gateway.serve()
        if rng.random() < 0.1:
            # In the middle of its recovery.
            yield rng.uniform(0.005, 0.2)
            note("kill gateway", "while it starts")
            gateway.kill()
            continue
        yield from gateway.become_up()
        if not gateway.is_up:
            if gateway.program is not None and gateway.program.poll() is None:
                world.complain("the gateway did not listen within 60 s: %s" % gateway.last_words())
                gateway.kill()
            gateway.watch()
            yield rng.uniform(0.1, 0.5)
            continue
        until = world.now() + (rng.uniform(2, 6) if rng.random() < 0.12 else rng.uniform(0.2, 2))
        while gateway.watch() and world.now() < until and world.is_torturing:
            yield 0.02
        if not world.is_torturing:
            break
        if gateway.program is not None:
            yield from end_gateway(world, rng)
        yield rng.choice((0, 0, 0, 0.05, 0.3, 1.0))


def end_gateway(world, rng):
    gateway, note = world.gateway, world.timeline.note
    way = rng.random()
    if way < 0.1:
        note("stop gateway", "SIGTERM")
        yield from gateway.stop()
    elif way < 0.16:
        note("freeze gateway", "SIGSTOP, then SIGKILL")
        gateway.program.signal(signal.SIGSTOP)
        yield rng.uniform(0.2, 3)
        gateway.kill()
    else:
        note("kill gateway")
        gateway.kill()


def run_workstations(world, number):
    """One of the slots: some workstation runs `tally` for a while, until it is killed or done."""
    rng, note = story_random(world, "slot %d" % number), world.timeline.note
    while world.is_torturing:
        free = [w for w in world.workstations if w.is_enrolled and not w.is_taken and not w.is_running]
        if not free:
            yield 0.1
            continue
        wanted = [w for w in free if w.name in world.unsettled]
        w = rng.choice(wanted if wanted and rng.random() < 0.8 else free)
        is_sync = w.name in world.unsettled or rng.random() < 0.55
        # Each time that the gateway is put back these are other ones.
        unsettled = world.unsettled
        program = w.start("sync", "--wait", "20") if is_sync else w.start("run")
        yield Ended(program, rng.uniform(0.2, 2) if rng.random() < 0.8 else rng.uniform(2, 8))
        if rng.random() < 0.06 and w.program is program and w.is_running:
            note("freeze tally", "SIGSTOP", w.name)
            program.signal(signal.SIGSTOP)
            yield rng.uniform(0.2, 4)
            program.signal(signal.SIGCONT)
            yield rng.uniform(0, 0.5)
        if w.program is not program:
            continue
        if not w.is_running:
            # One that began before may have met the gateway as it was, and nobody since.
            if is_sync and program.poll() == 0 and world.unsettled is unsettled:
                world.settled(w.name)
            w.over()
        elif rng.random() < 0.12:
            note("stop tally", "SIGTERM", w.name)
            yield from w.stop()
        else:
            note("kill tally", "", w.name)
            w.kill()


def sample_status(world):
    """Asks one workstation after the other what it takes for acknowledged."""
    rng = story_random(world, "status")
    while world.is_torturing:
        yield rng.uniform(0.1, 0.4)
        w = rng.choice(world.workstations)
        if w.is_taken or not w.is_enrolled:
            continue
        status = yield from w.status()
        if status is not None and not w.is_taken:
            world.watch.sampled(w, status)


def change_network(world):
    """Now and then the network is good for a while, now and then everything is cut at once."""
    rng = story_random(world, "network")
    world.proxy.set_faulty(True)
    while world.is_torturing:
        yield from pause(world, rng.uniform(1, 6))
        if rng.random() < 0.3:
            world.timeline.note("cut everything")
            world.proxy.cut_all()
        world.proxy.set_faulty(rng.random() < 0.8)


def fill_disk(world):
    """The gateway's disk is full for some seconds, again and again."""
    rng, disk = story_random(world, "disk"), world.disk
    while world.is_torturing:
        yield from pause(world, rng.uniform(6, 15))
        if not world.is_torturing:
            return
        world.is_disk_full = world.gateway.is_excused = True
        left = rng.choice((0, 0, 4096, 65536, 300_000, 1_500_000))
        size = disk.fill(left)
        world.timeline.note("full disk", "%d bytes of ballast, %d left" % (size, left))
        yield rng.uniform(0.5, 4)
        disk.free()
        world.timeline.note("disk freed")
        world.is_disk_full = False


def put_gateway_back(world):
    """The gateway's folder is replaced by a copy of some seconds ago, as from a backup.

    Between copy and return nobody is enrolled or loses a home: what is acknowledged meanwhile stands in the kept
    segments of spools that are still there, and has to come again.
    """
    rng, gateway = story_random(world, "put back"), world.gateway
    copy = os.path.join(world.root, "old-gateway")
    while world.is_torturing:
        yield from pause(world, rng.uniform(10, 40))
        world.are_identities_frozen = world.are_tokens_frozen = True
        while world.changing and world.is_torturing:
            yield 0.05
        if world.is_torturing and not world.is_disk_full:
            yield from replace_gateway(world, rng, lambda: copy_folder(world.gateway_data, copy))
            world.timeline.note("copy gateway")
            until = world.now() + rng.uniform(2, 10)
            while world.now() < until and world.is_torturing or world.is_disk_full:
                yield 0.1
            yield from replace_gateway(world, rng, lambda: move_folder(copy, world.gateway_data))
            world.timeline.note("gateway put back")
            world.watch.forget()
            world.unsettled = {w.name for w in world.workstations if w.is_enrolled and w.tenant not in world.deleted}
            world.are_tokens_frozen = False
            # A home that is lost before it has met the restored gateway takes with it what that gateway lacks.
            while world.unsettled and world.is_torturing:
                yield 0.2
        world.are_identities_frozen = world.are_tokens_frozen = False


def replace_gateway(world, rng, change):
    """Ends the gateway, changes its folder, and lets it start again."""
    gateway = world.gateway
    gateway.hold += 1
    if rng.random() < 0.4:
        yield from gateway.stop()
    else:
        gateway.kill()
    # An operator's command may hold the folder itself for a moment.
    while gateway.commands:
        yield 0.02
    change()
    gateway.hold -= 1


def copy_folder(folder, copy):
    shutil.copytree(folder, copy, ignore=lambda base, names: [n for n in names if n.endswith(".sock")])


def move_folder(copy, folder):
    for name in os.listdir(folder):
        path = os.path.join(folder, name)
        shutil.rmtree(path) if os.path.isdir(path) else os.unlink(path)
    shutil.copytree(copy, folder, dirs_exist_ok=True)
    shutil.rmtree(copy)


# What a clock may be off by, in seconds: minutes, hours, a day, a month, a year, both ways. The workstations' differ from
# the gateway's by more than the two minutes within which clocks agree: two clocks that err alike are each other's proof,
# and events are then refused as too old for good (dead letters, to be sent again), which is no fault to be found here.
GATEWAY_STEPS = (90, 700, 3_600, 10 * 3_600, 86_400, 3 * 86_400, 30 * 86_400, 365 * 86_400, 365 * 86_400)
WORKSTATION_STEPS = tuple(seconds if seconds < 3_600 else seconds * 11 // 10 for seconds in GATEWAY_STEPS)


def step_gateway_clock(world):
    """The gateway's clock jumps, stays there through kills and starts, and is set right again."""
    rng, preload = story_random(world, "gateway clock"), world.preload
    while world.is_torturing:
        yield from pause(world, rng.uniform(4, 12))
        seconds = rng.choice(GATEWAY_STEPS) * rng.choice((-1, 1)) + rng.uniform(-60, 60)
        world.timeline.note("step gateway clock", "by %+d s" % seconds)
        preload.set_clock("gateway", seconds)
        yield from pause(world, rng.uniform(0.5, 6))
        world.timeline.note("set gateway clock right")
        preload.set_clock("gateway", 0)


def step_workstation_clocks(world):
    rng, preload = story_random(world, "workstation clock"), world.preload
    while world.is_torturing:
        yield from pause(world, rng.uniform(0.3, 1.5))
        running = [w for w in world.workstations if w.is_running]
        w = rng.choice(running if running and rng.random() < 0.7 else world.workstations)
        seconds = rng.choice(WORKSTATION_STEPS) * rng.choice((-1, 1)) + rng.uniform(-60, 60)
        world.timeline.note("step clock", "by %+d s" % seconds, w.name)
        preload.set_clock(w.name, seconds)
        yield rng.uniform(0.5, 4)
        world.timeline.note("set clock right", "", w.name)
        preload.set_clock(w.name, 0)


def fail_gateway_calls(world):
    """Draws the faults in system calls that the next gateway starts with."""
    rng = story_random(world, "gateway calls")

    def prepare():
        faults = preload_faults(rng, 0.4)
        world.gateway.environment = world.preload.environment("gateway", world.gateway_data, faults)
        world.gateway.is_excused = bool(faults) or world.is_disk_full
        if faults:
            world.timeline.note("faults in calls", faults)
    return prepare


def preload_faults(rng, share):
    """A drawn list of faults in system calls, or none."""
    if rng.random() >= share:
        return ""
    parts = ["seed=%d" % rng.randrange(1 << 31), "after=%d" % rng.choice((0, 20, 100, 400)),
             "most=%d" % rng.choice((1, 1, 3, 20))]
    for name, highest in (("eio", 0.02), ("enospc", 0.05), ("short", 0.3), ("eintr", 0.3), ("sync", 0.05)):
        if rng.random() < 0.5:
            parts.append("%s=%.4f" % (name, rng.uniform(0, highest)))
    if rng.random() < 0.3:
        parts.append("delay=%d" % rng.choice((1, 5, 30)))
    return ",".join(parts)


def fail_workstation_calls(world):
    """Now and then a workstation runs with failing system calls for a while."""
    rng = story_random(world, "workstation calls")
    while world.is_torturing:
        yield rng.uniform(0.2, 1)
        w = rng.choice(world.workstations)
        faults = preload_faults(rng, 0.6)
        w.environment = world.preload.environment(w.name, w.home, faults)
        if faults:
            world.timeline.note("faults in calls", faults, w.name)
