"""Section 8: when an event counts, what is too old, and who obeys that."""

from typing import List, Optional

from .schema import BY_NAME, Refusal

AHEAD_MS = 600_000
AGREEMENT_MS = 120_000
_LEAST, _MOST = -(1 << 63), (1 << 63) - 1


def _sum(left: int, right: int) -> int:
    """The sum, at the end of 64 bits where it does not fit."""
    return max(_LEAST, min(_MOST, left + right))


def effective(time_ms: int, received_ms: int, offset_ms: int) -> int:
    """TG-8-1.  ``offset_ms`` is the gateway's clock less the workstation's at the HELLO."""
    latest = _sum(received_ms, AHEAD_MS)
    corrected = _sum(time_ms, offset_ms)
    if corrected > latest:
        return received_ms
    return max(corrected, 1) if time_ms > latest else time_ms


def check_age(times: List[int], received_ms: int, offset_ms: int, oldest_ms: int, trusted: bool) -> Optional[Refusal]:
    """TG-8-2: the refusal of the first run of rows that retention, which begins at ``oldest_ms``, would remove at once."""
    old = [effective(time, received_ms, offset_ms) < oldest_ms for time in times]
    if True not in old:
        return None
    first = old.index(True)
    rest = old[first:]
    run = rest.index(False) if False in rest else len(rest)
    return Refusal("TOO_OLD" if trusted else "CLOCK_UNSURE", BY_NAME["time_ms"].id, first, run)


def is_obeyed(offset_ms: int) -> bool:
    """TG-8-3: whether a workstation whose clock is so far from the gateway's gives up what is called too old."""
    return abs(offset_ms) <= AGREEMENT_MS
