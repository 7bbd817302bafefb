"""A real gateway for the tests of this folder, and a workstation's first words to it."""

import hashlib
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time
import urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.join(ROOT, "protocol", "reference"))

from tallygate import chain, frames  # noqa: E402

BINARIES = os.environ.get("TALLY_BINARIES", os.path.join(ROOT, ".build", "debug"))
ALPN = "tallygate/1"
WELCOME, GOAWAY = "WELCOME", "GOAWAY"


class Gateway:
    """A gateway in a folder of its own, which goes with it. ``with Gateway() as gateway:``"""

    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="tally-tls-")
        self.data = os.path.join(self.folder, "data")
        self.log = os.path.join(self.folder, "log")
        self.process = None
        self.port = self.metrics_url = None

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def command(self, *words):
        """Runs ``tallygate`` to its end."""
        done = subprocess.run(
            [os.path.join(BINARIES, "tallygate"), *words, "--data", self.data], capture_output=True, text=True,
            timeout=60, env=self.environment())
        return done

    @staticmethod
    def environment():
        return {**os.environ, "SWIFT_BACKTRACE": "enable=no"}

    def spawn(self, *more):
        """Begins ``serve``; the log is what it says on standard error."""
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                [os.path.join(BINARIES, "tallygate"), "serve", "--data", self.data, "--listen", "127.0.0.1:0",
                 "--metrics", "127.0.0.1:0", "--shards", "2", *more],
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=log, env=self.environment())

    def start(self):
        self.spawn()
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            text = self.text()
            listening = re.search(r"^listening on 127\.0\.0\.1:(\d+)$", text, re.M)
            metrics = re.search(r"^metrics on (\S+)$", text, re.M)
            if listening and metrics:
                self.port, self.metrics_url = int(listening[1]), metrics[1]
                return
            if self.process.poll() is not None:
                break
            time.sleep(0.02)
        raise RuntimeError("the gateway does not start: " + self.text())

    def stop(self):
        """Ends it in order; its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(20)

    def text(self):
        with open(self.log, encoding="utf-8") as file:
            return file.read()

    def enroll(self, workstation="laptop"):
        """A token of the tenant acme."""
        self.command("tenant", "create", "acme")
        done = self.command("enroll", "--tenant", "acme", "--workstation", workstation)
        return re.search(r"--token (tg_\w+)", done.stdout)[1]

    def metric(self, name):
        """A counter or gauge."""
        with urllib.request.urlopen(self.metrics_url, timeout=10) as answer:
            text = answer.read().decode()
        return int(re.search(r"^tallygate_%s (\d+)$" % name, text, re.M)[1])

    def resident(self):
        """Bytes of memory that it has."""
        with open("/proc/%d/status" % self.process.pid, encoding="ascii") as file:
            return int(re.search(r"VmRSS:\s+(\d+) kB", file.read())[1]) * 1024

    def descriptors(self):
        return len(os.listdir("/proc/%d/fd" % self.process.pid))

    @property
    def authority(self):
        return os.path.join(self.data, "tls", "ca.pem")

    # What a client does.

    def context(self):
        context = ssl.create_default_context(cafile=self.authority)
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        context.set_alpn_protocols([ALPN])
        return context

    def connect(self, context=None, session=None):
        plain = socket.create_connection(("127.0.0.1", self.port), timeout=10)
        return (context or self.context()).wrap_socket(plain, server_hostname="127.0.0.1", session=session)

    def greet(self, connection, token):
        """Sends HELLO; the first frame that answers it, decoded."""
        connection.sendall(frames.encode(hello(token)))
        return read_frame(connection)

    def answers(self, token):
        """Whether it still takes a workstation in."""
        with self.connect() as connection:
            return self.greet(connection, token)["type"] == WELCOME


def hello(token):
    """A workstation's first words, for a stream of its own."""
    stream = hashlib.sha256(token.encode("ascii")).digest()[:16]
    return {
        "type": "HELLO", "magic": b"TALLYGT1".hex(), "version_min": 1, "version_max": 1, "schema_min": 1,
        "schema_max": 1, "stream": stream.hex(), "lowest_held": "0", "highest_held": "0", "acknowledged": "0",
        "acknowledged_chain": "%016x" % chain.zero(stream), "acknowledged_tokens": "0",
        "acknowledged_reported_nano_usd": "0", "clock_ms": str(int(time.time() * 1000)),
        "highest_chain": "%016x" % chain.zero(stream), "store_epoch": "0", "hello_flags": 0, "credential_kind": 1,
        "credential": token.encode("ascii").hex(), "options": []}


def read_frame(connection):
    def take(count):
        data = b""
        while len(data) < count:
            piece = connection.recv(count - len(data))
            if not piece:
                raise EOFError("the gateway hung up")
            data += piece
        return data

    prefix = take(4)
    return frames.decode(prefix + take(int.from_bytes(prefix, "little")), "open", "workstation")
