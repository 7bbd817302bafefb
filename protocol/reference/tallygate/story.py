"""Follows a whole session and says where a frame does not fit what came before it.

This is not a gateway: credit, clocks and credentials are taken as the story gives them.  What is followed: which
batches count, chain values, running totals, and which refusal answers a batch.
"""

from typing import Any, Dict, List, Optional

from . import batch, chain, frames
from .schema import BY_NAME, GOAWAY, PERMANENT, REJECT, SCHEMA, Refusal

_REASONS = {code: name for name, code in REJECT.items()}
_OF_THE_GATEWAY = {"BUSY", "STORAGE", "SESSION_LIMIT", "LABEL_LIMIT", "CLOCK_UNSURE", "TOO_OLD", "OVERFLOW"}
_TOKENS = SCHEMA["control_tokens"]
_COST = BY_NAME["reported_cost_nano_usd"]


class Follower:
    def __init__(self) -> None:
        self.chains: List[Optional[int]] = []
        self.tokens = self.reported = 0
        self.expected: Optional[Dict[str, Any]] = None  # the REJECT that must come
        self.rejected = False

    @property
    def head(self) -> int:
        return len(self.chains) - 1

    def follow(self, frame: frames.Frame, later: List[frames.Frame]) -> Optional[str]:
        """A difference, or None.  ``later`` are the frames still to come."""
        handler = getattr(self, "on_" + frame["type"].lower(), None)
        return handler(frame, later) if handler else None

    def on_hello(self, frame: frames.Frame, later: List[frames.Frame]) -> Optional[str]:
        zero = chain.zero(bytes.fromhex(frame["stream"]))
        self.rejected, self.expected = False, None
        if not self.chains:
            self.chains = [zero]
        if self.chains[0] != zero:
            return "another stream"
        at = int(frame["acknowledged"])
        if at <= self.head and int(frame["acknowledged_chain"], 16) != self.chains[at]:
            return "acknowledged_chain is not the value after %d" % at
        highest = int(frame["highest_held"])
        if highest and highest <= self.head and int(frame["highest_chain"], 16) != self.chains[highest]:
            return "highest_chain is not the value after %d" % highest
        return None

    def on_welcome(self, frame: frames.Frame, later: List[frames.Frame]) -> Optional[str]:
        if (int(frame["tokens"]), int(frame["reported_nano_usd"])) != (self.tokens, self.reported):
            return "the running totals are %d and %d" % (self.tokens, self.reported)
        return self.on_ack(frame, later)

    def on_ack(self, frame: frames.Frame, later: List[frames.Frame]) -> Optional[str]:
        if self.expected:
            return "a REJECT is due"
        at = int(frame["committed"])
        if at > self.head or self.chains[at] != int(frame["chain"], 16):
            return "not the chain value after %d" % at
        return None

    def on_batch(self, frame: frames.Frame, later: List[frames.Frame]) -> Optional[str]:
        if self.expected:
            return None  # in flight while a REJECT is on its way: dropped
        first = int(frame["first"])
        last = first + max(frame["count"], 1) - 1
        for reply in later:
            if reply["type"] == "REJECT" and reply["first"] == frame["first"]:
                if _REASONS.get(reply["reason"]) in _OF_THE_GATEWAY:
                    return None
            if reply["type"] in ("REJECT", "ACK"):
                break
        if last <= self.head:
            return None  # a duplicate, acknowledged again
        if first != self.head + 1:
            if first > self.head + 1 and self.rejected:
                return None
            reason = "SEQUENCE_OVERLAP" if first <= self.head else "SEQUENCE_GAP"
            self.expected = _reject(frame, Refusal(reason, run=frame["count"]))
            return None
        before = self.chains[self.head]
        assert before is not None
        values: List[int] = []
        try:
            batch.check(frame, before, values)
        except Refusal as refusal:
            self.expected = _reject(frame, refusal)
            return None
        self.rejected = False
        self.chains += values
        self.tokens += int(frame["tokens"])
        self.reported += int(frame["reported_nano_usd"])
        return None

    def on_skip(self, frame: frames.Frame, later: List[frames.Frame]) -> Optional[str]:
        if not _is_possible(frame):
            reply = later[0] if later else {}
            is_ended = reply.get("type") == "GOAWAY" and reply["reason"] == GOAWAY["PROTOCOL"]
            return None if is_ended else "a GOAWAY(PROTOCOL) is due"
        if self.expected:
            return None  # in flight while a REJECT is on its way: dropped
        first, last = int(frame["first"]), int(frame["last"])
        if last <= self.head:
            return None  # a duplicate, acknowledged again
        if first != self.head + 1:
            if first > self.head + 1 and self.rejected:
                return None
            reason = "SEQUENCE_OVERLAP" if first <= self.head else "SEQUENCE_GAP"
            self.expected = _reject(frame, Refusal(reason, run=last - first + 1))
            return None
        self.chains += [None] * (last - first) + [int(frame["chain_after"], 16)]
        self.rejected = False
        for group in frame["groups"]:
            self.tokens += sum(int(group[name]) for name in _TOKENS)
            self.reported += int(group["reported_nano_usd"])
        return None

    def on_reject(self, frame: frames.Frame, later: List[frames.Frame]) -> Optional[str]:
        name = _REASONS.get(frame["reason"], "")
        if bool(frame["reject_flags"] & 1) != PERMANENT.get(name, bool(frame["reject_flags"] & 1)):
            return "the permanent bit of %s" % name
        self.rejected = True
        expected, self.expected = self.expected, None
        if name in _OF_THE_GATEWAY:
            return None
        given = {key: frame[key] for key in ("first", "index", "run", "reason", "field")}
        return None if given == expected else "expected %s" % expected

    def on_chain(self, frame: frames.Frame, later: List[frames.Frame]) -> Optional[str]:
        at = int(frame["sequence"])
        known = self.chains[at] if at <= self.head else None
        if frame["known"] != (known is not None):
            return "known is %d" % (known is not None)
        return None if int(frame["chain"], 16) == (known or 0) else "not the value after %d" % at


def _reject(frame: frames.Frame, refusal: Refusal) -> Dict[str, Any]:
    return {
        "first": frame["first"],
        "index": refusal.index,
        "run": refusal.run,
        "reason": REJECT[refusal.reason],
        "field": refusal.field,
    }


def _is_possible(frame: frames.Frame) -> bool:
    """Whether the events of a SKIP's range could hold what its groups tell (TG-5-4)."""
    held = int(frame["last"]) - int(frame["first"]) + 1
    groups = frame["groups"]

    def told(names: List[str]) -> int:
        return sum(int(group[name]) for group in groups for name in names)

    cost = _COST.most - 1  # what is encoded is one more
    return (
        told(["events"]) <= held
        and told(_TOKENS) <= held * sum(BY_NAME[name].most for name in _TOKENS)
        and told(["reasoning_tokens"]) <= held * BY_NAME["reasoning_tokens"].most
        and told(["reported_nano_usd"]) <= held * cost
    )
