"""A workstation under torture: its home, its transcripts, and the `tally` that comes and goes there."""

import json
import os
import random
import signal

from gateway import Command
from loop import Ended
from programs import environment
from transcripts import Author


class Workstation:
    def __init__(self, world, tenant, label):
        self.world, self.tenant, self.label = world, tenant, label
        self.name = "%s/%s" % (tenant, label)
        self.folder = os.path.join(world.root, "workstations", tenant, label)
        self.home = os.path.join(self.folder, "tally")
        self.claude = os.path.join(self.folder, "claude")
        self.codex = os.path.join(self.folder, "codex")
        for path in (self.home, os.path.join(self.claude, "projects"), os.path.join(self.codex, "sessions")):
            os.makedirs(path, exist_ok=True)
        self.log = os.path.join(self.folder, "tally.log")
        self.rng = random.Random("%s %s" % (world.seed, self.name))
        self.author = Author(self.rng, self.claude, self.codex)
        self.environment = {}
        self.program = None
        # Somebody works on the home or the enrolment: nobody else starts or kills anything here.
        self.is_taken = False
        self.is_enrolled = False
        # Its home is being snapshot or copied: its token stays as it is meanwhile.
        self.is_pinned = False
        self.kills = 0

    def env(self, home=None, **more):
        return environment(
            HOME=self.folder, TALLY_HOME=home or self.home, CLAUDE_CONFIG_DIR=self.claude, CODEX_HOME=self.codex, **more)

    def start(self, *words):
        """`tally` under whatever faults are set for it."""
        self.program = self.world.programs.start(
            [self.world.tally] + list(words), self.env(**self.environment), self.log, self.log)
        return self.program

    def command(self, *words, home=None):
        return Command(self.world, [self.world.tally] + list(words), self.env(home), self.label)

    @property
    def is_running(self):
        return self.program is not None and self.program.poll() is None

    def kill(self):
        if self.is_running:
            self.program.kill()
            self.kills += 1
        self.over()

    def stop(self):
        """A story: SIGTERM, and it must end by itself."""
        program = self.program
        if self.is_running:
            program.signal(signal.SIGTERM)
            yield Ended(program, 20)
            if program.poll() is None:
                self.world.complain("%s did not stop within 20 s of SIGTERM" % self.name)
                program.kill()
        if self.program is program:
            self.over()

    def over(self):
        """Looks how its program ended."""
        if self.program is not None:
            code = self.program.poll()
            if self.program.has_crashed:
                self.world.complain("tally of %s crashed with signal %d; see %s" % (self.name, -code, self.log))
            elif code == 1:
                self.world.timeline.note("tally exit 1", self.last_words(), self.name)
        self.program = None

    def last_words(self):
        size = os.path.getsize(self.log)
        with open(self.log, "rb") as f:
            f.seek(max(0, size - 300))
            return f.read().decode("utf-8", "replace").strip().rsplit("\n", 1)[-1]

    def status(self):
        """A story: what `tally status --json` says, or None; the result is its value."""
        command = self.command("status", "--json")
        yield command.ended(20)
        code, output, errors = command.finish()
        if code == 0:
            return json.loads(output)
        self.world.timeline.note("status failed", (errors or str(code)).strip()[-200:], self.name)
        return None

    def enrol(self, within):
        """A story: enrols and connects, trying until it works or the time is over. Holds the home meanwhile."""
        gateway, deadline = self.world.gateway, self.world.now() + within
        while self.world.now() < deadline:
            command = gateway.command("enroll", "--tenant", self.tenant, "--workstation", self.label, name="enroll")
            yield command.ended()
            code, output, errors = command.finish()
            words = output.split()
            if code == 0 and words[:2] == ["tally", "connect"]:
                if (yield from self._connect(words[1:], deadline)):
                    self.is_enrolled = True
                    return True
            # Perhaps enrolled by a command whose answer was lost: its token is, too.
            command = gateway.command("workstation", "revoke", "--tenant", self.tenant, "--workstation", self.label)
            yield command.ended()
            command.finish()
            yield 0.2
        return False

    def _connect(self, words, deadline):
        for _ in range(40):
            if self.world.now() > deadline:
                return False
            command = self.command(*words)
            yield command.ended(20)
            code, _, errors = command.finish()
            if code == 0:
                return True
            if "token" in errors or "revoked" in errors:
                return False
            yield 0.25
        return False
