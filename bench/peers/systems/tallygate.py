"""Our own gateway in the same table: loaded by `tallybench ingest`, whose events are the same."""

import json
import os
import re
import subprocess
import time
from typing import Any, Dict, List, Optional

from machine import PeerError, Process
from systems.base import Peer, Variant, must

BINARIES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "..", ".build", "release")
#: One tenant and one workstation a connection.
_WORKSTATIONS = 64


def _path(name: str) -> str:
    return os.path.join(os.path.realpath(os.environ.get("TALLY_BINARIES", BINARIES)), name)


class Tallygate(Peer):
    name = "Tallygate"
    debian = []
    promises = "checked, in the tenant's ledger and synced"
    leaves_undone = (
        "Takes nothing but its own closed schema; other messages belong in one of the others. One process, no "
        "replicas. Its figure holds what the others leave to somebody else: validation, exactly-once by sequence "
        "and chain, a ledger for each tenant, and sums by quarter-hour with their price."
    )

    @classmethod
    def missing(cls) -> Optional[str]:
        for name in ("tallygate", "tallybench"):
            if not os.access(_path(name), os.X_OK):
                return "%s (make release)" % name
        return None

    @classmethod
    def variants(cls, per_event: bool) -> List[Variant]:
        return [Variant("its own frames", "frame", "")]

    def start(self) -> None:
        self._environment = dict(os.environ, TALLYGATE_DATA=os.path.join(self.data, "gateway"))
        self._environment.pop("MAKEFLAGS", None)
        command = [_path("tallygate"), "serve", "--listen", "127.0.0.1:0", "--metrics", "127.0.0.1:0", "--shards", "1"]
        self.process = Process(command, self.cpu, self.log, environment=self._environment)
        until = time.monotonic() + 60
        while True:
            with open(self.log, errors="replace") as file:
                text = file.read()
            listens, metrics = (re.search("^%s on (\\S+)$" % word, text, re.M) for word in ("listening", "metrics"))
            if listens and metrics:
                self._address, self._metrics = listens.group(1), metrics.group(1)
                break
            self.process.check()
            must(time.monotonic() < until, "tallygate does not listen after 60 s")
            time.sleep(0.05)
        self._tool("tenant", "create", "peers")
        self._tokens = os.path.join(self.folder, "tokens")
        with open(self._tokens, "w") as file:
            for number in range(_WORKSTATIONS):
                line = self._tool("enroll", "--tenant", "peers", "--workstation", "ws-%d" % number, "--json")
                file.write(json.loads(line)["token"] + "\n")

    def settings(self) -> List[str]:
        version = self._tool("--version").strip()
        return [
            "tallygate %s" % version,
            "one shard",
            "no setting acknowledges before the barrier",
        ]

    def own_load(self, options: Any, cpu: int) -> Dict[str, Any]:
        figures = self._bench(
            cpu,
            "ingest",
            ["--connections", options.connections, "--in-flight", options.in_flight, "--duration", options.seconds]
            + ["--events-per-batch", options.events_per_batch, "--warm-up", options.warmup, "--seed", options.seed]
            + ["--metrics", self._metrics, "--sent", self._sent],
        )
        must(figures.get("views_settled") is True, "the views never caught up: its CPU would leave work out")
        with open(self._sent) as file:
            held = sum(row["events"] for row in json.load(file)["tokens"])
        return {
            "events_per_second": figures["events_per_second"],
            "cpu_ns_per_event": figures["server_cpu_ns_per_event"],
            "server_busy": figures["server_cpu_seconds"] / figures["seconds"],
            "client_busy": figures["client_core_share"],
            "p50_us": figures["ack_p50_us"],
            "p99_us": figures["ack_p99_us"],
            "wire_per_event": figures["tls_bytes_per_event"],
            "back_per_event": None,
            "seconds": figures["seconds"],
            "cipher": None,
            "messages_all": held // options.events_per_batch,
            "events_all": held,
        }

    def own_idle(self, connections: int, cpu: int) -> Optional[float]:
        figures = self._bench(cpu, "idle", ["--connections", connections, "--duration", 1])
        found: float = figures["gateway_bytes_per_connection"]
        return found

    def check_stored(self, variant: Variant, messages: int, events: int) -> str:
        self._tool("verify")
        report = json.loads(self._tool("usage", "--tenant", "peers", "--by", "model", "--json"))
        held = report["totals"]["events"]
        must(held == events, "%d events were acknowledged, %d are counted" % (events, held))
        return "%d events counted, the ledger verified" % held

    @property
    def _sent(self) -> str:
        return os.path.join(self.folder, "sent")

    def _bench(self, cpu: int, command: str, arguments: List[Any]) -> Dict[str, Any]:
        authority = os.path.join(self._environment["TALLYGATE_DATA"], "tls", "ca.pem")
        common = ["--connect", self._address, "--ca", authority, "--token-file", self._tokens, "--json"]
        common += ["--gateway-pid", str(self.running().pid)]
        client = Process([_path("tallybench"), command] + common + list(map(str, arguments)), cpu, pipes=True)
        try:
            lines = [line for line in client.popen.stdout.read().splitlines() if line.startswith("{")]  # type: ignore
            if client.popen.wait(60) != 0 or not lines:
                raise PeerError("tallybench %s ended with %s" % (command, client.popen.returncode))
            found: Dict[str, Any] = json.loads(lines[-1])
            return found
        finally:
            client.end()

    def _tool(self, *arguments: str) -> str:
        done = subprocess.run(
            [_path("tallygate")] + list(arguments), env=self._environment, capture_output=True, text=True, timeout=600
        )
        if done.returncode != 0:
            raise PeerError("tallygate %s: %s" % (" ".join(arguments[:2]), done.stderr.strip()))
        return done.stdout
