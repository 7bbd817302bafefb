"""The stories of a run: what writes, what sends, and everything that goes wrong meanwhile.

Every story draws from its own seeded random numbers and ends when `world.is_torturing` is over.
"""

import random
import signal

from loop import Ended

# `tally` processes alive at a time: what two cores carry.
SLOTS = 8


def story_random(world, name):
    return random.Random("%s %s" % (world.seed, name))


def write_transcripts(world, calls_a_second):
    """All agents at work: mostly a little everywhere, in bursts somewhere."""
    rng = story_random(world, "write")
    last = world.now()
    while world.is_torturing:
        now = world.now()
        wanted = int((now - last) * calls_a_second + rng.random())
        last = now
        burst = rng.choice(world.workstations) if rng.random() < 0.02 else None
        authors = [rng.choice(world.workstations) for _ in range(wanted)] + [burst] * (rng.randrange(50) if burst else 0)
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
        world.prepare_gateway(rng)
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
        w = rng.choice(free)
        is_sync = rng.random() < 0.55
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
        yield rng.uniform(1, 6)
        if rng.random() < 0.3:
            world.timeline.note("cut everything")
            world.proxy.cut_all()
        world.proxy.set_faulty(rng.random() < 0.8)


def revoke_tokens(world):
    """A token is revoked, mostly in the middle of things; the workstation is enrolled again later."""
    rng = story_random(world, "revoke")
    while world.is_torturing:
        yield rng.uniform(1, 5)
        w = rng.choice(world.workstations)
        if w.is_taken or not w.is_enrolled or world.are_identities_frozen:
            continue
        w.is_taken = True
        world.timeline.note("revoke token", "while it %s" % ("runs" if w.is_running else "rests"), w.name)
        command = world.gateway.command("workstation", "revoke", "--tenant", w.tenant, "--workstation", w.label)
        yield command.ended()
        command.finish()
        yield rng.uniform(0, 1.5)
        if rng.random() < 0.5:
            w.kill()
        world.watch.forget(w.name)
        if not (yield from w.enrol(within=30)):
            world.timeline.note("enrol later", "", w.name)
            w.is_enrolled = False
        # Another workstation to the gateway, so another stream.
        world.watch.forget(w.name)
        w.is_taken = False


def fill_disk(world):
    """The gateway's disk is full for some seconds, again and again."""
    rng, disk = story_random(world, "disk"), world.disk
    while world.is_torturing:
        yield rng.uniform(6, 15)
        if not world.is_torturing:
            return
        world.may_gateway_fail = True
        left = rng.choice((0, 0, 4096, 65536, 300_000, 1_500_000))
        size = disk.fill(left)
        world.timeline.note("full disk", "%d bytes of ballast, %d left" % (size, left))
        yield rng.uniform(0.5, 4)
        disk.free()
        world.timeline.note("disk freed")
        yield 0.5
        world.may_gateway_fail = False
