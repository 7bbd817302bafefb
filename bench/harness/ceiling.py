"""The ceiling program under the same load, in the same run: what a gateway on this protocol could reach at most."""

import json
import os
import subprocess

from .programs import ROOT, Child, Failure, load, pinned

PROGRAM = os.path.join(ROOT, ".build", "ceiling", "ceiling")


def beside(bench, events, connections, in_flight, figures):
    """The ceiling's figures for a load, and the gateway's as a ratio of them; a word where it is not built."""
    if not os.path.exists(PROGRAM):
        return {"ceiling": "not built: make ceiling"}
    folder = os.path.join(bench.base, "ceiling")
    os.makedirs(folder, exist_ok=True)
    key, certificate = os.path.join(folder, "key.pem"), os.path.join(folder, "cert.pem")
    make_certificate(key, certificate)
    tokens = os.path.join(folder, "token")
    with open(tokens, "w", encoding="ascii") as file:
        file.write("tg_" + "0" * 43 + "\n")
    command = [
        PROGRAM, "--listen", "127.0.0.1:0", "--cert", certificate, "--key", key, "--journal",
        os.path.join(folder, "journal"), "--stats"]
    with Child(pinned(bench.server_core, command), r"(127\.0\.0\.1:\d+)") as child:
        found = load(
            bench.programs, "ingest",
            ["--connect", child.found.group(1), "--ca", certificate, "--token-file", tokens, "--connections",
             connections, "--in-flight", in_flight, "--events-per-batch", events, "--duration", bench.seconds,
             "--warm-up", 1, "--gateway-pid", child.pid],
            bench.client_core, timeout=bench.seconds * 4 + 120)
        child.end()
        last = [line for line in child.output().splitlines() if line.startswith("{")]
        if not last:
            raise Failure(f"the ceiling said nothing at its end:\n{child.output()}")
        json.loads(last[-1])
    ours, theirs = figures.get("server_cpu_ns_per_event"), found["server_cpu_ns_per_event"]
    return {
        "ceiling_cpu_ns_per_event": theirs,
        "ceiling_events_per_second": found["events_per_second"],
        "ratio_to_ceiling": round(ours / theirs, 2) if ours and theirs else None,
    }


def make_certificate(key, certificate):
    """A certificate of its own for 127.0.0.1, of the same kind as the gateway's."""
    result = subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
         "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost", "-keyout", key, "-out",
         certificate],
        capture_output=True, text=True)
    if result.returncode != 0:
        raise Failure(f"openssl could not make a certificate: {result.stderr.strip()}")
