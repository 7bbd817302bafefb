"""What every peer can be asked. Each file beside this one is one peer; ``run.py`` knows no other difference."""

import os
from typing import Any, Dict, List, NamedTuple, Optional

from machine import Certificates, PeerError, Process


class Variant(NamedTuple):
    """One row of the table: a form of ``formats.pool_parts`` and how it is handed over."""

    label: str
    form: str
    #: As ``client/load`` takes it; empty for PostgreSQL, which has a client of its own.
    protocol: str
    #: A connection takes one batch at a time, so there are connections × in flight of them.
    one_in_flight: bool = False


class Peer:
    name = ""
    #: Debian's and PyPI's packages that it is in.
    debian: List[str] = []
    pypi: List[str] = []
    #: What its acknowledgement means, and what it leaves undone that a gateway does, in plain words.
    promises = ""
    leaves_undone = ""
    #: How many idle connections ``--memory`` opens.
    idle_connections = 1000
    idle_protocol = ""
    client = "load"

    def __init__(self, folder: str, certificates: Certificates, port: int, cpu: Optional[int]) -> None:
        self.folder, self.certificates, self.port, self.cpu = folder, certificates, port, cpu
        self.data = os.path.join(folder, "data")
        self.log = os.path.join(folder, "log")
        self.process: Optional[Process] = None
        os.mkdir(self.data)

    @classmethod
    def missing(cls) -> Optional[str]:
        """What has to be installed, or None."""
        raise NotImplementedError

    @classmethod
    def variants(cls, per_event: bool) -> List[Variant]:
        raise NotImplementedError

    def start(self) -> None:
        """Configures and starts; returns once it takes connections."""
        raise NotImplementedError

    def settings(self) -> List[str]:
        """Version and durability as the running server itself tells them; raises if they are not what they must be."""
        raise NotImplementedError

    def own_load(self, options: Any, cpu: int) -> Optional[Dict[str, Any]]:
        """Of a peer with a load client that is not ours: loads it and returns the row's figures."""
        return None

    def own_idle(self, connections: int, cpu: int) -> Optional[float]:
        """The same of the memory of an idle connection, in bytes."""
        return None

    def check_stored(self, variant: Variant, messages: int, events: int) -> str:
        """Compares what was acknowledged with what the server says it holds; raises if it is less."""
        raise NotImplementedError

    def notes(self, events: int) -> List[str]:
        """What else is to be told of a run, such as the bytes of a log that the disk figure holds."""
        return []

    def environment(self) -> Dict[str, str]:
        """For the client."""
        return {}

    def running(self) -> Process:
        if not self.process:
            raise PeerError("%s is not running" % self.name)
        return self.process

    def end(self) -> None:
        if self.process:
            self.process.end()


def must(condition: bool, text: str) -> None:
    if not condition:
        raise PeerError(text)
