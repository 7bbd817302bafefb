"""Redis 7 streams: append-only file, `appendfsync always`, TLS of its own."""

import os
import socket
import ssl
from typing import List, Optional, Union

import machine
from machine import PeerError, Process
from systems.base import Peer, Variant, must

_CONFIGURATION = """
bind 127.0.0.1
port 0
tls-port %(port)d
tls-cert-file %(certificate)s
tls-key-file %(key)s
tls-ca-cert-file %(authority)s
tls-auth-clients no
tls-protocols "TLSv1.3"
tls-session-caching no
dir %(data)s
appendonly yes
appendfsync always
auto-aof-rewrite-percentage 0
save ""
maxclients 19000
maxmemory 8gb
maxmemory-policy noeviction
daemonize no
"""
Answer = Union[str, int, List["Answer"], None]  # type: ignore


class Redis(Peer):
    name = "Redis streams"
    debian = ["redis-server"]
    promises = "in the append-only file and synced, and in memory"
    leaves_undone = (
        "Keeps everything in memory: the data must fit, or be trimmed. Does not look into an entry, and knows nothing"
        " sent twice. Adds nothing up. One password or access list for all; keys are the only border between tenants."
        " The append-only file grows until it is rewritten, which was switched off here."
    )
    idle_protocol = "redis"

    @classmethod
    def missing(cls) -> Optional[str]:
        return None if machine.program("redis-server") else "redis-server (Debian: redis-server)"

    @classmethod
    def variants(cls, per_event: bool) -> List[Variant]:
        found = [Variant("JSON, an entry a batch", "json", "redis"), Variant("our frames as blobs", "frame", "redis")]
        return found + ([Variant("JSON, an entry an event", "json-event", "redis")] if per_event else [])

    def start(self) -> None:
        path = os.path.join(self.folder, "redis.conf")
        values = {
            "port": self.port,
            "data": self.data,
            "certificate": self.certificates.certificate,
            "key": self.certificates.key,
            "authority": self.certificates.authority,
        }
        with open(path, "w") as file:
            file.write(_CONFIGURATION % values)
        self.process = Process([machine.program("redis-server") or "redis-server", path], self.cpu, self.log)
        machine.wait_for_port(self.port, self.process)

    def settings(self) -> List[str]:
        info = str(self._ask("INFO", "server"))
        version = next(line.split(":")[1].strip() for line in info.splitlines() if line.startswith("redis_version"))
        for name, value in (("appendonly", "yes"), ("appendfsync", "always"), ("tls-protocols", "TLSv1.3")):
            answer = self._ask("CONFIG", "GET", name)
            must(answer == [name, value], "Redis says %s" % answer)
        threads: List[str] = self._ask("CONFIG", "GET", "io-threads")  # type: ignore
        says = "CONFIG GET says appendonly yes, appendfsync always, %s" % " ".join(threads)
        return ["redis-server %s" % version, says]

    def check_stored(self, variant: Variant, messages: int, events: int) -> str:
        keys = self._ask("KEYS", "usage:*")
        held = sum(int(self._ask("XLEN", str(key))) for key in keys)  # type: ignore
        must(held >= messages, "%d entries were acknowledged, %d are held" % (messages, held))
        return "%d entries held" % held

    def notes(self, events: int) -> List[str]:
        memory = dict(line.split(":", 1) for line in str(self._ask("INFO", "memory")).splitlines() if ":" in line)
        return ["holds %.0f bytes of memory an event" % (int(memory["used_memory_dataset"]) / max(events, 1))]

    def _ask(self, *words: str) -> Answer:
        context = ssl.create_default_context(cafile=self.certificates.authority)
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        with socket.create_connection(("127.0.0.1", self.port), 30) as plain:
            with context.wrap_socket(plain, server_hostname="localhost") as channel:
                parts = ["*%d\r\n" % len(words)] + ["$%d\r\n%s\r\n" % (len(word), word) for word in words]
                channel.sendall("".join(parts).encode())
                with channel.makefile("rb") as file:
                    return _answer(file)


def _answer(file) -> Answer:  # type: ignore
    line = file.readline().decode().rstrip("\r\n")
    kind, rest = line[:1], line[1:]
    if kind == "-" or not kind:
        raise PeerError("Redis: %s" % (rest or "closed"))
    if kind == ":":
        return int(rest)
    if kind == "$":
        if rest == "-1":
            return None
        data = file.read(int(rest) + 2)
        return str(data[:-2].decode())
    if kind == "*":
        return [_answer(file) for _ in range(int(rest))]
    return rest
