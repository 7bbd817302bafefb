"""All frames of section 2, both ways.

As the vectors write it, a frame is ``{"type": "ACK", field: value, …}`` with ``"flags"`` where a bit of the frame's
flags is set.  Integers of 8, 16 and 32 bits are numbers; wider ones are decimal strings, since not every JSON reader
keeps 64 bits; those whose name holds ``chain`` are 16 hexadecimal digits; bytes are hexadecimal; a model is text.
"""

from typing import Any, Dict, List, Tuple

from .schema import LIMITS, SCHEMA, SKIP, is_label

Frame = Dict[str, Any]

_WIDTHS = {"u8": 1, "u16": 2, "u32": 4, "u64": 8, "i64": 8, "u128": 16}
_BYTES = {"bytes8": 8, "id16": 16, "bytes32": 32}
_LISTS = {"u16_list": "u16", "id16_list": "id16"}
_MOST = {
    "options": LIMITS["options_max"],
    "groups": LIMITS["skip_groups_max"],
    "sessions": LIMITS["adopt_sessions_max"],
}
_SEQUENCES = {
    "lowest_held",
    "highest_held",
    "acknowledged",
    "committed",
    "backed_up_through",
    "first",
    "last",
    "sequence",
    "final",
    "prior_through",
}

_ABSENT = "00" * 16

TYPES: Dict[int, Dict[str, Any]] = {frame["type"]: frame for frame in SCHEMA["frames"]}
NAMES: Dict[str, Dict[str, Any]] = {frame["name"]: frame for frame in SCHEMA["frames"]}


class FrameError(Exception):
    """Answered by GOAWAY with this reason."""

    reason = "PROTOCOL"


class _Reader:
    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def take(self, n: int) -> bytes:
        if n > len(self.data) - self.at:
            raise FrameError("shorter than its fields")
        self.at += n
        return self.data[self.at - n : self.at]

    def number(self, type: str) -> int:
        return int.from_bytes(self.take(_WIDTHS[type]), "little", signed=type == "i64")


def _show(name: str, type: str, value: int) -> Any:
    if type in ("u64", "i64", "u128"):
        return "%016x" % value if "chain" in name else str(value)
    return value


def _number(name: str, value: Any) -> int:
    if isinstance(value, str):
        return int(value, 16 if "chain" in name else 10)
    return int(value)


def _check_number(field: Dict[str, Any], value: int) -> None:
    name = field["name"]
    if "value" in field and value != field["value"]:
        raise FrameError("%s is not %s" % (name, field["value"]))
    if "values" in field and value not in field["values"].values():
        raise FrameError("%s has no value %d" % (name, value))
    if "bits" in field and value & ~sum(1 << bit for bit in field["bits"].values()):
        raise FrameError("%s has an undefined bit" % name)
    if name in _SEQUENCES and value > LIMITS["sequence_max"]:
        raise FrameError("%s is not below 2^56" % name)


def _read_field(reader: _Reader, field: Dict[str, Any]) -> Any:
    name, type = field["name"], field["type"]
    if type in _WIDTHS:
        value = reader.number(type)
        _check_number(field, value)
        return _show(name, type, value)
    if type in _BYTES or type in ("bytes", "rest"):
        if type == "rest":
            data = reader.take(len(reader.data) - reader.at)
        else:
            data = reader.take(_BYTES[type] if type in _BYTES else reader.number(field["length"]))
        if "value" in field and data.hex() != field["value"]:
            raise FrameError("%s is not %s" % (name, field["value"]))
        if name == "model":
            if data and not is_label(data):
                raise FrameError("a model that is no label")
            return data.decode("ascii")
        return data.hex()
    size = reader.number(field["count"])
    if size > _MOST.get(name, size):
        raise FrameError("too many %s" % name)
    if type in _LISTS:
        return [_read_field(reader, {"name": "", "type": _LISTS[type]}) for _ in range(size)]
    return [{part["name"]: _read_field(reader, part) for part in SCHEMA["composites"][type]} for _ in range(size)]


def _write_field(field: Dict[str, Any], value: Any, out: List[bytes]) -> None:
    name, type = field["name"], field["type"]
    if type in _WIDTHS:
        out.append(_number(name, value).to_bytes(_WIDTHS[type], "little", signed=type == "i64"))
    elif type in _BYTES or type in ("bytes", "rest"):
        data = value.encode("ascii") if name == "model" else bytes.fromhex(value)
        if type == "bytes":
            out.append(len(data).to_bytes(_WIDTHS[field["length"]], "little"))
        elif type in _BYTES and len(data) != _BYTES[type]:
            raise ValueError("%s of %d bytes" % (name, len(data)))
        out.append(data)
    else:
        out.append(len(value).to_bytes(_WIDTHS[field["count"]], "little"))
        for item in value:
            if type in _LISTS:
                _write_field({"name": "", "type": _LISTS[type]}, item, out)
            else:
                for part in SCHEMA["composites"][type]:
                    _write_field(part, item[part["name"]], out)


def _check_frame(frame: Frame) -> None:
    """What one field alone does not show (TG-2-5, TG-2-7)."""
    type = frame["type"]
    if type == "HELLO":
        if frame["version_min"] > frame["version_max"] or frame["schema_min"] > frame["schema_max"]:
            raise FrameError("a range that ends before it begins")
        if frame["credential_kind"] == 0 and frame["credential"]:
            raise FrameError("a credential of mutual TLS")
    elif type == "ADOPT":
        if _ABSENT in frame["sessions"]:
            raise FrameError("an absent session")
        if frame["prior"] == _ABSENT and int(frame["prior_through"]):
            raise FrameError("a place in no stream")
    elif type == "ADOPTED":
        if frame["count"] > LIMITS["batch_events_max"] or (frame["count"] == 0) != (not frame["body"]):
            raise FrameError("a body that does not fit its count")
    elif type == "BATCH":
        first, count = int(frame["first"]), frame["count"]
        if first == 0 or first + max(count, 1) - 1 > LIMITS["sequence_max"]:
            raise FrameError("events outside 1 to 2^56 - 1")
    elif type == "SKIP":
        if not 1 <= int(frame["first"]) <= int(frame["last"]):
            raise FrameError("an empty range")
        if frame["reason"] not in SKIP.values():
            raise FrameError("an unknown reason")
    elif type == "CHAIN":
        if not frame["known"] and int(frame["chain"], 16):
            raise FrameError("a chain value that is not known")


def encode(frame: Frame) -> bytes:
    """The frame with its length.  Nothing is checked but the fields' widths, so that bad frames can be written."""
    kind = NAMES[frame["type"]]
    out = [bytes([kind["type"], frame.get("flags", 0)])]
    for field in kind["fields"]:
        value = frame[field["name"]] if field["name"] in frame else field["value"]
        _write_field(field, value, out)
    body = b"".join(out)
    return len(body).to_bytes(4, "little") + body


def decode(data: bytes, phase: str = "open", to: str = "") -> Frame:
    """The one frame that ``data`` holds, or ``FrameError``.

    ``phase`` is ``hello`` until the gateway has accepted a HELLO; ``to`` is the side that reads, or empty.
    """
    if len(data) < 4:
        raise ValueError("not a frame yet")
    length = int.from_bytes(data[:4], "little")
    if not 2 <= length <= LIMITS["hello_frame_bytes_max" if phase == "hello" else "frame_bytes_max"]:
        raise FrameError("length %d" % length)
    if len(data) != 4 + length:
        raise ValueError("%d bytes of a frame of %d" % (len(data), 4 + length))
    kind = TYPES.get(data[4])
    if kind is None:
        raise FrameError("unknown type")
    if to and kind["direction"] not in ("both", "to_" + to):
        raise FrameError("a type of the other direction")
    flags = data[5]
    if flags & ~sum(1 << flag["bit"] for flag in kind["flags"]):
        raise FrameError("undefined flag")
    frame: Frame = {"type": kind["name"]}
    if flags:
        frame["flags"] = flags
    reader = _Reader(data[6:])
    for field in kind["fields"]:
        frame[field["name"]] = _read_field(reader, field)
    if reader.at != len(reader.data):
        raise FrameError("longer than its fields")
    _check_frame(frame)
    return frame


def reader_of(frame: Frame) -> Tuple[str, ...]:
    """The sides that may read a frame."""
    direction = NAMES[frame["type"]]["direction"]
    return ("gateway", "workstation") if direction == "both" else (direction[len("to_") :],)
