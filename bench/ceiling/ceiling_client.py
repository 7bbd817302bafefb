"""The ceiling as a child process, and a workstation's side of the wire for it: Python's TLS, the reference's frames."""

import json
import os
import signal
import socket
import ssl
import subprocess
import sys
from pathlib import Path
from typing import Any, Dict, List, Optional, Tuple

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "protocol" / "reference"))

from tallygate import frames  # noqa: E402

_ZERO = "0" * 16


def certificate(folder: Path) -> Tuple[Path, Path]:
    """A self-signed certificate for 127.0.0.1 and its key, made by openssl."""
    cert, key = folder / "cert.pem", folder / "key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
        + ["-subj", "/CN=ceiling", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(cert)],
        check=True,
        capture_output=True,
    )
    return cert, key


class Ceiling:
    """A running ceiling. `stop` ends it and returns what it counted."""

    def __init__(self, binary: Path, folder: Path, *arguments: str) -> None:
        self.cert, key = certificate(folder)
        self.process = subprocess.Popen(
            [str(binary), "--listen", "127.0.0.1:0", "--cert", str(self.cert), "--key", str(key)]
            + ["--journal", str(folder / "journal"), "--journal-mb", "8", "--stats", *arguments],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout
        line = self.process.stdout.readline()
        if not line.startswith("listening on 127.0.0.1:"):
            raise RuntimeError("the ceiling did not start: %r" % line)
        self.port = int(line.rsplit(":", 1)[1])

    def stop(self) -> Dict[str, Any]:
        self.process.send_signal(signal.SIGTERM)
        out, _ = self.process.communicate(timeout=60)
        if self.process.returncode != 0:
            raise RuntimeError("the ceiling ended with %d" % self.process.returncode)
        return dict(json.loads(out))


class Workstation:
    """One connection, greeted unless told otherwise. `receive` gives None once the ceiling has hung up."""

    def __init__(self, ceiling: Ceiling, greet: bool = True, alpn: str = "tallygate/1") -> None:
        context = ssl.create_default_context(cafile=str(ceiling.cert))
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        context.set_alpn_protocols([alpn])
        plain = socket.create_connection(("127.0.0.1", ceiling.port), timeout=60)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket = context.wrap_socket(plain, server_hostname="127.0.0.1")
        self.buffer = b""
        if greet:
            self.send(hello())
            self.welcome = self.receive()

    def send(self, *several: Dict[str, Any]) -> None:
        self.send_bytes(b"".join(frames.encode(frame) for frame in several))

    def send_bytes(self, data: bytes) -> None:
        try:
            self.socket.sendall(data)
        except OSError:
            pass

    def receive(self) -> Optional[Dict[str, Any]]:
        while True:
            if len(self.buffer) >= 4:
                end = 4 + int.from_bytes(self.buffer[:4], "little")
                if len(self.buffer) >= end:
                    data, self.buffer = self.buffer[:end], self.buffer[end:]
                    return frames.decode(data, to="workstation")
            try:
                more = self.socket.recv(65536)
            except TimeoutError:
                raise RuntimeError("the ceiling neither answered nor hung up") from None
            except OSError:
                return None
            if not more:
                return None
            self.buffer += more

    def acknowledged(self, through: int) -> List[Dict[str, Any]]:
        """The ACKs up to the one of `through`."""
        acks: List[Dict[str, Any]] = []
        while not acks or int(acks[-1]["committed"]) < through:
            frame = self.receive()
            if frame is None or frame["type"] != "ACK":
                raise RuntimeError("no ACK of %d but %r" % (through, frame))
            acks.append(frame)
        return acks

    def close(self) -> None:
        self.socket.close()


def hello(options: Optional[List[Dict[str, Any]]] = None) -> Dict[str, Any]:
    return dict(
        type="HELLO", version_min=1, version_max=1, schema_min=1, schema_max=1, stream=os.urandom(16).hex(),
        lowest_held="0", highest_held="0", acknowledged="0", acknowledged_chain=_ZERO, acknowledged_tokens="0",
        acknowledged_reported_nano_usd="0", clock_ms="1793491200000", highest_chain=_ZERO, store_epoch="0",
        hello_flags=0, credential_kind=1, credential=b"any".hex(), options=options or [],
    )
