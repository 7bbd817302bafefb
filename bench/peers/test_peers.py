#!/usr/bin/env python3
"""The peers' benchmark: that all are given the same figures, that no reply is misread, and that each peer that is
installed takes a short load. A peer that is not installed is skipped, loudly; nothing is installed here."""

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import unittest
from typing import Dict, List, Tuple

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import run  # noqa: E402  (also finds what --install has put aside)
import events  # noqa: E402
import formats  # noqa: E402
import install  # noqa: E402
import machine  # noqa: E402
import nginx  # noqa: E402
from systems import PEERS  # noqa: E402
from systems.postgres import Postgres  # noqa: E402

SEED = 7


class SameEvents(unittest.TestCase):
    """Every form holds the same figures of the same events."""

    @classmethod
    def setUpClass(cls) -> None:
        cls.dealt = events.batches(SEED, 4, 3, 50)
        cls.all = [event for _, batch in cls.dealt for event in batch]
        cls.sums = {name: sum(int(event.get(name, 0)) for event in cls.all) for name in formats.COUNTS}

    def parts(self, form: str) -> List[Tuple[int, bytes, bytes]]:
        return list(formats.pool_parts(form, self.dealt))

    def test_the_load_is_that_of_the_generator_in_swift(self) -> None:
        """EventLoadTests.swift holds the same figures."""
        load = events.EventLoad(1)
        first = [load.next() for _ in range(1000)]
        sums = {name: sum(int(event.get(name, 0)) for event in first) for name in formats.COUNTS[:-1]}
        self.assertEqual(
            sums,
            {
                "input_tokens": 925_655,
                "cache_read_tokens": 22_996_752,
                "cache_write_5m_tokens": 810_710,
                "cache_write_1h_tokens": 865_921,
                "output_tokens": 463_420,
                "reasoning_tokens": 85_233,
                "web_searches": 14,
                "tool_calls": 1_368,
            },
        )
        self.assertEqual(first[-1]["time_ms"], 1_793_491_783_990)
        self.assertEqual(first[-1]["session"], "c86b2a6eabcb4dcea2592f4f896d5629")
        self.assertEqual(first[-1]["duration_ms"], 3_416)

    def test_json_lines_hold_every_event(self) -> None:
        for form in ("json", "json-event"):
            lines = b"".join(first for _, first, _ in self.parts(form)).splitlines()
            read = [json.loads(line) for line in lines]
            self.assertEqual(sorted(map(json.dumps, read)), sorted(map(json.dumps, self.all)), form)
            self.assertEqual(sum(count for count, _, _ in self.parts(form)), len(self.all))

    def test_copy_rows_hold_every_figure(self) -> None:
        rows = [line.split("\t") for _, first, _ in self.parts("copy") for line in first.decode().splitlines()]
        self.assertEqual(len(rows), len(self.all))
        for name, total in self.sums.items():
            place = formats.COPY_COLUMNS.index(name)
            self.assertEqual(sum(int(row[place].replace("\\N", "0")) for row in rows), total, name)

    def test_the_upserts_add_up_to_the_rows(self) -> None:
        totals = [0] * (1 + len(formats.SUMMED))
        for _, _, second in self.parts("copy-upsert"):
            arrays = [array.split(",") for array in re.findall(r"'\{([^}]*)\}'", second.decode())]
            self.assertEqual(len(arrays), 3 + len(totals))
            self.assertEqual(arrays, [list(column) for column in zip(*sorted(zip(*arrays)))])
            for i in range(len(totals)):
                totals[i] += sum(map(int, arrays[3 + i]))
        self.assertEqual(totals, [len(self.all)] + [self.sums[name] for name in formats.SUMMED])

    def test_metric_lines_hold_every_figure(self) -> None:
        sums: Dict[str, int] = dict.fromkeys(formats.COUNTS, 0)
        for _, first, _ in self.parts("prometheus"):
            for line in first.decode().splitlines():
                name, value, _ = re.fullmatch(r"tally_(\w+)\{[^}]*\} (\d+) (\d+)", line).groups()  # type: ignore
                sums[name] += int(value)
        self.assertEqual(sums, self.sums)
        sums = dict.fromkeys(formats.COUNTS, 0)
        for _, first, _ in self.parts("influx"):
            for line in first.decode().splitlines():
                for field in line.split(" ")[1].split(","):
                    name, _, value = field.partition("=")
                    sums[name] += int(value)
        self.assertEqual(sums, self.sums)

    def test_frames_are_accepted_by_the_reference_one_after_the_other(self) -> None:
        sums: Dict[str, int] = dict.fromkeys(formats.COUNTS, 0)
        chains: Dict[int, int] = {}
        for place, (_, data, _) in enumerate(self.parts("frame")):
            workstation = place % 4
            before = chains.get(workstation, formats.FrameMaker(workstation).chain_value)
            columns, count, chains[workstation] = formats.frame_columns(data, before)
            for row in formats.body.rows_of_columns(columns, count):
                for name in formats.COUNTS:
                    sums[name] += int(row.get(name, 0))
        self.assertEqual(sums, self.sums)


def nats_message(slot: int, text: bytes) -> bytes:
    return b"MSG _INBOX.0001.%04d 1 %d\r\n%s\r\n" % (slot, len(text), text)


REPLIES = {
    # taken, refused, pings
    "nats": (
        b'INFO {"server_id":"X"}\r\nPONG\r\n'
        + nats_message(3, b'{"stream":"USAGE", "seq":123}')
        + b"PING\r\n"
        + nats_message(0, b'{"error":{"code":503,"description":"insufficient resources"}}')
        + b"+OK\r\n"
        + nats_message(2, b'{"stream":"USAGE", "seq":124}'),
        (3, 1, 1),
    ),
    "redis": (
        b"+PONG\r\n$15\r\n1526919030474-5\r\n$3\r\n\r\n1\r\n-OOM command not allowed\r\n:7\r\n$-1\r\n$0\r\n\r\n",
        (5, 2, 0),
    ),
    "http": (
        b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nOK"
        b"HTTP/1.1 204 No Content\r\nDate: now\r\n\r\n"
        b"HTTP/1.1 400 Bad Request\r\ncontent-length: 4\r\n\r\n\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n",
        (3, 1, 0),
    ),
}
NOT_REPLIES = {
    "nats": [b"HELLO\r\n", b"MSG a 1 x\r\n", b"MSG _INBOX.1.1 1 2\r\nabcd\r\n", b"MSG\r\n"],
    "redis": [b"hello\r\n", b"$x\r\n", b"$2\r\nabcd\r\n", b"*1\r\n"],
    "http": [
        b"SSH-2.0\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
    ],
}


class Replies(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        cls.load = install.build_load(run.BUILD)

    def parse(self, protocol: str, data: bytes) -> List[str]:
        done = subprocess.run([self.load, "parse", protocol], input=data, capture_output=True, timeout=60)
        self.assertEqual(done.returncode, 0, done.stderr)
        lines = done.stdout.decode().splitlines()
        self.assertEqual(len(lines), len(data) + 1)
        return [line.partition(" ")[2] for line in lines]

    def test_replies_are_read_alike_wherever_they_are_cut(self) -> None:
        for protocol, (data, counts) in REPLIES.items():
            found = self.parse(protocol, data)
            self.assertEqual(len(set(found)), 1, protocol)
            self.assertEqual(tuple(map(int, found[0].split()[:3])), counts, protocol)

    def test_what_is_no_reply_is_refused_wherever_it_is_cut(self) -> None:
        for protocol, cases in NOT_REPLIES.items():
            for data in cases:
                self.assertEqual(set(self.parse(protocol, data)), {"bad"}, (protocol, data))


class Starting(unittest.TestCase):
    """A server that listens and does not serve yet is waited for; one that ended, or that refuses, is not."""

    class Server(Postgres):
        def __init__(self, *answers: Tuple[int, str]) -> None:
            self.answers = list(answers)

        def _psql(self, text: str) -> "subprocess.CompletedProcess[str]":
            code, words = self.answers.pop(0)
            return subprocess.CompletedProcess([], code, "1\n", words)

    EARLY = (2, "FATAL:  the database system is starting up")

    def process(self, *command: str) -> machine.Process:
        process = machine.Process(list(command), None)
        self.addCleanup(process.end)
        return process

    def test_postgres_is_asked_again_until_it_serves(self) -> None:
        server = self.Server(self.EARLY, self.EARLY, (0, ""))
        server._wait_until_it_serves(self.process("sleep", "60"))
        self.assertEqual(server.answers, [])

    def test_postgres_is_not_asked_again_for_what_waiting_cannot_mend(self) -> None:
        server = self.Server((3, "ERROR:  no"), (0, ""))
        with self.assertRaisesRegex(machine.PeerError, "ERROR:  no"):
            server._wait_until_it_serves(self.process("sleep", "60"))

    def test_postgres_is_waited_for_no_longer_than_said(self) -> None:
        server = self.Server(self.EARLY, (0, ""))
        with self.assertRaisesRegex(machine.PeerError, "starting up"):
            server._wait_until_it_serves(self.process("sleep", "60"), seconds=0)

    def test_a_postgres_that_ended_is_not_waited_for(self) -> None:
        process = self.process("false")
        process.popen.wait(60)
        with self.assertRaisesRegex(machine.PeerError, "false"):
            self.Server(self.EARLY, (0, ""))._wait_until_it_serves(process)


class ShortRuns(unittest.TestCase):
    """Each installed peer takes a load, holds what it has acknowledged and is gone afterwards."""

    def setUp(self) -> None:
        self.folder = tempfile.TemporaryDirectory(prefix="tally-peers-test-", dir="/var/tmp")
        os.chmod(self.folder.name, 0o755)
        self.addCleanup(self.folder.cleanup)

    def need(self, kind: type) -> None:
        missing = kind.missing()  # type: ignore
        if missing:
            print("\nSKIPPED, LOUDLY: not installed: %s" % missing, file=sys.stderr)
            self.skipTest(missing)

    def command(self, name: str, *more: str) -> List[str]:
        common = ["--batches", "64", "--warmup", "0.2", "--folder", self.folder.name, "--json"]
        return [sys.executable, os.path.join(run.HERE, "run.py"), "--peers", name] + common + list(more)

    def left_behind(self) -> List[str]:
        """Command lines of living processes that name our folder."""
        found = []
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open("/proc/%s/cmdline" % pid, "rb") as file:
                    line = file.read().replace(b"\0", b" ").decode(errors="replace")
            except OSError:
                continue
            if self.folder.name in line:
                found.append(line)
        return found

    def short_run(self, name: str) -> None:
        self.need(PEERS[name])
        done = subprocess.run(self.command(name, "--seconds", "1"), capture_output=True, text=True, timeout=600)
        self.assertEqual(done.returncode, 0, done.stderr)
        result = json.loads(done.stdout)
        self.assertEqual(result["left_out"], {})
        self.assertEqual(len(result["rows"]), len(PEERS[name].variants(False)))
        for row in result["rows"]:
            self.assertGreater(row["events_all"], 0)
        self.assertEqual(self.left_behind(), [])
        self.assertEqual(os.listdir(self.folder.name), [])

    def test_the_gateway_takes_a_load(self) -> None:
        self.short_run("tallygate")

    def test_nats_takes_a_load(self) -> None:
        self.short_run("nats")

    def test_redis_takes_a_load(self) -> None:
        self.short_run("redis")

    def test_postgres_takes_a_load(self) -> None:
        self.short_run("postgres")

    def test_victoria_takes_a_load(self) -> None:
        self.short_run("victoria")

    def test_an_interrupted_run_leaves_no_process_and_no_file(self) -> None:
        self.need(PEERS["redis"])
        for number in (signal.SIGTERM, signal.SIGINT):
            command = self.command("redis", "--seconds", "600")
            process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            self.addCleanup(process.kill)
            while not any("redis-server" in line for line in self.left_behind()):
                self.assertIsNone(process.poll())
            process.send_signal(number)
            process.communicate(timeout=120)
            self.assertEqual(self.left_behind(), [])
            self.assertEqual(os.listdir(self.folder.name), [])

    def test_nginx_stays_until_its_input_ends(self) -> None:
        self.need(nginx.Nginx)
        command = [sys.executable, os.path.join(run.HERE, "nginx.py")]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.addCleanup(process.kill)
        line = process.stdout.readline().decode()  # type: ignore
        found = re.fullmatch(r"pids (\S+) address 127.0.0.1:(\d+) ca (\S+)\n", line)
        pids, port, authority = found.groups()  # type: ignore
        self.assertGreaterEqual(len(pids.split(",")), 2)
        load = [install.build_load(run.BUILD), "idle", "--protocol", "tls", "--port", port]
        load += ["--authority", authority, "--connections", "8"]
        done = subprocess.run(load, stdin=subprocess.DEVNULL, capture_output=True, timeout=60)
        self.assertEqual(done.stdout, b"ready\n", done.stderr)
        process.communicate(timeout=60)
        self.assertFalse([pid for pid in pids.split(",") if os.path.exists("/proc/" + pid)])


class Figures(unittest.TestCase):
    def test_the_processor_time_of_children_that_have_ended_is_counted(self) -> None:
        script = (
            "import os\n"
            "for _ in range(3):\n"
            " child = os.fork()\n"
            " if child == 0: sum(range(3000000)); os._exit(0)\n"
            " os.waitpid(child, 0)\n"
            "print('done', flush=True); input()"
        )
        process = machine.Process([sys.executable, "-c", script], None, pipes=True)
        self.addCleanup(process.end)
        self.assertEqual(process.popen.stdout.readline(), "done\n")  # type: ignore
        with open("/proc/%d/stat" % process.pid) as file:
            children = file.read().rpartition(")")[2].split()[13:15]
        self.assertGreater(sum(map(int, children)), 0)
        self.assertGreaterEqual(machine.cpu_ns(process.pid), sum(map(int, children)) * 10_000_000)


if __name__ == "__main__":
    unittest.main()
