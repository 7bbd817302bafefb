"""Planted leaks, one a place: each puts a secret where a mistake would put it, and the run has to fail with that
place's name. Where the program itself can be made to leak by what an operator or a peer may rightly do, that is how.

| when | it acts |
|---|---|
| build | before the workstation starts |
| live | while everything runs |
| memory, core | right before the gateway's memory is read, or its core is made |
| after | when the programs have ended, before files are searched |
"""

import base64
import os

from peer import Peer


class Plant:
    """`place` is the name that has to fail."""

    def __init__(self, name, place, when, act):
        self.name, self.place, self.when, self._act = name, place, when, act

    def at(self, when, run):
        if when == self.when:
            self._act(run, run.planted)


def append(path, secret):
    with open(path, "ab") as f:
        f.write(secret.encode())


def model(run, secret):
    """What was content has become a model's name: the one text that travels. It reaches every place that events do."""
    run.homes.control_also = secret.lower()


def spool(run, secret):
    base = os.path.join(run.homes.tally, "spool")
    append(os.path.join(base, sorted(os.listdir(base))[0]), secret)


def tally_output(run, secret):
    """A program that tells what it was given. (`connect` names the host that it cannot find.)"""
    run.workstation.command("connect", secret + ".invalid:1", "--token", "tg_none", codes=None)


def wire(run, secret):
    """A workstation that sends more than it should: an option of its HELLO."""
    with Peer(run.relayed) as peer:
        peer.open(run.hostile_token, [(0x0a0a, secret.encode())])


def encoded_wire(run, secret):
    """The same in a form that is not the bytes themselves."""
    with Peer(run.relayed) as peer:
        peer.open(run.hostile_token, [(0x0a0a, base64.b64encode(b"=" + secret.encode()))])


def gateway_file(run, secret):
    os.makedirs(os.path.join(run.gateway.data, "books"), exist_ok=True)
    append(os.path.join(run.gateway.data, "books", "note"), secret)


def write_ahead_log(run, secret):
    append(os.path.join(run.gateway.data, "catalog.sqlite-wal"), secret)


def gateway_log(run, secret):
    """A name that an operator chose stands in the log."""
    _, token = run.gateway.enroll(run.tenant, secret)
    with Peer(run.gateway) as peer:
        peer.open(token.encode())


def metrics(run, secret):
    run.scraped.append(("planted", secret.encode()))


def report(run, secret):
    """A tenant's name stands in reports."""
    run.gateway.command("tenant", "create", secret.lower())
    run.gateway.command("tenant", "list")


def reply(run, secret):
    """Nothing that a gateway answers can hold so much; a door that came later might."""
    run.hostile.replies.append(("planted", b"HTTP/1.1 404 Not Found\r\n\r\nthere is no /" + secret.encode()))


def half_a_frame(run, secret):
    """What stands in memory because its connection still waits for the rest."""
    peer = Peer(run.gateway, "cut")
    peer.open(run.hostile_token)
    peer.send((60_000).to_bytes(4, "little") + b"\3\0" + secret.encode() * 20)
    run.wait_for_bytes(60)
    run.held.append(peer)


PLANTS = {plant.name: plant for plant in (
    Plant("model", "wire", "build", model), Plant("spool", "spool", "after", spool),
    Plant("tally-output", "tally-output", "live", tally_output), Plant("wire", "wire", "live", wire),
    Plant("wire-encoded", "wire", "live", encoded_wire), Plant("gateway-files", "gateway-files", "after", gateway_file),
    Plant("gateway-wal", "gateway-wal", "after", write_ahead_log),
    Plant("gateway-log", "gateway-log", "live", gateway_log),
    Plant("metrics", "metrics", "after", metrics), Plant("reports", "reports", "live", report),
    Plant("replies", "replies", "live", reply), Plant("gateway-memory", "gateway-memory", "memory", half_a_frame),
    Plant("gateway-core", "gateway-core", "core", half_a_frame))}
