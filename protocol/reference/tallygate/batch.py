"""A whole BATCH, in the order of TG-6-6 as far as the frame and the chain value before it decide."""

from typing import Any, Dict, List, Optional

from . import body, chain, lz4
from .schema import LIMITS, Refusal

LZ4_FLAG = 1


def make(first: int, rows: List[body.Row], before: int, compressed: bool = False) -> Dict[str, Any]:
    columns = body.columns_of_rows(rows)
    raw = body.encode(columns, len(rows))
    tokens, reported = body.totals(columns)
    frame: Dict[str, Any] = {"type": "BATCH"}
    if compressed:
        frame["flags"] = LZ4_FLAG
    frame.update(
        first=str(first),
        count=len(rows),
        raw_bytes=len(raw),
        tokens=str(tokens),
        reported_nano_usd=str(reported),
        chain_after="%016x" % chain.after(columns, len(rows), before),
        body=(lz4.compress(raw) if compressed else raw).hex(),
    )
    return frame


def check(frame: Dict[str, Any], before: int, chains: Optional[List[int]] = None) -> body.Columns:
    """The columns of a BATCH, or the ``Refusal`` that answers it.  ``chains`` receives the value after each event."""
    count, raw_bytes, data = frame["count"], frame["raw_bytes"], bytes.fromhex(frame["body"])
    if not 1 <= count <= LIMITS["batch_events_max"] or raw_bytes > LIMITS["batch_raw_bytes_max"]:
        raise Refusal("SIZE", run=count)
    if frame.get("flags", 0) & LZ4_FLAG:
        data = lz4.decompress(data, raw_bytes, count)
    elif len(data) != raw_bytes:
        raise Refusal("SIZE", run=count)
    columns = body.decode(data, count)
    tokens, reported = body.totals(columns)
    if tokens != int(frame["tokens"]) or reported != int(frame["reported_nano_usd"]):
        raise Refusal("CONTROL_TOTAL", run=count)
    after = chain.each_after(columns, count, before)
    if after[-1] != int(frame["chain_after"], 16):
        raise Refusal("CHAIN_MISMATCH", run=count)
    if chains is not None:
        chains.extend(after)
    return columns
