"""Planted mistakes, for the harness to find: one that can be planted and not found would make every clean run worthless.

Each is a function that spoils something once the faults have stopped, named with the invariant that has to fail.
`before` it the workstations have drained or not, as the table says.
"""

import os

import transcripts
from journal import Call


def extra_event(world):
    """The journal holds a call that no agent made: as if the product had lost one."""
    w = world.workstations[0]
    world.journal.write(w.tenant, w.label, transcripts.make_uuid(world.rng), Call(
        "claude-opus-4-8", 1_790_000_000_000, {"input_tokens": 1, "output_tokens": 1}))


def one_token(world):
    """A call used one token less than its transcript says."""
    w = world.workstations[-1]
    (_, _, session, model), _ = next(i for i in world.journal._sums.items() if i[0][1] == w.label)
    world.journal._sums[(w.tenant, w.label, session, model)].counts["output_tokens"] -= 1


def double_event(world):
    """One call stands in a transcript twice under two request ids: as if the product had counted it twice."""
    w = world.workstations[1]
    path, line = _last_claude_line(w)
    with open(path, "ab") as f:
        at = line.index(b"req_011C") + 8
        marked = line.index(b"msg_01") + 6
        copy = bytearray(line)
        copy[at:at + 4], copy[marked:marked + 4] = b"ZZZZ", b"ZZZZ"
        f.write(bytes(copy))


def _last_claude_line(w):
    for base, _, names in sorted(os.walk(w.claude)):
        for name in sorted(names):
            with open(os.path.join(base, name), "rb") as f:
                for line in reversed(f.readlines()):
                    if b"req_011C" in line and line.endswith(b"}\n"):
                        return os.path.join(base, name), line
    raise SystemExit("cheat: no transcript to spoil")


def broken_promise(world):
    """A workstation was told that more is committed than the gateway has."""
    world.watch._fresh[world.workstations[0].name] = 1_000_000


def content(world):
    """A word of a transcript stands in a file of the gateway."""
    with open(os.path.join(world.gateway_data, "books", "note"), "w") as f:
        f.write(transcripts.CANARY)


def neighbour(world):
    """A session of one tenant stands in another's folder."""
    from judge import session_bytes
    session = session_bytes(sorted(world.journal.sessions(world.tenants[0]))[0])
    folders = sorted(os.scandir(os.path.join(world.gateway_data, "tenants")), key=lambda e: e.name)
    for folder in folders:
        with open(os.path.join(folder.path, "note"), "wb") as f:
            f.write(session)


def flipped_bit(world):
    """A byte of an acknowledged record is another one on the disk."""
    world.loop.run_all([world.gateway.stop()], world.now() + 60)
    for folder in sorted(os.scandir(os.path.join(world.gateway_data, "tenants")), key=lambda e: e.name)[:1]:
        ledger = os.path.join(folder.path, "ledger")
        path = sorted(os.path.join(ledger, n) for n in os.listdir(ledger) if n.endswith(".segment"))[0]
        with open(path, "r+b") as f:
            # The first record's bytes, a little behind the segment's header.
            f.seek(200)
            byte = f.read(1)
            f.seek(200)
            f.write(bytes([byte[0] ^ 1]))
    world.gateway.serve()
    world.loop.run_all([world.gateway.become_up()], world.now() + 60)


def unsent(world):
    """A workstation's events stay where they are: its enrolment points to nobody."""
    w = world.workstations[0]
    path = os.path.join(w.home, "config")
    with open(path, "rb") as f:
        text = f.read()
    world.spoiled_port = b":%d" % world.proxy.port
    with open(path, "wb") as f:
        f.write(text.replace(world.spoiled_port, b":%d" % 1))
    # So that there is something to send.
    w.author.write_call(world.journal, w.tenant, w.label, 0)
    while w.author.pending:
        w.author.flush(float("inf"))


# name → (when, what, the invariant that must say FAIL)
CHEATS = {
    "extra-event": ("before", extra_event, "I1"),
    "one-token": ("after", one_token, "I1"),
    "double-event": ("before", double_event, "I1"),
    "broken-promise": ("after", broken_promise, "I3"),
    "content": ("after", content, "I9"),
    "neighbour": ("after", neighbour, "I9"),
    "flipped-bit": ("after", flipped_bit, "I6"),
    "unsent": ("before", unsent, "I13"),
}
