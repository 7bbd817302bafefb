"""The cases of ``vectors/times-all.json``: section 8.  What each expects is written by hand."""

from typing import Any, Dict, List

from tallygate import times
from tallygate.schema import Refusal

Case = Dict[str, Any]
NOW = 1_700_000_000_000
LATEST = NOW + 600_000
DAY = 86_400_000
MOST = (1 << 43) - 1
FAR = (1 << 63) - 1


def counted(name: str, time_ms: int, offset_ms: int, effective_ms: int, received_ms: int = NOW) -> Case:
    assert times.effective(time_ms, received_ms, offset_ms) == effective_ms, name
    return {"name": name, "requirement": "TG-8-1", "time_ms": str(time_ms), "received_ms": str(received_ms),
            "offset_ms": str(offset_ms), "effective_ms": str(effective_ms)}


def aged(name: str, rows: List[int], offset_ms: int, trusted: bool = True, *expected: Any) -> Case:
    """Retention begins a day before the receipt."""
    refusal = times.check_age(rows, NOW, offset_ms, NOW - DAY, trusted)
    case: Case = {"name": name, "requirement": "TG-8-2", "times": [str(row) for row in rows], "received_ms": str(NOW),
                  "offset_ms": str(offset_ms), "oldest_ms": str(NOW - DAY), "trusted": trusted}
    if refusal is None:
        assert not expected, name
        case["accepted"] = True
        return case
    assert isinstance(refusal, Refusal) and refusal.field == 2
    assert expected == (refusal.reason, refusal.index, refusal.run), (name, str(refusal))
    case.update(reason=refusal.reason, field=refusal.field, index=refusal.index, run=refusal.run)
    return case


def obeyed(offset_ms: int, is_obeyed: bool) -> Case:
    assert times.is_obeyed(offset_ms) == is_obeyed, offset_ms
    return {"name": "TOO_OLD where the gateway's clock is %d ms ahead" % offset_ms, "requirement": "TG-8-3",
            "offset_ms": str(offset_ms), "obeyed": is_obeyed}


def time_cases() -> List[Case]:
    old = NOW - DAY - 1
    return [
        counted("a past event counts at its own time", NOW - 5_000, 0, NOW - 5_000),
        counted("a past event counts at its own time whatever the clocks", NOW - 5_000, 4_000, NOW - 5_000),
        counted("an event of the year 1970", 1, -3_600_000, 1),
        counted("ten minutes ahead is not ahead", LATEST, 0, LATEST),
        counted("a millisecond more counts at the receipt", LATEST + 1, 0, NOW),
        counted("ahead, and the workstation's clock explains it", LATEST + 3_000, -3_600_000, LATEST + 3_000 - 3_600_000),
        counted("ahead, and explained up to the last millisecond", LATEST + 7, -7, LATEST),
        counted("ahead, and explained but for one millisecond", LATEST + 8, -7, NOW),
        counted("corrected to before 1970 counts at 1", LATEST + 1, -4_000_000_000_000, 1),
        counted("not ahead by itself, but by a clock that is behind", NOW, 600_001, NOW),
        counted("the same, a little in the past", NOW - 10, 600_011, NOW),
        counted("the largest time and the largest offset", MOST, FAR, NOW),
        counted("the largest time and the least offset", MOST, -FAR - 1, 1),
        counted("a receipt at the end of time", MOST, 1, MOST, received_ms=FAR),
        aged("exactly as old as is kept", [NOW - DAY, NOW], 0),
        aged("a millisecond older", [NOW, old, NOW], 0, True, "TOO_OLD", 1, 1),
        aged("the first run of old rows is named", [NOW, old, 1, NOW, old], 0, True, "TOO_OLD", 1, 2),
        aged("every row is too old", [old, old], 0, True, "TOO_OLD", 0, 2),
        aged("the same by a clock that is not trusted", [NOW, old, old], 0, False, "CLOCK_UNSURE", 1, 2),
        aged("young rows by a clock that is not trusted", [NOW, NOW - DAY], 0, False),
        aged("ahead, and too old once the clocks are allowed for", [LATEST + 1], -(DAY + 700_000), True, "TOO_OLD", 0, 1),
        aged("ahead of everything counts at the receipt and is young", [MOST], 0),
        aged("old by itself; the clocks do not make it younger", [old], 2 * DAY // 3, True, "TOO_OLD", 0, 1),
        obeyed(0, True), obeyed(120_000, True), obeyed(-120_000, True),
        obeyed(120_001, False), obeyed(-120_001, False), obeyed(MOST, False), obeyed(-MOST, False),
    ]
