"""Who a workstation is, meddled with: tokens revoked, tenants deleted, homes set back, copied and lost.

`world.changing` counts the stories that are at it; while `world.are_identities_frozen`, or for tokens
`world.are_tokens_frozen`, no further one begins.
"""

import os
import shutil
import signal

from faults import copy_folder, pause, story_random


def revoke_tokens(world):
    """A token is revoked, mostly in the middle of things; the workstation is enrolled again later."""
    rng = story_random(world, "revoke")
    while world.is_torturing:
        yield from pause(world, rng.uniform(1, 5))
        w = rng.choice(world.workstations)
        if w.is_taken or w.is_pinned or not w.is_enrolled or world.are_tokens_frozen:
            continue
        w.is_taken = True
        world.changing += 1
        world.timeline.note("revoke token", "while it %s" % ("runs" if w.is_running else "rests"), w.name)
        command = world.gateway.command("workstation", "revoke", "--tenant", w.tenant, "--workstation", w.label)
        yield command.ended()
        command.finish()
        yield rng.uniform(0, 1.5)
        if rng.random() < 0.5:
            w.kill()
        if not (yield from w.enrol(within=30)):
            world.timeline.note("enrol later", "", w.name)
            w.is_enrolled = False
        world.changing -= 1
        w.is_taken = False


def delete_tenants(world):
    """Some tenants are deleted in the middle of their traffic; nothing of them may be left."""
    rng, most = story_random(world, "delete"), max(1, len(world.tenants) // 4)
    while world.is_torturing and len(world.deleted) < most:
        yield from pause(world, rng.uniform(10, 40))
        if not world.is_torturing or world.are_identities_frozen:
            continue
        tenant = rng.choice([t for t in world.tenants[1:] if t not in world.deleted])
        mine = world.of_tenant(tenant)
        if any(w.is_taken for w in mine):
            continue
        world.changing += 1
        for w in mine:
            w.is_taken = True
        running = sum(w.is_running for w in mine)
        world.timeline.note("delete tenant", "while %d of its workstations run" % running, tenant)
        if (yield from delete_tenant(world, tenant)):
            marks = [session.replace("-", "") for session in world.journal.sessions(tenant)]
            marks += [(world.watch.stream(w.name) or "").replace("-", "") for w in mine]
            world.deleted[tenant] = [bytes.fromhex(m) for m in marks if m] + [
                text.encode() for text in [tenant] + [w.label for w in mine]]
            world.journal.forget(tenant)
            # They go on for a while with tokens that open nothing.
            yield rng.uniform(0, 3)
        else:
            world.complain("%s cannot be deleted" % tenant)
        for w in mine:
            w.kill()
            w.is_enrolled = False
        world.changing -= 1


def delete_tenant(world, tenant):
    """Asks until it is gone: the gateway is killed meanwhile. False after a minute."""
    deadline = world.now() + 60
    while world.now() < deadline:
        command = world.gateway.command("tenant", "delete", tenant, "--yes", name="delete")
        yield command.ended()
        code, _, errors = command.finish()
        show = world.gateway.command("tenant", "list", "--json", name="list")
        yield show.ended()
        listed, output, _ = show.finish()
        if listed == 0 and '"%s"' % tenant not in output:
            return True
        world.timeline.note("not deleted yet", "%s: %s" % (code, errors.strip()[-120:]), tenant)
        yield 0.3
    return False


def meddle_with_homes(name, change):
    """Now and then some workstation's home is changed: see `roll_back`, `clone` and `lose`."""
    def story(world):
        rng = story_random(world, name)
        while world.is_torturing:
            yield from pause(world, rng.uniform(4, 16))
            w = rng.choice(world.workstations)
            if w.is_taken or w.is_pinned or not w.is_enrolled or world.are_identities_frozen:
                continue
            world.changing += 1
            w.is_pinned = True
            world.watch.exempt(w.name)
            yield from change(world, w, rng)
            w.is_pinned = False
            world.changing -= 1
    return story


def roll_back(world, w, rng):
    """As a virtual machine that is set back to its snapshot."""
    snapshot = os.path.join(w.folder, "snapshot")
    yield from end_workstation(w, rng)
    copy_folder(w.home, snapshot)
    until = world.now() + rng.uniform(1, 10)
    while world.now() < until and world.is_torturing or w.is_taken:
        yield 0.1
    yield from end_workstation(w, rng)
    shutil.rmtree(w.home)
    os.rename(snapshot, w.home)
    world.timeline.note("home set back", "", w.name)


def clone(world, w, rng):
    """A copy of the home sends from elsewhere while the first stands still, which then goes on."""
    copy = os.path.join(w.folder, "clone")
    w.is_taken = True
    program = w.program if w.is_running else w.start("run")
    yield rng.uniform(0.1, 1)
    program.signal(signal.SIGSTOP)
    copy_folder(w.home, copy)
    world.timeline.note("clone", "", w.name)
    command = w.command("sync", "--wait", "5", home=copy)
    yield command.ended(rng.uniform(1, 8))
    program.signal(signal.SIGCONT)
    w.is_taken = False
    yield rng.uniform(0, 2)
    command.finish()
    shutil.rmtree(copy)
    # No slot knows of a program that was started here.
    if w.program is program:
        yield from end_workstation(w, rng)


def lose(world, w, rng):
    """Home and keys are gone; the person enrols the machine again."""
    w.is_taken = True
    yield from end_workstation(w, rng)
    shutil.rmtree(w.home)
    os.makedirs(w.home)
    world.timeline.note("home lost", "", w.name)
    if not (yield from w.enrol(within=30)):
        world.timeline.note("enrol later", "", w.name)
        w.is_enrolled = False
    w.is_taken = False


def end_workstation(w, rng):
    if rng.random() < 0.4:
        yield from w.stop()
    else:
        w.kill()
