"""The events that every peer is loaded with: those of ``bench/generator/EventLoad.swift``, draw for draw.

The same seed gives the same events as there; ``test_peers.py`` and ``EventLoadTests`` pin the same figures. An event is
a mapping of the schema's column names, as the vectors write it: what has its default is left out.
"""

from typing import Dict, List, Tuple, Union

Event = Dict[str, Union[int, str]]

LIVE_SESSIONS = 64
START_MS = 1_793_491_200_000  # 2026-11-01T00:00:00Z
MODELS = [
    ("claude-opus-4-8", "claude_code"),
    ("claude-sonnet-4-5-20250929", "claude_code"),
    ("claude-haiku-4-5-20251001", "claude_code"),
    ("claude-opus-5-5", "claude_code"),
    ("gpt-5.3-codex", "codex"),
    ("gpt-6.1-sol", "codex"),
]
_MASK = (1 << 64) - 1
# 2^(n/16) × 65,536
_ROOTS = [
    65_536, 68_438, 71_468, 74_632, 77_936, 81_386, 84_990, 88_752, 92_682, 96_785, 101_070, 105_545, 110_218,
    115_098, 120_194, 125_515,
]  # fmt: skip


class SeededRandom:
    """SplitMix64 with whole numbers alone, as in ``SeededRandom.swift``."""

    def __init__(self, seed: int) -> None:
        self._state = seed & _MASK

    def next(self) -> int:
        self._state = (self._state + 0x9E37_79B9_7F4A_7C15) & _MASK
        word = self._state
        word = ((word ^ (word >> 30)) * 0xBF58_476D_1CE4_E5B9) & _MASK
        word = ((word ^ (word >> 27)) * 0x94D0_49BB_1331_11EB) & _MASK
        return word ^ (word >> 31)

    def number(self, low: int, high: int) -> int:
        return low + ((self.next() * (high - low + 1)) >> 64)

    def chance(self, per_mille: int) -> bool:
        return self.number(0, 999) < per_mille

    def log_normal(self, median: int, sixteenths: int, low: int, high: int) -> int:
        total = -6 * 65_536
        for _ in range(12):
            total += self.next() >> 48
        power = (total * sixteenths) >> 16
        shift = (power >> 4) - 16
        scaled = median * _ROOTS[power & 15]
        value = scaled << min(shift, 16) if shift >= 0 else scaled >> min(-shift, 62)
        return min(max(value, low), high)

    def uuid(self) -> str:
        high = self.next() & 0xFFFF_FFFF_FFFF_0FFF | 0x4000
        low = self.next() & 0x3FFF_FFFF_FFFF_FFFF | 0x8000_0000_0000_0000
        return "%016x%016x" % (high, low)


class _Session:
    def __init__(self, random: SeededRandom) -> None:
        self.origin = "subagent" if random.chance(200) else "main"
        self.model, self.agent = MODELS[random.number(0, len(MODELS) - 1)]
        self.project = "%016x%016x" % (0xA11C_E000, random.number(1, 12))
        self.id = random.uuid()
        self.is_hour_cache = random.chance(500)
        self.cached = 0
        self.calls_left = random.log_normal(35, 18, 5, 200)


class EventLoad:
    """An endless stream of events of 64 interleaved sessions."""

    def __init__(self, seed: int, start_ms: int = START_MS) -> None:
        self._random = SeededRandom(seed)
        self._time_ms = start_ms
        self._sessions = [_Session(self._random) for _ in range(LIVE_SESSIONS)]

    def next(self) -> Event:
        random = self._random
        self._time_ms += random.log_normal(350, 24, 1, 30_000)
        place = random.number(0, LIVE_SESSIONS - 1)
        session = self._sessions[place]
        event = self._call(session)
        session.calls_left -= 1
        if session.calls_left == 0:
            self._sessions[place] = _Session(random)
        return {name: value for name, value in event.items() if value != 0}

    def _call(self, session: _Session) -> Event:
        random = self._random
        event: Event = {
            "time_ms": self._time_ms,
            "session": session.id,
            "project": session.project,
            "agent": session.agent,
            "model": session.model,
            "origin": session.origin,
        }
        is_claude = session.agent == "claude_code"
        if is_claude:
            event["speed"] = event["tier"] = "standard"
        event["outcome"] = "ok" if random.chance(990) else "error"
        output = random.log_normal(280, 24, 3, 16_000)
        event["output_tokens"] = output
        if random.chance(450):
            event["reasoning_tokens"] = output * random.number(5, 80) // 100
        first = random.number(9_000, 22_000) if session.cached == 0 else 0
        added = first + random.log_normal(800, 22, 20, 60_000)
        event["cache_read_tokens"] = session.cached
        if is_claude:
            event["input_tokens"] = random.number(1, 12)
            event["cache_write_1h_tokens" if session.is_hour_cache else "cache_write_5m_tokens"] = added
            event["duration_ms"] = random.log_normal(6_000, 20, 400, 600_000)
            if random.chance(15):
                event["web_searches"] = random.number(1, 4)
        else:
            event["input_tokens"] = added
        event["tool_calls"] = random.number(1, 3) if random.chance(700) else 0
        grown = session.cached + added
        session.cached = 0 if grown > 160_000 else grown
        return event


def batches(seed: int, workstations: int, rounds: int, per_batch: int) -> List[Tuple[int, List[Event]]]:
    """Several workstations' batches, dealt in turn: the batch at place i is of workstation i mod ``workstations``."""
    loads = [EventLoad(seed + workstation) for workstation in range(workstations)]
    return [(place, [load.next() for _ in range(per_batch)]) for _ in range(rounds) for place, load in enumerate(loads)]
