"""What a workload needs of other people's servers."""

import os
import sys

from .programs import ROOT, Child, Failure, load, pinned

NGINX = os.path.join(ROOT, "bench", "peers", "nginx.py")


def nginx_handshakes(bench, arguments):
    """`tallybench handshake` against nginx on the gateway's core; nil where nginx is not installed."""
    if not os.path.exists(NGINX):
        return None
    try:
        child = Child(
            pinned(bench.server_core, [sys.executable, NGINX]), r"^pids (\S+) address (\S+) ca (\S+)$", timeout=30)
    except Failure as failure:
        if "not installed" in str(failure):
            return None
        raise
    with child:
        pids, address, authority = child.found.groups()
        return load(
            bench.programs, "handshake",
            ["--connect", address, "--ca", authority, "--alpn", "http/1.1", "--pid", pids, *arguments],
            bench.client_core, timeout=600)
