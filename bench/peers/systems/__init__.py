"""The peers, by the name that ``--peers`` takes; our own gateway stands first."""

from typing import Dict, Type

from systems.base import Peer
from systems.nats import Nats
from systems.postgres import Postgres
from systems.redis import Redis
from systems.tallygate import Tallygate
from systems.victoria import Victoria

PEERS: Dict[str, Type[Peer]] = {
    "tallygate": Tallygate,
    "nats": Nats,
    "redis": Redis,
    "postgres": Postgres,
    "victoria": Victoria,
}
