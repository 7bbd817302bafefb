"""The standard workloads. Each takes a `Bench` and returns one object of figures.

Server and client have a core each. The server's CPU is read when its views have caught up, and afterwards the ledger is
verified and compared with what was acknowledged: see `Gateway.check`.
"""

import json
import os
import shutil
import tempfile

from . import ceiling, peers, scan
from .programs import Failure, Gateway, load

TENANTS = 4
IDLE_CONNECTIONS = 19_000


class Bench:
    """What a workload may use."""

    def __init__(self, programs, cores, seconds, small, say):
        self.programs = programs
        self.server_core, self.client_core = cores
        self.seconds = seconds
        # A smoke run: every step, at a size that says nothing.
        self.small = small
        self.say = say
        self.base = tempfile.mkdtemp(prefix="tallybench-")

    def gateway(self, tenants=TENANTS, workstations=0):
        shutil.rmtree(os.path.join(self.base, "gateway"), ignore_errors=True)
        return Gateway(self.programs, self.base, tenants, workstations, self.server_core)

    def size(self, full, small):
        return small if self.small else full

    def load(self, command, gateway, *arguments, seconds=None):
        """A load of `seconds`, measured on `gateway`."""
        seconds = self.seconds if seconds is None else seconds
        arguments = [
            "--connect", gateway.address, "--ca", gateway.authority, "--gateway-pid", gateway.pid, *arguments]
        return load(self.programs, command, arguments, self.client_core, timeout=seconds * 4 + 600)

    def ingest(self, gateway, events, connections, in_flight, *more, seconds=None):
        """`tallybench ingest`; its figures, with what was acknowledged kept for `Gateway.check`."""
        seconds = self.seconds if seconds is None else seconds
        sent = os.path.join(self.base, f"sent-{len(os.listdir(self.base))}.json")
        figures = self.load(
            "ingest", gateway, "--token-file", gateway.tokens, "--connections", connections, "--in-flight", in_flight,
            "--events-per-batch", events, "--duration", seconds, "--warm-up", 1 if self.small else 2, "--metrics",
            gateway.metrics_url, "--sent", sent, *more, seconds=seconds)
        if not figures.get("views_settled"):
            raise Failure("the views never caught up: the server's CPU would leave work out")
        with open(sent, encoding="utf-8") as file:
            figures["sent"] = json.load(file)
        return figures

    def close(self):
        shutil.rmtree(self.base, ignore_errors=True)


def ingest(bench, events, connections, in_flight):
    connections = bench.size(connections, min(connections, 8))
    with bench.gateway(workstations=connections) as gateway:
        figures = bench.ingest(gateway, events, connections, in_flight)
        figures["disk_bytes_per_event"] = round(gateway.disk_bytes() / max(1, figures["events"]), 1)
        figures["verified_events"] = gateway.check([figures.pop("sent")])
    figures.update(ceiling.beside(bench, events, connections, in_flight, figures))
    return figures


def fleet(bench):
    """Many connections that each send a small batch and wait: first as fast as they may, then at half that rate."""
    connections = bench.size(1_000, 20)
    with bench.gateway(workstations=connections) as gateway:
        figures = bench.ingest(gateway, 10, connections, 1)
        rate = max(10, int(figures["events_per_second"] / 2) // 10 * 10)
        half = bench.ingest(gateway, 10, connections, 1, "--rate", rate)
        figures["half_load_events_per_second"] = half["events_per_second"]
        for name in ("ack_p50_us", "ack_p99_us", "ack_p999_us", "server_cpu_us_per_batch"):
            figures["half_load_" + name] = half[name]
        figures["verified_events"] = gateway.check([figures.pop("sent"), half.pop("sent")])
    figures.update(ceiling.beside(bench, 10, connections, 1, figures))
    return figures


def tenants(bench):
    """The same connections as one of four tenants and as a thousand of them."""
    many = bench.size(1_000, 12)
    results = []
    for count in (TENANTS, many):
        with bench.gateway(tenants=count, workstations=many) as gateway:
            bench.say(f"{count} tenants")
            figures = bench.ingest(gateway, 100, many, 1)
            figures["tenants"] = count
            figures["verified_events"] = gateway.check([figures.pop("sent")])
            results.append(figures)
    few, figures = results
    figures["few_tenants_server_cpu_ns_per_event"] = few["server_cpu_ns_per_event"]
    figures["ratio_to_few_tenants"] = round(figures["server_cpu_ns_per_event"] / few["server_cpu_ns_per_event"], 3)
    return figures


def idle(bench):
    connections = bench.size(IDLE_CONNECTIONS, 50)
    with bench.gateway(workstations=TENANTS) as gateway:
        return bench.load(
            "idle", gateway, "--token-file", gateway.tokens, "--connections", connections, "--duration",
            bench.size(5, 1))


def handshake(bench):
    """Full handshakes with the gateway, and with nginx where it is installed."""
    count = bench.size(5_000, 50)
    arguments = ["--count", count, "--in-flight", 8]
    with bench.gateway(workstations=1) as gateway:
        figures = load(
            bench.programs, "handshake",
            ["--connect", gateway.address, "--ca", gateway.authority, "--pid", gateway.pid, *arguments],
            bench.client_core, timeout=600)
    nginx = peers.nginx_handshakes(bench, arguments)
    if nginx is None:
        figures["nginx"] = "not installed: apt-get install nginx-light"
    else:
        figures["nginx_server_cpu_us_per_handshake"] = nginx["server_cpu_us_per_handshake"]
        figures["ratio_to_nginx"] = round(
            figures["server_cpu_us_per_handshake"] / nginx["server_cpu_us_per_handshake"], 3)
    return figures


def part(bench, command, *arguments):
    return load(bench.programs, command, arguments, bench.server_core, timeout=3_600)


def growth(bench):
    """CPU an event into an empty store and behind a hundred million events; with few connections and with many."""
    goal = bench.size(100_000_000, 20_000)
    many = bench.size(IDLE_CONNECTIONS, 60)
    sent = []
    with bench.gateway(workstations=bench.size(64, 4)) as gateway:
        first = bench.ingest(gateway, 1_000, 16, 4)
        sent.append(first["sent"])
        total = first["events"]
        # Ends: every turn adds what a run acknowledges, and a run that acknowledges nothing fails.
        while total < goal:
            bench.say(f"{total:,} of {goal:,} events")
            more = bench.ingest(gateway, 1_000, 16, 4, seconds=bench.size(20, 1))
            sent.append(more["sent"])
            total += more["events"]
        last = bench.ingest(gateway, 1_000, 16, 4)
        sent.append(last.pop("sent"))
        last["store_events"] = gateway.check(sent)
    with bench.gateway(workstations=bench.size(64, 4)) as gateway:
        few = bench.ingest(gateway, 10, 100, 1)
        crowd = bench.ingest(gateway, 10, many, 1)
        gateway.check([few["sent"], crowd["sent"]])
    last["empty_server_cpu_ns_per_event"] = first["server_cpu_ns_per_event"]
    last["ratio_full_to_empty"] = round(last["server_cpu_ns_per_event"] / first["server_cpu_ns_per_event"], 3)
    last["connections_few"], last["connections_many"] = 100, many
    last["few_server_cpu_us_per_batch"] = few["server_cpu_us_per_batch"]
    last["many_server_cpu_us_per_batch"] = crowd["server_cpu_us_per_batch"]
    last["ratio_many_to_few_connections"] = round(
        crowd["server_cpu_us_per_batch"] / few["server_cpu_us_per_batch"], 3)
    return last


WORKLOADS = {
    "ingest-100-16x4": lambda bench: ingest(bench, 100, 16, 4),
    "ingest-100-64x16": lambda bench: ingest(bench, 100, 64, 16),
    "ingest-1000-16x4": lambda bench: ingest(bench, 1_000, 16, 4),
    "fleet-10-1000x1": fleet,
    "tenants-1000": tenants,
    "idle": idle,
    "handshake": handshake,
    "wire": lambda bench: part(bench, "wire"),
    "rebuild": lambda bench: part(bench, "rebuild", "--events", bench.size(4_000_000, 20_000)),
    "query": lambda bench: part(bench, "query", "--events", bench.size(100_000_000, 50_000)),
    "scan": scan.scan,
    "growth": growth,
}
