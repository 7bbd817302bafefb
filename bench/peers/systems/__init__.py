"""The peers, by the name that ``--peers`` takes."""

from typing import Dict, Type

from systems.base import Peer
from systems.nats import Nats
from systems.postgres import Postgres
from systems.redis import Redis
from systems.victoria import Victoria

PEERS: Dict[str, Type[Peer]] = {"nats": Nats, "redis": Redis, "postgres": Postgres, "victoria": Victoria}
