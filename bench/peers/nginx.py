#!/usr/bin/env python3
"""nginx with TLS 1.3 and one worker, for comparing handshakes and idle connections: not a peer, it stores nothing.

    python3 bench/peers/nginx.py [--cpu 0]

prints `pids 12,13 address 127.0.0.1:4321 ca FILE` and stays until it is told to stop, or its standard input ends if
that is a pipe or a terminal. Every handshake is a full one: no tickets, no session cache, and a key on P-256, as the
gateway does it.
"""

import argparse
import os
import signal
import stat
import sys
import tempfile
import time
from typing import List, Optional

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import machine  # noqa: E402
from machine import Certificates, PeerError, Process  # noqa: E402

_CONFIGURATION = """
daemon off;
master_process on;
worker_processes 1;
worker_rlimit_nofile 20000;
pid %(folder)s/nginx.pid;
error_log stderr warn;
events { worker_connections 19500; multi_accept on; }
http {
  access_log off;
  client_body_temp_path %(folder)s/body;
  proxy_temp_path %(folder)s/proxy;
  fastcgi_temp_path %(folder)s/fastcgi;
  uwsgi_temp_path %(folder)s/uwsgi;
  scgi_temp_path %(folder)s/scgi;
  client_header_timeout 600s;
  keepalive_timeout 600s;
  ssl_protocols TLSv1.3;
  ssl_certificate %(certificate)s;
  ssl_certificate_key %(key)s;
  ssl_session_tickets off;
  ssl_session_cache off;
  server {
    listen 127.0.0.1:%(port)d ssl backlog=4096;
    location / { return 204; }
  }
}
"""


class Nginx:
    name = "nginx"
    debian = ["nginx-light"]
    pypi: List[str] = []

    def __init__(self, folder: str, certificates: Certificates, port: int, cpu: Optional[int]) -> None:
        self.folder, self.certificates, self.port, self.cpu = folder, certificates, port, cpu
        self.log = os.path.join(folder, "log")
        self.process: Optional[Process] = None

    @staticmethod
    def missing() -> Optional[str]:
        return None if machine.program("nginx") else "nginx (Debian: nginx-light or nginx)"

    def start(self) -> None:
        values = {
            "folder": self.folder,
            "port": self.port,
            "certificate": self.certificates.certificate,
            "key": self.certificates.key,
        }
        path = os.path.join(self.folder, "nginx.conf")
        with open(path, "w") as file:
            file.write(_CONFIGURATION % values)
        command = [machine.program("nginx") or "nginx", "-p", self.folder, "-e", "stderr", "-c", path]
        self.process = Process(command, self.cpu, self.log)
        machine.wait_for_port(self.port, self.process)
        # It listens before it has its worker.
        until = time.monotonic() + 30
        while len(machine.tree(self.process.pid)) < 2:
            self.process.check()
            if time.monotonic() > until:
                raise PeerError("nginx has no worker after 30 s")
            time.sleep(0.02)

    def running(self) -> Process:
        if not self.process:
            raise PeerError("nginx is not running")
        return self.process

    def end(self) -> None:
        if self.process:
            self.process.end()


def interrupted(number: int, frame: object) -> None:
    raise SystemExit(0)


def main() -> int:
    parser = argparse.ArgumentParser(description="nginx with TLS 1.3, until standard input ends.")
    parser.add_argument("--cpu", type=int, help="the CPU that it may run on")
    options = parser.parse_args()
    missing = Nginx.missing()
    if missing:
        machine.say("nginx.py: not installed: %s" % missing)
        return 1
    # Ctrl-C too: a shell that starts this in the background has it ignored.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, interrupted)
    with tempfile.TemporaryDirectory(prefix="tally-nginx-") as folder:
        certificates = Certificates(folder)
        server = Nginx(folder, certificates, machine.free_port(), options.cpu)
        try:
            server.start()
            pids = machine.tree(server.running().pid)
            words = (",".join(map(str, pids)), server.port, certificates.authority)
            print("pids %s address 127.0.0.1:%d ca %s" % words, flush=True)
            # /dev/null ends at once and says nothing by it.
            mode = os.fstat(sys.stdin.fileno()).st_mode
            if stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode) or sys.stdin.isatty():
                while sys.stdin.buffer.read1(4096):
                    continue
            else:
                while True:
                    signal.pause()
        finally:
            server.end()
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except PeerError as problem:
        machine.say("nginx.py: %s" % problem)
        sys.exit(1)
