"""The gateway under torture: started, killed, stopped, started again, its log read for what it promised."""

import os
import re
import signal
import time

from loop import Ended
from programs import environment

READY_WITHIN = 60.0
STOP_WITHIN = 30.0
# Exit codes that a gateway may end with by itself, and why.
EXIT_BARRIER = 74

OPENED = re.compile(r"stream opened tenant=(\S+) workstation=(\S+) committed=(\d+) generation=(\d+)")
EPOCH = re.compile(r"store epoch raised")


class Gateway:
    def __init__(self, world):
        self.world = world
        self.data = world.gateway_data
        self.log = os.path.join(world.root, "gateway.log")
        self.port = None
        self.program = None
        self.is_up = False
        # It was asked to stop before it listened.
        self.is_stopped_early = False
        # Raised while somebody needs the gateway as it is: nobody kills it then, or nobody starts it.
        self.hold = 0
        # Faults are at work that may end it by itself.
        self.is_excused = False
        self.environment = {}
        # Operators' commands that are at work.
        self.commands = set()
        self.starts = 0
        self.kills = 0
        self.peak_bytes = 0
        self.exits = {}
        self._read_to = 0
        self.on_opened = lambda tenant, workstation, committed, generation: None
        open(self.log, "w").close()

    def serve(self):
        """Starts the program; it is not yet up."""
        w = self.world
        listen = "127.0.0.1:%d" % (self.port or 0)
        arguments = [w.tallygate, "serve", "--data", self.data, "--listen", listen]
        if w.proxy:
            arguments += ["--address", "127.0.0.1:%d" % w.proxy.port]
        env = environment(HOME=w.root, **self.environment)
        self.is_up = False
        self.starts += 1
        self.program = w.programs.start(arguments, env, os.devnull, self.log)

    def become_up(self, within=READY_WITHIN):
        """A story: waits until it listens; `is_up` says whether it did."""
        deadline = time.monotonic() + within
        while time.monotonic() < deadline and self.program and self.program.poll() is None:
            for line in self._new_lines():
                if line.startswith("listening on "):
                    self.is_up = True
                    self.port = int(line.rsplit(":", 1)[1])
            if self.is_up:
                return
            yield 0.01

    def kill(self):
        if self.program and self.program.poll() is None:
            self.peak_bytes = max(self.peak_bytes, self.program.peak_bytes())
            self.program.kill()
            self.kills += 1
        self._over()

    def stop(self):
        """A story: SIGTERM, and it must end by itself: with 0, or by the signal where it has not listened yet, since a
        program that has only just begun does not know of signals."""
        if self.program and self.program.poll() is None:
            self.peak_bytes = max(self.peak_bytes, self.program.peak_bytes())
            program = self.program
            self.is_stopped_early = not self.is_up
            program.signal(signal.SIGTERM)
            yield Ended(program, STOP_WITHIN)
            if program.poll() is None:
                self.world.complain("the gateway did not stop within %d s of SIGTERM" % STOP_WITHIN)
                program.kill()
        self._over()

    def watch(self):
        """Looks whether it has ended by itself, and reads its log. True while it runs."""
        self._new_lines()
        if self.program is None:
            return False
        code = self.program.poll()
        if code is None:
            return True
        self._over()
        return False

    def _over(self):
        self._new_lines()
        if self.program is not None:
            code = self.program.poll()
            self.exits[code] = self.exits.get(code, 0) + 1
            if self.program.has_crashed:
                self.world.complain("the gateway crashed with signal %d; see gateway.log" % -code)
            elif code not in (0, -signal.SIGKILL) and not (self.is_stopped_early and code == -signal.SIGTERM):
                self.world.timeline.note("gateway exit %s" % code, self.last_words())
                self.world.gateway_failed(code)
        self.program = None
        self.is_up = self.is_stopped_early = False

    def last_words(self):
        with open(self.log, "rb") as f:
            f.seek(max(0, os.path.getsize(self.log) - 400))
            return f.read().decode("utf-8", "replace").strip().rsplit("\n", 1)[-1]

    def _new_lines(self):
        """Whole lines written since; each is looked at once."""
        with open(self.log, "rb") as f:
            f.seek(self._read_to)
            data = f.read()
        end = data.rfind(b"\n") + 1
        self._read_to += end
        lines = data[:end].decode("utf-8", "replace").splitlines()
        for line in lines:
            opened = OPENED.search(line)
            if opened:
                self.on_opened(opened[1], opened[2], int(opened[3]), int(opened[4]))
            elif EPOCH.search(line):
                self.world.timeline.note("epoch raised", line.split(" ", 2)[-1])
            elif "quarantined" in line or " critical " in line or " error " in line:
                self.world.timeline.note("gateway says", line)
        return lines

    # -- commands

    def command(self, *words, name="command"):
        """Starts an operator's command; a `Command` to wait for."""
        w = self.world
        env = environment(HOME=w.root)
        return Command(w, [w.tallygate] + list(words) + ["--data", self.data], env, name, self.commands)


class Command:
    """A program that ends by itself and whose output is looked at."""

    def __init__(self, world, arguments, env, name, register=None):
        self.register = register if register is not None else set()
        self.register.add(self)
        self.stem = os.path.join(world.scratch, "%s-%d" % (name, world.number()))
        self.program = world.programs.start(arguments, env, self.stem + ".out", self.stem + ".err")

    def ended(self, within=30):
        return Ended(self.program, within)

    def finish(self):
        """(exit code, output, errors); a program still running is killed and has no code."""
        code = self.program.poll()
        if code is None:
            self.program.kill()
        self.register.discard(self)
        texts = []
        for suffix in (".out", ".err"):
            with open(self.stem + suffix, encoding="utf-8", errors="replace") as f:
                texts.append(f.read())
            os.unlink(self.stem + suffix)
        return code, texts[0], texts[1]
