#!/usr/bin/env python3
"""Loads the gateway and four known systems with the same events, one after the other, and prints one table.

    python3 bench/peers/run.py --peers tallygate,nats,redis,postgres,victoria --seconds 10 --memory

Each is started on loopback with TLS 1.3 and an empty folder, loaded, asked what it holds, stopped by its process id and
removed. Servers run on CPU 0, the client on CPU 1. README.md beside this file says what the figures mean.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
from typing import Any, Dict, List, Optional, Tuple, Type

HERE = os.path.dirname(os.path.abspath(__file__))
BUILD = os.path.join(HERE, "..", "..", ".build", "peers")
#: Where --install puts PyPI's packages, so that nothing of the system's Python changes.
PACKAGES = os.path.join(BUILD, "python")
sys.path[:0] = [HERE, PACKAGES]

import events  # noqa: E402
import formats  # noqa: E402
import install  # noqa: E402
import machine  # noqa: E402
import table  # noqa: E402
from machine import Certificates, PeerError, Process, say  # noqa: E402
from nginx import Nginx  # noqa: E402
from systems import PEERS  # noqa: E402
from systems.base import Peer, Variant  # noqa: E402

#: Whose batches are dealt to the connections; no two connections share a session.
WORKSTATIONS = 64
#: Bytes that a run may hand over; what ends it early is a shorter window, not another figure.
BYTES_MAX = 4 << 30


class Bench:
    """What all runs share: the options, the certificates, the pools, the CPUs."""

    def __init__(self, options: argparse.Namespace, folder: str) -> None:
        self.options, self.folder = options, folder
        os.chmod(folder, 0o755)
        self.certificates = Certificates(folder)
        cpus = sorted(os.sched_getaffinity(0))
        self.server_cpu, self.client_cpu = cpus[0], cpus[-1]
        rounds = max(1, options.batches // WORKSTATIONS)
        self.dealt = events.batches(options.seed, WORKSTATIONS, rounds, options.events_per_batch)
        self.clients = {"load": install.build_load(BUILD)}

    def pool(self, form: str) -> str:
        path = os.path.join(self.folder, form + ".pool")
        if not os.path.exists(path):
            formats.pool_write(path, formats.pool_parts(form, self.dealt))
        return path

    def client(self, kind: Type[Peer]) -> str:
        if kind.client not in self.clients:
            self.clients[kind.client] = install.build_load_pg(BUILD)
        return self.clients[kind.client]

    def peer(self, kind: Type[Peer]) -> Tuple[Peer, "tempfile.TemporaryDirectory[str]"]:
        folder = tempfile.TemporaryDirectory(prefix=kind.__name__.lower() + "-", dir=self.folder)
        return kind(folder.name, self.certificates, machine.free_port(), self.server_cpu), folder

    def measure(self, kind: Type[Peer], variant: Variant) -> Dict[str, Any]:
        """One row of the table."""
        options, (peer, folder) = self.options, self.peer(kind)
        with folder:
            try:
                peer.start()
                row: Dict[str, Any] = {"peer": kind.name, "form": variant.label, "settings": peer.settings()}
                before = machine.disk_bytes(peer.data)
                row["connections"], row["in_flight"] = options.connections, options.in_flight
                if variant.one_in_flight:
                    row["connections"], row["in_flight"] = options.connections * options.in_flight, 1
                row.update(peer.own_load(options, self.client_cpu) or self._load(kind, variant, row, peer))
                row["held"] = peer.check_stored(variant, row["messages_all"], row["events_all"])
                row["notes"] = peer.notes(row["events_all"])
                peer.end()
                row["disk_per_event"] = (machine.disk_bytes(peer.data) - before) / row["events_all"]
                return row
            finally:
                peer.end()

    def _command(self, kind: Type[Peer], variant: Variant, row: Dict[str, Any], port: int) -> List[str]:
        options = self.options
        command = [self.client(kind), "run", "--port", str(port), "--authority", self.certificates.authority]
        command += ["--pool", self.pool(variant.form), "--seconds", str(options.seconds)]
        command += ["--connections", str(row["connections"]), "--warmup", str(options.warmup)]
        command += ["--in-flight", str(row["in_flight"]), "--bytes-max", str(BYTES_MAX)]
        return command + (["--protocol", variant.protocol] if variant.protocol else [])

    def _load(self, kind: Type[Peer], variant: Variant, row: Dict[str, Any], peer: Peer) -> Dict[str, Any]:
        """Runs the client; the server's CPU is read when it says that its window begins and ends."""
        command = self._command(kind, variant, row, peer.port)
        client = Process(command, self.client_cpu, pipes=True, environment=peer.environment())
        server = peer.running()
        try:
            found: List[int] = []
            for word in ("begin", "end"):
                line = client.popen.stdout.readline().strip()  # type: ignore
                if line != word:
                    server.check()
                    raise PeerError("the client gave up")
                found.append(machine.cpu_ns(server.pid))
            line = client.popen.stdout.readline()  # type: ignore
            if not line:
                server.check()
                raise PeerError("the client gave up after its window")
            report: Dict[str, Any] = json.loads(line)
        finally:
            client.end()
        if report["failed"] or not report["events"]:
            raise PeerError("%d messages were refused, %d events taken" % (report["failed"], report["events"]))
        seconds, count = report["seconds"], report["events"]
        return {
            "events_per_second": count / seconds,
            "cpu_ns_per_event": (found[1] - found[0]) / count,
            "server_busy": (found[1] - found[0]) / seconds / 1e9,
            "client_busy": report["client_cpu_ns"] / seconds / 1e9,
            "p50_us": report["p50_ns"] / 1e3,
            "p99_us": report["p99_ns"] / 1e3,
            "wire_per_event": report["bytes_sent"] / count,
            "back_per_event": report["bytes_received"] / count,
            "seconds": seconds,
            "cipher": report["cipher"],
            "messages_all": report["messages_all"],
            "events_all": report["events_all"],
        }

    def memory(self, kind: Type[Peer]) -> float:
        """Bytes of server memory that one more idle TLS connection takes."""
        peer, folder = self.peer(kind)
        with folder:
            try:
                peer.start()
                count = kind.idle_connections
                own = peer.own_idle(count, self.client_cpu)
                if own is not None:
                    return own
                return self.idle(self.client(kind), kind.idle_protocol, peer.running(), peer.port, count)
            finally:
                peer.end()

    def idle(self, client: str, protocol: str, server: Process, port: int, connections: int) -> float:
        held = []
        for count in (1, connections):
            command = [client, "idle", "--port", str(port), "--authority", self.certificates.authority]
            command += ["--connections", str(count)] + (["--protocol", protocol] if protocol else [])
            process = Process(command, self.client_cpu, pipes=True)
            try:
                if process.popen.stdout.readline().strip() != "ready":  # type: ignore
                    server.check()
                    raise PeerError("the client could not open %d connections" % count)
                held.append(machine.memory_bytes(server.pid))
            finally:
                process.end()
        return (held[1] - held[0]) / (connections - 1)

    def nginx_memory(self) -> Optional[float]:
        if Nginx.missing():
            return None
        with tempfile.TemporaryDirectory(prefix="nginx-", dir=self.folder) as folder:
            server = Nginx(folder, self.certificates, machine.free_port(), self.server_cpu)
            try:
                server.start()
                return self.idle(self.clients["load"], "tls", server.running(), server.port, 1000)
            finally:
                server.end()


def measure_all(bench: Bench, names: List[str]) -> Dict[str, Any]:
    options = bench.options
    result: Dict[str, Any] = {"rows": [], "left_out": {}, "memory": {}, "nginx_memory": None}
    for name in names:
        kind = PEERS[name]
        missing = kind.missing()
        if missing:
            result["left_out"][kind.name] = "not installed: %s" % missing
            say("LEFT OUT: %s is not installed: %s" % (kind.name, missing))
            continue
        for variant in kind.variants(options.per_event):
            say("%s, %s …" % (kind.name, variant.label))
            try:
                result["rows"].append(bench.measure(kind, variant))
            except PeerError as error:
                result["left_out"]["%s, %s" % (kind.name, variant.label)] = str(error)
                say("LEFT OUT: %s, %s: %s" % (kind.name, variant.label, error))
        if options.memory:
            say("%s, idle connections …" % kind.name)
            try:
                result["memory"][kind.name] = bench.memory(kind)
            except PeerError as error:
                result["left_out"]["%s, memory" % kind.name] = str(error)
                say("LEFT OUT: %s, memory: %s" % (kind.name, error))
    if options.memory:
        result["nginx_memory"] = bench.nginx_memory()
    return result


def options_read(arguments: Optional[List[str]] = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Known systems, loaded with the gateway's events, side by side.")
    parser.add_argument("--peers", default=",".join(PEERS), help="which, by comma (%(default)s)")
    parser.add_argument("--events-per-batch", type=int, default=100)
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument(
        "--in-flight", type=int, default=4, help="batches of a connection that are not yet acknowledged"
    )
    parser.add_argument("--seconds", type=float, default=10, help="of the measured window")
    parser.add_argument("--warmup", type=float, default=1, help="seconds before it")
    parser.add_argument("--batches", type=int, default=256, help="different batches, sent again and again")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--per-event", action="store_true", help="also one message an event, where there are messages")
    parser.add_argument("--memory", action="store_true", help="also the memory of idle connections")
    parser.add_argument("--install", action="store_true", help="apt-get and pip install what is missing, by name")
    parser.add_argument("--folder", default="/var/tmp", help="where the servers' files go for the time (%(default)s)")
    parser.add_argument("--json", action="store_true", help="the figures as JSON instead of the table")
    options = parser.parse_args(arguments)
    options.names = [name for name in options.peers.split(",") if name]
    for name in options.names:
        if name not in PEERS:
            parser.error("no peer is called %s; there are %s" % (name, ", ".join(PEERS)))
    if not 1 <= options.events_per_batch <= 1000 or not 1 <= options.batches <= 4096:
        parser.error("--events-per-batch is 1 to 1000, --batches 1 to 4096")
    if not 1 <= options.connections * options.in_flight <= 256:
        parser.error("--connections times --in-flight is 1 to 256")
    return options


def interrupted(number: int, frame: object) -> None:
    raise SystemExit(128 + number)


def main() -> int:
    options = options_read()
    # Ctrl-C too: a shell that starts this in the background has it ignored.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, interrupted)
    if options.install:
        install.install([PEERS[name] for name in options.names] + [Nginx], PACKAGES)
    with tempfile.TemporaryDirectory(prefix="tally-peers-", dir=options.folder) as folder:
        bench = Bench(options, folder)
        about = {
            "file_system": machine.file_system(folder),
            "barrier_us": machine.barrier_us(folder),
            "cpus": [bench.server_cpu, bench.client_cpu],
            "load": os.getloadavg()[0],
            "compressor": formats.FrameMaker.compressor,
        }
        if about["file_system"] in ("tmpfs", "ramfs"):
            say("LOUD: %s is in memory, a sync costs nothing there: use --folder" % options.folder)
        result = measure_all(bench, options.names)
    result["about"], result["options"] = about, vars(options)
    print(json.dumps(result, indent=1) if options.json else table.render(result))
    return 0 if result["rows"] else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (PeerError, subprocess.SubprocessError) as problem:
        say("peers: %s" % problem)
        sys.exit(1)
