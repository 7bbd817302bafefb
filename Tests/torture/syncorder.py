#!/usr/bin/env python3
"""Judges logs of the preload library: was everything on stable storage before somebody was told so?

    syncorder.py LOG FOLDER_AT_START [--workstation]

Gateway: before an ACK, WELCOME or GOAWAY leaves that names a committed sequence, each record up to it stands in a
segment of a ledger whose sync, or that of its file system, began after the record was written and has ended well; and
the segment's name is as durable. Workstation: before a BATCH leaves, the same holds for its events and the spool.
"""

import struct
import sys
from typing import Optional

import powerloss_log as log
from powerloss_disk import Disk, snapshot
from powerloss_records import Segment

HELLO, WELCOME, BATCH, ACK, GOAWAY, ADOPT = 1, 2, 3, 4, 11, 13
NAMES = {WELCOME: "WELCOME", BATCH: "BATCH", ACK: "ACK", GOAWAY: "GOAWAY"}


class Channel:
    def __init__(self) -> None:
        self.out = log.Plaintext()
        self.into = log.Plaintext()
        # From the HELLO, whoever sent it.
        self.stream: Optional[bytes] = None


class Judge:
    """Follows the logs of the processes that owned a folder, one after the other."""

    def __init__(self, disk: Disk, is_workstation: bool = False) -> None:
        self.disk = disk
        self.is_workstation = is_workstation
        self.channels: dict = {}
        self.segments: dict = {}
        # Events of each stream that a power loss leaves.
        self.durable: dict = {}
        self.cover: dict = {}
        self.problems: list = []
        # How many promises were judged, by frame, and by what had made their last record durable.
        self.judged: dict = {}
        self.covered_by: dict = {}
        # The highest sequence that each stream was told, with the time; that it has heard.
        self.promised: dict = {}
        self.heard: dict = {}
        # What the first WELCOME of each stream said.
        self.welcomed: dict = {}
        self._look()

    def run(self, records) -> "Judge":
        for record in records:
            self.take(record)
        return self

    def take(self, record: log.Record) -> None:
        kind = record.kind
        if kind == log.START:
            self.channels.clear()
        if kind in (log.SENDING, log.SENT, log.RECEIVED, log.CHANNEL_ENDS):
            return self._channel(record)
        if self.disk.take(record) is not None:
            self._look()

    # MARK: What is durable

    def _look(self) -> None:
        for path, node in self.disk.durable_files():
            parts = path.split("/")
            if len(parts) < 2 or parts[-2] not in ("ledger", "spool") or not parts[-1].endswith(".segment"):
                continue
            segment = self.segments.setdefault(node, Segment())
            segment.read(node.durable)
            self.problems += [f"{path}: {fault}" for fault in segment.faults]
            segment.faults.clear()
            for number, stream in segment.streams.items():
                through = segment.through.get(number, 0)
                if through > self.durable.get(stream, -1):
                    self.durable[stream] = through
                    self.cover[stream] = node.cover

    # MARK: What is said

    def _channel(self, record: log.Record) -> None:
        if record.kind == log.CHANNEL_ENDS:
            self.channels.pop(record.file, None)
            return
        channel = self.channels.setdefault(record.file, Channel())
        if record.kind == log.SENDING:
            for kind, body in channel.out.offer(record.data):
                self._sends(record, channel, kind, body)
        elif record.kind == log.SENT:
            channel.out.sent(record.a)
        else:
            for kind, body in channel.into.frames(record.data):
                if kind == HELLO:
                    channel.stream = body[16:32]
                elif kind in (ACK, WELCOME) and channel.stream is not None:
                    self.heard[channel.stream] = max(
                        self.heard.get(channel.stream, 0), struct.unpack_from("<Q", body, 0 if kind == ACK else 8)[0])

    def _sends(self, record: log.Record, channel: Channel, kind: int, body: bytes) -> None:
        if kind == HELLO:
            channel.stream = body[16:32]
        if self.is_workstation:
            if kind == BATCH:
                first, count = struct.unpack_from("<QI", body)
                self._judge(record, channel, kind, first + count - 1)
            return
        place = {ACK: 0, WELCOME: 8, GOAWAY: 8}.get(kind)
        # Before a HELLO was understood a GOAWAY has no stream to speak of.
        if place is None or (kind == GOAWAY and channel.stream is None):
            return
        through, = struct.unpack_from("<Q", body, place)
        self._judge(record, channel, kind, through)

    def _judge(self, record: log.Record, channel: Channel, kind: int, through: int) -> None:
        self.judged[NAMES[kind]] = self.judged.get(NAMES[kind], 0) + 1
        stream = channel.stream or b""
        if not self.is_workstation and through > self.promised.get(stream, (0, -1))[1]:
            self.promised[stream] = (record.time, through)
        if kind == GOAWAY and through == 0:
            return
        if kind == WELCOME:
            self.welcomed.setdefault(stream, through)
        durable = self.durable.get(stream, -1)
        if through > durable:
            self.problems.append(
                f"record {record.order}: {NAMES[kind]} through {through} of stream {stream.hex()[:8]} left while "
                + (f"only {durable} events were surely on the disk" if durable >= 0 else "the stream was not"))
        elif through == durable and through > 0:
            cover = self.cover[stream] or "before"
            self.covered_by[cover] = self.covered_by.get(cover, 0) + 1


def main() -> int:
    arguments = [word for word in sys.argv[1:] if not word.startswith("--")]
    if len(arguments) != 2:
        print(__doc__, file=sys.stderr)
        return 64
    judge = Judge(Disk.of(snapshot(arguments[1])), "--workstation" in sys.argv).run(log.read(arguments[0]))
    print(f"judged {judge.judged}, made durable by {judge.covered_by}; {judge.disk.writes} writes, "
          f"{judge.disk.bytes} bytes, {judge.disk.syncs} syncs")
    for problem in judge.problems[:50]:
        print(problem)
    return 1 if judge.problems else 0


if __name__ == "__main__":
    sys.exit(main())
