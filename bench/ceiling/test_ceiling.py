"""What the ceiling promises, over its own door: real TLS, bodies by the protocol's reference encoder, sums known here.

CEILING names the folder of the three builds; `make ceiling-test` makes them.
"""

import os
import random
import sys
import tempfile
import unittest
from pathlib import Path
from typing import Any, Dict, List

sys.path.insert(0, str(Path(__file__).resolve().parent))

from ceiling_client import ROOT, Ceiling, Workstation, hello  # noqa: E402
from tallygate import body, frames, lz4  # noqa: E402
from tallygate.damage import _damaged  # noqa: E402
from tallygate.random_rows import random_rows  # noqa: E402

BUILDS = Path(os.environ.get("CEILING", ROOT / ".build" / "ceiling"))
SEED = int(os.environ.get("SEED", "0")) or random.SystemRandom().randrange(1, 1 << 32)
# Damaged bodies under way at once, each on a connection of its own.
AT_ONCE = 20
MUTATIONS = int(os.environ.get("MUTATIONS", "2000"))

SUMS = [
    "input_tokens", "cache_read_tokens", "cache_write_5m_tokens", "cache_write_1h_tokens",
    "cache_write_unknown_tokens", "output_tokens", "reasoning_tokens", "web_searches", "tool_calls",
]  # fmt: skip


def batch(first: int, rows: List[body.Row], chain: int, compressed: bool) -> Dict[str, Any]:
    raw = body.encode(body.columns_of_rows(rows), len(rows))
    return frame(first, len(rows), raw, chain, compressed)


def frame(first: int, count: int, raw: bytes, chain: int, compressed: bool) -> Dict[str, Any]:
    result: Dict[str, Any] = dict(
        type="BATCH", first=str(first), count=count, raw_bytes=len(raw), tokens="0", reported_nano_usd="0",
        chain_after="%016x" % chain, body=(lz4.compress(raw) if compressed else raw).hex(),
    )  # fmt: skip
    if compressed:
        result["flags"] = 1
    return result


def add(truth: Dict[str, int], rows: List[body.Row]) -> None:
    for row in rows:
        truth["events"] += 1
        kind = row.get("kind", "usage")
        truth["usage_events"] += kind == "usage"
        if kind in ("usage", "correction"):
            for name in SUMS:
                truth[name] += int(row.get(name, 0))
            truth["reported_nano_usd"] += int(row.get("reported_cost_nano_usd", 0))


def many_rows(r: random.Random, count: int) -> List[body.Row]:
    """Rows of a load: sessions that take turns, their prompts growing, times that cross quarter-hours."""
    sessions = ["%032x" % r.getrandbits(128) for _ in range(r.choice([1, 3, 64, 700]))]
    prompts: Dict[str, int] = {}
    time = 1_793_491_200_000
    rows: List[body.Row] = []
    for _ in range(count):
        time += int(r.lognormvariate(7, 2))
        session = r.choice(sessions)
        added = int(r.lognormvariate(6, 2))
        row: body.Row = dict(
            time_ms=time, session=session, project="%032x" % (int(session[:2], 16) + 1), agent="claude_code",
            model="claude-opus-4-%d" % (int(session[:1], 16) % 5), origin=r.choice(["main", "subagent"]),
            cache_read_tokens=prompts.get(session, 0), cache_write_5m_tokens=added,
            output_tokens=int(r.lognormvariate(5, 2)), tool_calls=r.choice([1, 2, 200]),
        )  # fmt: skip
        if r.random() < 0.9:
            row["duration_ms"] = int(r.lognormvariate(8, 1))
            row["reported_cost_nano_usd"] = int(r.lognormvariate(18, 3))
        prompts[session] = (prompts.get(session, 0) + added) % 10**8
        rows.append({name: value for name, value in row.items() if value != 0})
    return rows


class CeilingTest(unittest.TestCase):
    binary = "ceiling"

    def setUp(self) -> None:
        if not (BUILDS / self.binary).exists():
            self.skipTest("%s was not built" % self.binary)
        self.random = random.Random(SEED)
        self.folder = tempfile.TemporaryDirectory()
        # A sync of a busy disk takes its time: one test has them.
        arguments = [] if "truth" in self.id() else ["--no-sync"]
        self.ceiling = Ceiling(BUILDS / self.binary, Path(self.folder.name), *arguments)

    def tearDown(self) -> None:
        if self.ceiling.process.poll() is None:
            self.ceiling.stop()
        self.folder.cleanup()

    def test_sums_are_the_truth(self) -> None:
        """The sums at the end are those of the rows sent; each ACK is cumulative and echoes the chain value"""
        truth = dict.fromkeys(SUMS + ["events", "usage_events", "reported_nano_usd"], 0)
        workstations = [Workstation(self.ceiling) for _ in range(6)]
        sent = [0] * len(workstations)
        chains: List[Dict[int, int]] = [{0: 0} for _ in workstations]
        batches = 0
        for turn in range(60):
            for number, workstation in enumerate(workstations):
                several = []
                for _ in range(self.random.choice([1, 1, 2, 5])):
                    wide = self.random.random() < 0.1
                    count = self.random.choice([100, 800, 1000])
                    rows = many_rows(self.random, count) if wide else random_rows(self.random)
                    if len(body.encode(body.columns_of_rows(rows), len(rows))) > 65_000:
                        continue
                    chain = self.random.getrandbits(64)
                    several.append(batch(sent[number] + 1, rows, chain, self.random.random() < 0.5))
                    sent[number] += len(rows)
                    chains[number][sent[number]] = chain
                    add(truth, rows)
                batches += len(several)
                workstation.send(*several)
            for number, workstation in enumerate(workstations):
                if turn % 4 == 3:
                    acks = workstation.acknowledged(sent[number])
                    for ack in acks:
                        self.assertEqual(int(ack["chain"], 16), chains[number][int(ack["committed"])])
                    order = [int(ack["committed"]) for ack in acks]
                    self.assertEqual(order, sorted(set(order)))
                    self.assertEqual(order[-1], sent[number])
        for workstation, last in zip(workstations, sent):
            workstation.send(dict(type="PING", opaque="0123456789abcdef"), dict(type="CLOSE", final=str(last)))
            self.assertEqual(
                sorted(str((workstation.receive() or {}).get("type")) for _ in range(2)), ["ACK", "PONG"])
            workstation.close()
        counted = self.ceiling.stop()
        tokens = sum(truth[name] for name in SUMS[:6])
        self.assertEqual({name: counted[name] for name in truth}, truth)
        self.assertEqual((counted["tokens"], counted["batches"]), (tokens, batches))
        self.assertGreater(batches, 300)
        self.assertTrue(0 < counted["syncs"] == counted["rounds"])

    def test_frames_come_in_any_pieces(self) -> None:
        """A frame that comes byte by byte, and many that come at once, are the same frames"""
        rows = [random_rows(self.random) for _ in range(40)]
        data, sent = b"", 0
        for some in rows:
            data += frames.encode(batch(sent + 1, some, sent, True))
            sent += len(some)
        for pieces in (1, 7, 4096, len(data)):
            workstation = Workstation(self.ceiling)
            limit = 600 if pieces < 16 else len(data)
            for at in range(0, limit, pieces):
                workstation.send_bytes(data[at : min(at + pieces, limit)])
            workstation.send_bytes(data[limit:])
            workstation.acknowledged(sent)
            workstation.close()
        self.assertEqual(self.ceiling.stop()["events"], 4 * sent)

    def test_mistakes_end_the_connection(self) -> None:
        """What is no frame, no greeting or no body ends its connection, and no other"""
        other = Workstation(self.ceiling)
        rows = random_rows(self.random)
        good = frames.encode(batch(1, rows, 1, False))
        for data in [
            b"\0\0\0\0",
            b"\xff\xff\xff\x7f",
            b"\x02\0\0\0\x63\0",
            b"\x02\0\0\0\x03\0",
            good[:5] + b"\x80" + good[6:],
            good[:14] + b"\0\0\0\0" + good[18:],
            good[:14] + b"\xff\xff\xff\xff" + good[18:],
            good[:18] + b"\xff\xff\xff\xff" + good[22:],
            frames.encode(hello()),
            frames.encode(dict(type="CLOSE", final="77")),
        ]:
            workstation = Workstation(self.ceiling)
            workstation.send_bytes(data)
            self.assertIsNone(workstation.receive())
            workstation.close()
        ungreeted = Workstation(self.ceiling, greet=False)
        ungreeted.send_bytes(good)
        self.assertIsNone(ungreeted.receive())
        ungreeted.close()
        other.send_bytes(good)
        other.acknowledged(len(rows))
        other.close()
        self.assertEqual(self.ceiling.stop()["events"], len(rows))

    def test_unknown_options_are_named(self) -> None:
        """An option that it does not know is named in WELCOME"""
        workstation = Workstation(self.ceiling, greet=False)
        workstation.send(hello([dict(id=0x1A2A, value="0102"), dict(id=0x7AFA, value="")]))
        welcome = workstation.receive() or {}
        self.assertEqual(welcome["ignored_options"], [0x1A2A, 0x7AFA])
        self.assertGreater(welcome["credit_events"], 0)
        workstation.close()

    def test_damaged_bodies_do_no_harm(self) -> None:
        """Damaged bodies and blocks are taken or end their connection; the program lives"""
        mutations = MUTATIONS if self.binary != "ceiling" else MUTATIONS // 10
        open_ones: Dict[int, Workstation] = {}
        sent: Dict[int, int] = {}
        for done in range(0, mutations, AT_ONCE):
            for number in range(AT_ONCE):
                if number not in open_ones:
                    open_ones[number], sent[number] = Workstation(self.ceiling), 0
                damaged = self.damaged(sent[number] + 1)
                sent[number] += damaged["count"]
                open_ones[number].send(damaged)
            for number in range(AT_ONCE):
                ack = open_ones[number].receive()
                if ack:
                    self.assertEqual((ack["type"], int(ack["committed"])), ("ACK", sent[number]))
                else:
                    open_ones.pop(number).close()
        self.assertIsNone(self.ceiling.process.poll())
        for workstation in open_ones.values():
            workstation.close()
        self.ceiling.stop()

    def damaged(self, first: int) -> Dict[str, Any]:
        wide = self.random.random() < 0.1
        rows = many_rows(self.random, self.random.choice([17, 64, 200])) if wide else random_rows(self.random)
        raw = _damaged(self.random, body.encode(body.columns_of_rows(rows), len(rows)))
        count = max(1, len(rows) + self.random.choice([0, 0, 0, 0, 1, -1, 4000]))
        result = frame(first, count, raw, 0, False)
        if raw and self.random.random() < 0.4:
            result.update(flags=1, body=_damaged(self.random, lz4.compress(raw)).hex())
        return result


class SanitizedTest(CeilingTest):
    """The same under the address and undefined-behaviour sanitizers."""

    binary = "ceiling-sanitized"


class NarrowTest(CeilingTest):
    """The same without this machine's wide instructions, sanitized too."""

    binary = "ceiling-narrow"


if __name__ == "__main__":
    print("seed %d" % SEED, file=sys.stderr)
    unittest.main()
