"""Runs the real programs under the preload library, each with a folder and a log of its own."""

import json
import os
import re
import shutil
import signal
import struct
import subprocess
import tempfile
import time
from typing import Optional

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))


class NoCompiler(Exception):
    """This machine cannot build the preload library."""


def build_shim(output: str) -> str:
    outcome = subprocess.run(
        [os.path.join(HERE, "shim", "build"), output], capture_output=True, text=True, timeout=120)
    if outcome.returncode == 69:
        raise NoCompiler(outcome.stderr.strip())
    if outcome.returncode != 0:
        raise RuntimeError(f"the preload library does not build:\n{outcome.stderr}")
    return output


def binaries() -> str:
    """Where the programs lie: TALLY_BINARIES, else what was built last of release and debug."""
    given = os.environ.get("TALLY_BINARIES")
    folders = [given] if given else [os.path.join(ROOT, ".build", kind) for kind in ("release", "debug")]
    found = [folder for folder in folders if os.path.exists(os.path.join(folder, "tallygate"))]
    if not found:
        raise RuntimeError(f"no tallygate in {' or '.join(folders)}: build first (make build)")
    return os.path.abspath(max(found, key=lambda folder: os.stat(os.path.join(folder, "tallygate")).st_mtime))


class Control:
    """The file through which a harness steers a running program (TORTURE_CONTROL)."""

    CALM, FULL, SYNC, HOLD = 1, 2, 4, 8

    def __init__(self, path: str) -> None:
        self.path = path
        self.set()

    def set(self, clock_offset_ns: int = 0, switches: int = 0, sync_delay_ms: int = 0) -> None:
        with open(os.open(self.path, os.O_WRONLY | os.O_CREAT, 0o600), "wb") as file:
            file.write(struct.pack("<qII", clock_offset_ns, switches, sync_delay_ms))


class Program:
    """A running program; ended by its own id alone."""

    def __init__(self, arguments: list, environment: dict, output: str) -> None:
        self.output = output
        with open(output, "wb") as file:
            self.process = subprocess.Popen(
                arguments, env=environment, stdin=subprocess.DEVNULL, stdout=file, stderr=subprocess.STDOUT)

    @property
    def is_running(self) -> bool:
        return self.process.poll() is None

    def text(self) -> str:
        with open(self.output, encoding="utf-8", errors="replace") as file:
            return file.read()

    def kill(self) -> int:
        if self.is_running:
            self.process.send_signal(signal.SIGKILL)
        return self.process.wait(30)

    def stop(self) -> int:
        if self.is_running:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(30)


class Rig:
    """One scratch folder: data folders, homes of workstations, transcripts, logs."""

    def __init__(self, shim: str, folder: Optional[str] = None) -> None:
        self.folder = folder or tempfile.mkdtemp(prefix="tally-torture-")
        self.shim = shim
        self.binaries = binaries()
        self.programs: list = []
        self.count = 0

    def __enter__(self) -> "Rig":
        return self

    def __exit__(self, *_) -> None:
        for program in self.programs:
            program.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def path(self, *parts: str) -> str:
        return os.path.join(self.folder, *parts)

    def environment(self, more: dict) -> dict:
        known = {"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "SWIFT_BACKTRACE": "enable=no",
                 "HOME": self.path("nobody")}
        for name in ("LD_LIBRARY_PATH", "TMPDIR"):
            if name in os.environ:
                known[name] = os.environ[name]
        return {**known, **more}

    def watched(self, folder: str, log: Optional[str], extra: Optional[dict]) -> dict:
        """The environment of a program under the library."""
        values = {"LD_PRELOAD": self.shim, "TORTURE_FOLDER": folder, **(extra or {})}
        if log:
            values.update(TORTURE_LOG=log, TORTURE_LOG_TLS="1")
        return values

    def run(self, program: str, *arguments: str, more: Optional[dict] = None, wait: float = 120):
        """Runs a program to its end."""
        return subprocess.run(
            [os.path.join(self.binaries, program), *arguments], env=self.environment(more or {}),
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=wait)

    def must(self, program: str, *arguments: str, more: Optional[dict] = None) -> str:
        outcome = self.run(program, *arguments, more=more)
        if outcome.returncode != 0:
            raise RuntimeError(f"{program} {' '.join(arguments)} ended with {outcome.returncode}: {outcome.stderr}")
        return outcome.stdout

    def start(self, program: str, *arguments: str, more: dict) -> Program:
        self.count += 1
        running = Program(
            [os.path.join(self.binaries, program), *arguments], self.environment(more),
            self.path(f"output-{self.count}"))
        self.programs.append(running)
        return running

    def serve(self, data: str, port: int = 0, log: Optional[str] = None, extra: Optional[dict] = None) -> "Gateway":
        more = {"TALLYGATE_DATA": data, **(self.watched(data, log, extra) if log or extra else {})}
        return Gateway(self.start("tallygate", "serve", "--listen", f"127.0.0.1:{port}", more=more), data)

    def serve_again(self, data: str, port: int, log: Optional[str], extra: Optional[dict] = None) -> "Gateway":
        """The same on a port that was in use just now; another program's connection may hold it for a moment."""
        for _ in range(40):
            gateway = self.serve(data, port, log, extra)
            try:
                return gateway.wait()
            except RuntimeError:
                if "in use" not in gateway.program.text():
                    raise
            if log:
                os.unlink(log)
            time.sleep(0.25)
        raise RuntimeError(f"port {port} stays in use")

    def workstation(self, name: str) -> "Workstation":
        return Workstation(self, self.path("homes", name), self.path("transcripts", name))


class Gateway:
    def __init__(self, program: Program, data: str) -> None:
        self.program = program
        self.data = data
        self.port = 0

    def wait(self, seconds: float = 30) -> "Gateway":
        """Until it listens."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            found = re.search(r"^listening on .*:(\d+)$", self.program.text(), re.MULTILINE)
            if found:
                self.port = int(found.group(1))
                return self
            if not self.program.is_running:
                break
            time.sleep(0.01)
        raise RuntimeError(f"the gateway did not start: {self.program.text()}")


class Workstation:
    def __init__(self, rig: Rig, home: str, transcripts: str) -> None:
        self.rig, self.home, self.transcripts = rig, home, transcripts

    def environment(self, home: Optional[str] = None) -> dict:
        return {"TALLY_HOME": home or self.home, "CLAUDE_CONFIG_DIR": os.path.join(self.transcripts, "claude"),
                "CODEX_HOME": os.path.join(self.transcripts, "codex")}

    def generate(self, seed: int, calls: int) -> dict:
        """Transcripts and their truth, by model."""
        self.rig.must("tallygen", "--seed", str(seed), "--out", self.transcripts, "--calls", str(calls))
        return self.truth()

    def truth(self) -> dict:
        with open(os.path.join(self.transcripts, "truth.json"), encoding="utf-8") as file:
            return json.load(file)

    def connect(self, data: str, tenant: str, name: str, extra: Optional[dict] = None) -> None:
        """Enrols at the running gateway of `data`."""
        line = self.rig.must(
            "tallygate", "enroll", "--tenant", tenant, "--workstation", name, more={"TALLYGATE_DATA": data})
        self.rig.must("tally", *line.split()[1:], more={**self.environment(), **(extra or {})})

    def start(self, *arguments: str, home: Optional[str] = None, log: Optional[str] = None,
              extra: Optional[dict] = None) -> Program:
        home = home or self.home
        watched = self.rig.watched(home, log, extra) if log or extra else {}
        return self.rig.start("tally", *arguments, more={**self.environment(home), **watched})

    def status(self, home: Optional[str] = None) -> dict:
        return json.loads(self.rig.must("tally", "status", "--json", more=self.environment(home)))
