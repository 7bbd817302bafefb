#!/usr/bin/env python3
"""`make canary`: homes in which all content is secret go through the real programs, a hostile client does its worst,
and then none of the secrets may stand anywhere but in those homes.

    run.py [--seed N] [--binaries DIR] [--quick] [--plant NAME] [--keep]

Exits with 0 if every place was searched, its control was found there and no secret was; else with 1, and says which
secret stood where and in which form.
"""

import argparse
import os
import random
import shutil
import signal
import sys
import tempfile
import time

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "torture"))
import memory  # noqa: E402
from canaries import Vault  # noqa: E402
from homes import Homes  # noqa: E402
from hostile import Hostile  # noqa: E402
from peer import Unexpected  # noqa: E402
from places import Places  # noqa: E402
from plants import PLANTS  # noqa: E402
from programs import Programs  # noqa: E402
from relay import Relay  # noqa: E402
from stage import Failure, Gateway, Stage, Workstation, unknown_doors  # noqa: E402
from telemetry import Telemetry  # noqa: E402

ROOT = os.path.abspath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
# How long an event may take from its transcript to the ledger.
ARRIVAL_WITHIN = 60.0


def say(text=""):
    print(text, flush=True)


class Relayed:
    """The gateway as it is reached through the relay."""

    def __init__(self, gateway, relay):
        self.port, self.authority, self.metrics_port = relay.port, gateway.authority, gateway.metrics_port


class Run:
    def __init__(self, root, options, seed):
        self.root, self.options = root, options
        self.vault, self.controls = Vault(seed), Vault("control " + seed)
        self.plant = PLANTS[options.plant] if options.plant else None
        # Drawn first, so that every search knows it.
        self.planted = self.vault.new("planted leak: " + options.plant) if self.plant else None
        self.programs = Programs(os.path.join(root, "cores"))
        self.stage = Stage(root, os.path.abspath(options.binaries), self.programs)
        self.relay = Relay(self.stage.path("gateway"))
        self.places = None
        self.scraped = []
        # Connections that a planted leak keeps open.
        self.held = []

    def at(self, when):
        if self.plant:
            self.plant.at(when, self)

    # -- what happens

    def perform(self):
        unknown = unknown_doors(self.stage.binaries)
        if unknown:
            raise Failure("this proof does not know of: %s. Whatever can leave by it has to be searched here first"
                          % ", ".join(unknown))
        self.gateway = Gateway(self.stage, self.relay.port)
        self.relay.start(self.gateway.port)
        self.relayed = Relayed(self.gateway, self.relay)
        # Names that operators choose may be seen; that they are is the control of log and reports.
        self.tenant = self.controls.new("tenant's name").lower()
        self.gateway.command("tenant", "create", self.tenant)
        self.honest()
        self.hostility()
        self.at("live")
        self.gateway.operate(self.tenant)
        self.scraped += self.gateway.scrape()
        self.gateway.wait_for_silence()

    def honest(self):
        """Everything that a workstation does."""
        self.homes = Homes(self.vault, self.root, self.controls.new("model's name").lower(), self.options.quick)
        self.at("build")
        self.homes.build()
        self.workstation = tally = Workstation(self.stage, self.homes)
        words, _ = self.gateway.enroll(self.tenant, "laptop-" + self.controls.new("workstation's name"))
        tally.command(*words)
        tally.command("sync")
        # Bad lines are refused, and named by number and field: exit code 1.
        tally.command("send", stdin=self.homes.sent(), codes=(1,))
        self.arrived()
        tally.follow()
        self.write_later()
        self.arrived()
        telemetry = Telemetry(self.vault, tally.receiver())
        try:
            telemetry.send()
        except RuntimeError as error:
            raise Failure(str(error)) from error
        self.homes.calls += telemetry.calls
        self.arrived()
        tally.command("sync")
        for words in (["status"], ["status", "--json"], ["inspect", "--last", "500"], ["inspect", "--json"],
                      ["deadletters", "list"], ["deadletters", "list", "--json"], ["pause", "--for", "1h"], ["resume"],
                      ["ignore", "/nowhere/at/all"], ["ignore", "--list"], ["ignore", "--remove", "/nowhere/at/all"],
                      # Names of projects are shown to their owner (`--by project`), on a screen of the same machine.
                      *(["report", "--by", by, *form] for by in ("model", "day", "agent", "session", "origin")
                        for form in ([], ["--json"]))):
            tally.command(*words)
        tally.stop(signal.SIGTERM)

    def write_later(self):
        """Lines that come while somebody follows, in two halves, the first ending within a secret."""
        for path, data in self.homes.later:
            self.homes.write(path, data[:len(data) // 2])
        time.sleep(0.3)
        for path, data in self.homes.later:
            self.homes.write(path, data[len(data) // 2:])
        self.homes.calls += self.homes.later_calls

    def arrived(self):
        """Waits until the gateway has every call of the homes, and no more."""
        deadline = time.monotonic() + ARRIVAL_WITHIN
        while True:
            events = self.gateway.events(self.tenant)
            if events == self.homes.calls:
                return
            if time.monotonic() > deadline or events > self.homes.calls:
                raise Failure("the gateway has %d events where the homes hold %d calls" % (events, self.homes.calls))
            time.sleep(0.1)

    def hostility(self):
        _, token = self.gateway.enroll(self.tenant, "visitor")
        self.hostile_token = token.encode()
        self.hostile = Hostile(self.vault, self.gateway, self.hostile_token)
        try:
            self.hostile.run()
        except Unexpected as error:
            raise Failure("a hostile client was not refused as it should be: %s" % error) from error
        if self.gateway.program.poll() is not None:
            raise Failure("the gateway has ended under the hostile client; see its log")

    def wait_for_bytes(self, seconds):
        """Long enough for bytes on loopback to be read by the gateway."""
        self.gateway.scrape()
        time.sleep(min(seconds, 0.3))

    # -- what is searched

    def search(self):
        places = self.places = Places(self.vault, self.controls, say)
        gateway, homes = self.gateway, self.homes
        self.at("memory")
        places.process("gateway-memory", gateway.pid, ("model's name", "tenant's name"))
        self.let_go()
        self.at("core")
        path, how = memory.core_of(gateway.program, gateway.cores)
        places.core("gateway-core", path, how, ("model's name", "tenant's name"))
        self.let_go()
        self.relay.stop()
        self.at("after")
        places.folder("spool", homes.tally, ("model's name",))
        places.texts("tally-output", self.stage.output["tally"] + [("run", read(self.workstation.log))],
                     ("model's name",))
        places.texts("wire", list(self.relay.plaintext()), ("model's name",), with_digests=True)
        places.folder("gateway-files", gateway.data, ("model's name",), lambda name: not name.endswith("-wal"))
        places.folder("gateway-wal", gateway.data, ("tenant's name", "workstation's name"),
                      lambda name: name.endswith("-wal"))
        places.texts("gateway-log", [("standard error", read(gateway.log))], ("tenant's name", "workstation's name"))
        places.texts("metrics", self.scraped, (), contains=b"tallygate_events_committed_total")
        places.texts("reports", self.stage.output["tallygate"], ("model's name", "tenant's name"))
        places.texts("replies", self.hostile.replies, (), contains=b"tallygate_build_info")

    def let_go(self):
        for peer in self.held:
            peer.__exit__()
        self.held.clear()

    def close(self):
        self.let_go()
        self.programs.kill_all()
        self.relay.stop()


def read(path):
    with open(path, "rb") as f:
        return f.read()


def parse(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seed", default=None, help="of the secrets; by default a new one, which is printed")
    parser.add_argument("--binaries", default=os.environ.get("TALLY_BINARIES", os.path.join(ROOT, ".build", "release")),
                        help="where tallygate and tally are; TALLY_BINARIES or .build/release by default")
    parser.add_argument("--quick", action="store_true", help="without the line of 17 MB")
    parser.add_argument("--plant", choices=sorted(PLANTS), help="plant a leak, which has to be found")
    parser.add_argument("--folder", default=None, help="where to work; by default a temporary folder")
    parser.add_argument("--keep", action="store_true", help="keep the folder, secrets, core and all")
    return parser.parse_args(arguments)


def main():
    options = parse()
    # `kill` and a terminal's end take the ordinary way out: every program ended.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit(2))
    os.umask(0o077)
    seed = options.seed or str(random.SystemRandom().randrange(1, 1 << 32))
    root = tempfile.mkdtemp(prefix="canary-", dir=options.folder)
    say("canary: seed %s%s" % (seed, ", planted: " + options.plant if options.plant else ""))
    run, began = Run(root, options, seed), time.monotonic()
    try:
        run.perform()
        run.search()
        run.places.show(len(run.vault.secrets), run.homes.calls, run.hostile.attempts, time.monotonic() - began)
        is_clean = run.places.is_clean
    except Failure as failure:
        say("FAIL: %s" % failure)
        is_clean = False
    finally:
        run.close()
        if options.keep:
            say("kept: " + root)
        else:
            shutil.rmtree(root, ignore_errors=True)
    say("ok" if is_clean else "FAILED: seed %s" % seed)
    return 0 if is_clean else 1


if __name__ == "__main__":
    sys.exit(main())
