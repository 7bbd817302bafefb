"""The gateway under load, the ceiling beside it, and the load itself: started, pinned, asked, stopped by their ids."""

import json
import os
import re
import shutil
import subprocess
import tempfile
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
# Commands that a gateway answers at a time.
CALLERS = 4


class Failure(Exception):
    """Something that ends a workload, in words for a person."""


def cores():
    """The core of the server and the core of the client; one and the same where there is but one."""
    allowed = sorted(os.sched_getaffinity(0))
    return allowed[0], allowed[-1]


def pinned(core, command):
    return ["taskset", "-c", str(core), *command] if shutil.which("taskset") else list(command)


class Programs:
    """Where the release binaries are."""

    def __init__(self, folder):
        self.folder = os.path.join(ROOT, folder)
        for name in ("tallygate", "tallybench"):
            if not os.path.exists(self.path(name)):
                raise Failure(f"{self.path(name)} is missing: make release")

    def path(self, name):
        return os.path.join(self.folder, name)


class Child:
    """A program of ours. Ends with the `with` block, whatever happens there."""

    def __init__(self, command, ready, timeout=30, **options):
        self.log = tempfile.TemporaryFile(mode="w+", encoding="utf-8", errors="replace")
        self.process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=self.log, stderr=subprocess.STDOUT, **options)
        deadline = time.monotonic() + timeout
        while True:
            found = re.search(ready, self.output(), re.M)
            if found:
                self.found = found
                return
            if self.process.poll() is not None or time.monotonic() > deadline:
                text = self.output()
                self.end()
                raise Failure(f"{command[-1] if len(command) == 1 else ' '.join(command[:8])} did not start:\n{text}")
            time.sleep(0.02)

    @property
    def pid(self):
        return self.process.pid

    def output(self):
        self.log.flush()
        return os.pread(self.log.fileno(), 1 << 20, 0).decode("utf-8", "replace")

    def end(self, timeout=60):
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(timeout)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        return self.process.returncode

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.end()
        self.log.close()


class Gateway:
    """A gateway on a fresh data folder, with tenants and tokens; the same binary and flags as `make run`."""

    def __init__(self, programs, base, tenants, workstations, core, shards=1):
        """`workstations`: of all tenants together, at least one each; one token a line and a workstation."""
        self.programs = programs
        self.data = os.path.join(base, "gateway")
        self.tokens = os.path.join(base, "tokens")
        self.core = core
        self.shards = shards
        self.env = dict(os.environ, TALLYGATE_DATA=self.data)
        self.env.pop("MAKEFLAGS", None)
        # A load opens its connections faster than a gateway lets strangers do.
        self.env.setdefault("TALLYGATE_CONNECTS_PER_SECOND", "1000000")
        self.tenants = [f"bench-{number}" for number in range(tenants)]
        self.child = None
        self.start()
        # As many at once as the gateway answers: most of a command is the start of its process.
        with ThreadPoolExecutor(CALLERS) as callers:
            list(callers.map(lambda name: self.tool("tenant", "create", name), self.tenants))
            lines = list(callers.map(self.enroll, range(max(workstations, tenants))))
        with open(self.tokens, "w", encoding="utf-8") as file:
            file.write("\n".join(lines) + "\n")

    def enroll(self, number):
        """The token of a new workstation of the tenant whose turn it is."""
        tenant = self.tenants[number % len(self.tenants)]
        line = self.tool("enroll", "--tenant", tenant, "--workstation", f"ws-{number}", "--json")
        return json.loads(line)["token"]

    def start(self):
        command = [
            self.programs.path("tallygate"), "serve", "--listen", "127.0.0.1:0", "--metrics", "127.0.0.1:0",
            "--shards", str(self.shards), "--log-level", "warning"]
        self.child = Child(
            pinned(self.core, command), r"^listening on (\S+)\nmetrics on (\S+)$", env=self.env, timeout=120)
        self.address, self.metrics_url = self.child.found.group(1), self.child.found.group(2)

    @property
    def pid(self):
        return self.child.pid

    @property
    def authority(self):
        return os.path.join(self.data, "tls", "ca.pem")

    def tool(self, *arguments):
        result = subprocess.run(
            [self.programs.path("tallygate"), *arguments], env=self.env, capture_output=True, text=True)
        if result.returncode != 0:
            raise Failure(f"tallygate {' '.join(arguments[:3])} ended with {result.returncode}: {result.stderr.strip()}")
        return result.stdout

    def metrics(self):
        with urllib.request.urlopen(self.metrics_url, timeout=30) as answer:
            text = answer.read().decode()
        return {name: int(value) for name, value in re.findall(r"^(tallygate_\w+) (-?\d+)$", text, re.M)}

    def memory_bytes(self):
        """What is the process's own: no file pages."""
        with open(f"/proc/{self.pid}/status", encoding="ascii") as file:
            found = re.search(r"^RssAnon:\s+(\d+) kB$", file.read(), re.M)
        return int(found.group(1)) * 1024 if found else 0

    def disk_bytes(self):
        total = 0
        for folder, _, names in os.walk(self.data):
            for name in names:
                try:
                    total += os.stat(os.path.join(folder, name)).st_blocks * 512
                except OSError:
                    pass
        return total

    def check(self, sent):
        """`tallygate verify` is clean, and usage is what was acknowledged; `sent` is a list of `--sent` files' contents."""
        self.tool("verify")
        wanted = {"events": 0, "tokens": 0, "reported": 0}
        for content in sent:
            for row in content["tokens"]:
                wanted["events"] += row["events"]
                wanted["tokens"] += row["tokens"]
                wanted["reported"] += row["reported_cost_nano_usd"]
        found = {"events": 0, "tokens": 0, "reported": 0}
        for name in self.tenants:
            total = json.loads(self.tool("usage", "--tenant", name, "--by", "model", "--json"))["totals"]
            found["events"] += total["events"]
            found["tokens"] += sum(
                total[column] for column in (
                    "input_tokens", "cache_read_tokens", "cache_write_5m_tokens", "cache_write_1h_tokens",
                    "cache_write_unknown_tokens", "output_tokens"))
            found["reported"] += total["reported_cost_nano_usd"]
        if found != wanted:
            raise Failure(f"the gateway's sums are not what was acknowledged: {found} instead of {wanted}")
        return wanted["events"]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.child.__exit__()


def load(programs, command, arguments, core, timeout):
    """Runs `tallybench COMMAND … --json`; its result."""
    result = subprocess.run(
        pinned(core, [programs.path("tallybench"), command, *map(str, arguments), "--json"]),
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=timeout)
    lines = [line for line in result.stdout.splitlines() if line.startswith("{")]
    if result.returncode != 0 or not lines:
        raise Failure(
            f"tallybench {command} ended with {result.returncode}:\n{result.stdout[-2000:]}{result.stderr[-2000:]}")
    return json.loads(lines[-1])
