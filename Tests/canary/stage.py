"""The programs of a run: a gateway with its operator's commands, a workstation with its home, everything they print."""

import json
import os
import re
import subprocess
import sys
import time
import urllib.request

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "torture"))
from programs import environment  # noqa: E402

READY_WITHIN = 60.0
COMMAND_WITHIN = 120.0
# What the proof knows of. A command or a door that is not here was added without it: see docs/PRIVACY.md.
COMMANDS = {
    "tallygate": {"serve", "tenant", "enroll", "workstation", "usage", "sessions", "verify", "rebuild", "audit", "doctor",
                  "prices", "reprice", "help"},
    "tally": {"connect", "disconnect", "sync", "run", "send", "status", "deadletters", "inspect", "report", "pause",
              "resume", "ignore", "help"}}
DOORS = {"listen", "address", "metrics"}


class Failure(Exception):
    """Something that makes a run worthless, in words for a person."""


def unknown_doors(binaries):
    """Commands of both programs, and addresses that `serve` listens on, of which this proof does not know."""
    unknown = []
    for program, known in COMMANDS.items():
        text = _help(binaries, program)
        listed = re.findall(r"^  ([a-z]+)\b", text.partition("SUBCOMMANDS:")[2], re.M)
        unknown += ["%s %s" % (program, name) for name in listed if name not in known]
        if not listed:
            raise Failure("%s --help lists no commands" % program)
    doors = re.findall(r"--([a-z-]+) <host:port>", _help(binaries, "tallygate", "serve"))
    if not doors:
        raise Failure("tallygate serve --help lists no addresses")
    return unknown + ["tallygate serve --" + name for name in doors if name not in DOORS]


def _help(binaries, program, *words):
    done = subprocess.run([os.path.join(binaries, program), *words, "--help"], stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=COMMAND_WITHIN, env=environment())
    return done.stdout


class Stage:
    """Folders of one run. `output` gathers what programs printed: [(who and what, bytes)]."""

    def __init__(self, root, binaries, programs):
        self.root, self.binaries, self.programs = root, binaries, programs
        self.output = {"tally": [], "tallygate": []}

    def path(self, *parts):
        return os.path.join(self.root, *parts)

    def command(self, program, words, env, stdin=b"", codes=(0,)):
        """Runs a command; what it printed, on both outputs, is kept. Returns its standard output."""
        done = subprocess.run([os.path.join(self.binaries, program), *words], input=stdin, capture_output=True,
                              env=env, cwd=self.root, timeout=COMMAND_WITHIN)
        self.output[program].append((" ".join(words[:2]), done.stdout + b"\n" + done.stderr))
        if codes is not None and done.returncode not in codes:
            raise Failure("%s %s ended with %d: %s" % (
                program, " ".join(words[:2]), done.returncode, done.stderr.decode("utf-8", "replace").strip()[-400:]))
        return done.stdout.decode("utf-8", "replace")


class Gateway:
    """A gateway under all its doors; `public` is where workstations shall go instead."""

    def __init__(self, stage, public):
        self.stage = stage
        self.data = stage.path("gateway")
        self.log = stage.path("gateway.log")
        self.cores = stage.path("cores")
        self.authority = os.path.join(self.data, "tls", "ca.pem")
        self._env = environment(HOME=stage.root, TALLYGATE_DATA=self.data)
        self.program = stage.programs.start(
            [os.path.join(stage.binaries, "tallygate"), "serve", "--listen", "127.0.0.1:0", "--metrics", "127.0.0.1:0",
             "--address", "127.0.0.1:%d" % public, "--log-level", "debug"], self._env, os.devnull, self.log)
        listening = self._wait(r"^listening on \S+:(\d+)$")
        self.port = int(listening[1])
        self.metrics_url = self._wait(r"^metrics on (http://\S+)/metrics$")[1]
        self.metrics_port = int(self.metrics_url.rsplit(":", 1)[1])

    @property
    def pid(self):
        return self.program.pid

    def _wait(self, pattern):
        deadline = time.monotonic() + READY_WITHIN
        while time.monotonic() < deadline and self.program.poll() is None:
            with open(self.log, encoding="utf-8", errors="replace") as f:
                found = re.search(pattern, f.read(), re.M)
            if found:
                return found
            time.sleep(0.02)
        with open(self.log, encoding="utf-8", errors="replace") as f:
            raise Failure("the gateway does not start:\n" + f.read())

    def command(self, *words):
        return self.stage.command("tallygate", list(words), self._env)

    def enroll(self, tenant, workstation):
        """(the words of the line that is to be run on the workstation, the token)"""
        words = self.command("enroll", "--tenant", tenant, "--workstation", workstation).split()
        return words[1:], words[words.index("--token") + 1]

    def events(self, tenant):
        report = json.loads(self.command("usage", "--tenant", tenant, "--by", "model", "--json"))
        return report["totals"]["events"]

    def scrape(self):
        """Everything that the metrics' door answers to friends."""
        answers = []
        for path in ("/metrics", "/healthz", "/readyz"):
            with urllib.request.urlopen(self.metrics_url + path, timeout=30) as answer:
                answers.append((path, str(answer.headers).encode() + answer.read()))
        return answers

    def wait_for_silence(self):
        """Until no connection is left: what a peer said is over then."""
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            text = dict(self.scrape())["/metrics"].decode()
            if re.search(r"^tallygate_connections 0$", text, re.M):
                return
            time.sleep(0.05)
        raise Failure("connections are left long after their peers have gone")

    def operate(self, tenant):
        """Every command of an operator that looks at a tenant, in every form."""
        for by in ("day", "hour", "model", "agent", "workstation", "project", "session", "origin"):
            for form in ([], ["--json"], ["--csv"]):
                self.command("usage", "--tenant", tenant, "--by", by, *form)
        for words in (["tenant", "list"], ["tenant", "show", tenant], ["workstation", "list", "--tenant", tenant],
                      ["audit"], ["audit", "--tenant", tenant], ["verify"], ["rebuild", "--tenant", tenant],
                      ["sessions", "--tenant", tenant], ["doctor"], ["prices", "list"], ["prices", "list", "--json"],
                      ["prices", "show", "claude-opus-4-8"], ["reprice", "--tenant", tenant],
                      ["reprice", "--tenant", tenant, "--json"]):
            self.command(*words)
            self.command(*words, "--json")


class Workstation:
    """`tally` in a home of secrets."""

    def __init__(self, stage, homes):
        self.stage, self.homes = stage, homes
        self._env = environment(**homes.environment())
        self._follower = None

    def command(self, *words, stdin=b"", codes=(0,)):
        return self.stage.command("tally", list(words), self._env, stdin, codes)

    def follow(self):
        """`tally run`, which writes what it says to a file of its own."""
        self.log = self.stage.path("tally-run.log")
        self._follower = self.stage.programs.start(
            [os.path.join(self.stage.binaries, "tally"), "run", "--otlp", "127.0.0.1:0"], self._env, self.log, self.log)

    def receiver(self):
        """Where `tally run` takes telemetry, once it does."""
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            with open(self.log, encoding="utf-8") as f:
                text = f.read()
            found = re.search(r"taking telemetry at (http://\S+)\n", text)
            if found and "following" in text:
                return found.group(1)
            time.sleep(0.05)
        raise Failure("tally run takes no telemetry")

    def stop(self, signal):
        """Ends `tally run`, which must end by itself."""
        self._follower.signal(signal)
        deadline = time.monotonic() + 30
        while self._follower.poll() is None:
            if time.monotonic() > deadline:
                raise Failure("tally run does not stop")
            time.sleep(0.02)
        if self._follower.poll() != 0:
            raise Failure("tally run ended with %d" % self._follower.poll())
