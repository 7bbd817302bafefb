"""The harness itself: its proxy, its journal, its loop, and that its judge can say no. Quick; needs no built program."""

import os
import random
import socket
import subprocess
import sys
import tempfile
import threading
import time
import types
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import journal  # noqa: E402
from gateway import Gateway  # noqa: E402
from journal import Call, Journal, differences  # noqa: E402
from loop import Ended, Loop  # noqa: E402
from programs import Programs, environment  # noqa: E402
from proxy import Plan, Proxy  # noqa: E402
from transcripts import CANARY, Author  # noqa: E402
from watch import Watch  # noqa: E402

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "oracle"))
import oracle  # noqa: E402


class Echo:
    """A server that sends back what it hears."""

    def __init__(self):
        self.listener = socket.socket()
        self.listener.bind(("127.0.0.1", 0))
        self.listener.listen(16)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        with connection:
            try:
                while True:
                    data = connection.recv(4096)
                    if not data:
                        return
                    connection.sendall(data)
            except OSError:
                pass

    def close(self):
        self.listener.close()


def fixed(fate, limit, is_upward=True, stall=0.2):
    plan = Plan(random.Random(1), False)
    plan.fate, plan.limit, plan.is_upward, plan.stall, plan.delay = fate, limit, is_upward, stall, 0
    return plan


class GatewayTests(unittest.TestCase):
    def ends_by_sigterm(self, is_up):
        """The complaints where a gateway ends by the signal that asks it to stop."""
        with tempfile.TemporaryDirectory() as root:
            world = types.SimpleNamespace(
                gateway_data=root, root=root, complain=lambda text: None, failures=[],
                timeline=types.SimpleNamespace(note=lambda kind, text: None))
            world.gateway_failed = world.failures.append
            gateway = Gateway(world)
            programs = Programs()
            gateway.program = programs.start(["/bin/sleep", "60"], environment(), os.devnull, os.devnull)
            gateway.is_up = is_up
            loop = Loop()
            loop.run_all([gateway.stop()], time.monotonic() + 30)
            programs.kill_all()
            return world.failures

    def test_a_stop_before_it_listens_may_end_it_by_the_signal(self):
        self.assertEqual(self.ends_by_sigterm(is_up=False), [])

    def test_a_stop_while_it_serves_must_be_its_own(self):
        self.assertEqual(self.ends_by_sigterm(is_up=True), [-15])


class ProxyTests(unittest.TestCase):
    def setUp(self):
        self.echo = Echo()
        self.notes = []
        self.proxy = Proxy(1, self.echo.port, lambda kind, text: self.notes.append(kind))
        self.proxy.start()

    def tearDown(self):
        self.proxy.stop()
        self.echo.close()

    def talk(self, data, plan=None):
        """What comes back for `data`; reading stops at the end, at a reset, or when all is there."""
        if plan is not None:
            import proxy
            original, proxy.Plan = proxy.Plan, lambda rng, is_faulty: plan
            self.addCleanup(setattr, proxy, "Plan", original)
        back = b""
        with socket.create_connection(("127.0.0.1", self.proxy.port), timeout=5) as sock:
            sender = threading.Thread(target=self._send, args=(sock, data), daemon=True)
            sender.start()
            try:
                while len(back) < len(data):
                    part = sock.recv(65536)
                    if not part:
                        break
                    back += part
            except OSError:
                back += b"<reset>"
            sender.join(5)
        return back

    @staticmethod
    def _send(sock, data):
        try:
            sock.sendall(data)
        except OSError:
            pass

    def test_a_clean_connection_passes_every_byte_in_order(self):
        data = random.Random(2).randbytes(900_000)
        self.assertEqual(self.talk(data), data)
        self.assertEqual(self.notes, [])

    def test_a_cut_lets_through_no_byte_beyond_its_limit(self):
        for fate in ("reset", "close", "half-close"):
            back = self.talk(bytes(50_000), fixed(fate, 1_234))
            self.assertLessEqual(len(back.replace(b"<reset>", b"")), 1_234, fate)
        self.assertEqual(len(self.notes), 3)

    def test_a_stall_ends_and_loses_nothing(self):
        began = time.monotonic()
        data = bytes(range(256)) * 40
        self.assertEqual(self.talk(data, fixed("stall", 500)), data)
        self.assertGreaterEqual(time.monotonic() - began, 0.15)

    def test_a_flip_changes_exactly_one_bit(self):
        data = bytes(4_000)
        back = self.talk(data, fixed("flip", 777))
        self.assertEqual(sum(bin(a).count("1") for a in back), 1)

    def test_a_trickle_arrives_in_crumbs_but_whole(self):
        data = random.Random(3).randbytes(600)
        self.assertEqual(self.talk(data, fixed("trickle", 100)), data)

    def test_without_a_gateway_connections_end_at_once(self):
        self.echo.close()
        self.proxy.target_port = 1
        self.assertEqual(self.talk(b"x").replace(b"<reset>", b""), b"")

    def test_every_fate_is_drawn_and_limits_span_the_orders_of_magnitude(self):
        rng = random.Random(4)
        plans = [Plan(rng, True) for _ in range(2_000)]
        self.assertEqual(len({p.fate for p in plans}), 9)
        self.assertLess(min(p.limit for p in plans), 10)
        self.assertGreater(max(p.limit for p in plans), 100_000)
        self.assertTrue(all(Plan(rng, False).fate == "clean" for _ in range(50)))


class JournalTests(unittest.TestCase):
    def test_the_oracle_counts_what_the_journal_says_on_generated_transcripts(self):
        for seed in range(4):
            with tempfile.TemporaryDirectory() as folder:
                claude, codex = os.path.join(folder, "claude"), os.path.join(folder, "codex")
                os.makedirs(os.path.join(claude, "projects"))
                os.makedirs(os.path.join(codex, "sessions"))
                author, book = Author(random.Random(seed), claude, codex), Journal()
                for step in range(300):
                    author.write_call(book, "t", "w", step * 0.05)
                    author.flush(step * 0.05)
                while author.pending:
                    author.flush(float("inf"))
                found = oracle.report(oracle.count_all([claude], [codex]))
                rows = {row["key"]: {n: row[n] for n in journal.FIGURES} for row in found["rows"]}
                self.assertEqual(differences(book.models("t"), rows), [], "seed %d" % seed)
                self.assertEqual(book.total("t")["events"] + book.left_out("t", "w"), 300)
                for base, _, names in os.walk(folder):
                    for name in names:
                        with open(os.path.join(base, name), "rb") as f:
                            self.assertIn(CANARY.encode(), f.read())

    def test_one_token_one_nano_dollar_or_one_event_more_is_a_difference(self):
        call = Call("claude-opus-4-8", 1_790_000_000_000, {"input_tokens": 10, "output_tokens": 3})
        book, other = Journal(), Journal()
        for b in (book, other):
            b.write("t", "w", "s", call)
        self.assertEqual(differences(book.rows("t"), other.rows("t")), [])
        for name in journal.FIGURES:
            changed = {key: dict(row, **{name: row[name] + 1}) for key, row in other.rows("t").items()}
            self.assertEqual(len(differences(book.rows("t"), changed)), 1, name)
        other.write("t", "w", "s2", call)
        self.assertEqual(len(differences(book.rows("t"), other.rows("t"))), 1)
        self.assertEqual(len(differences(other.rows("t"), book.rows("t"))), 1)

    def test_money_is_exact_and_an_unknown_model_is_unpriced(self):
        tokens = {"input_tokens": 10, "output_tokens": 41, "cache_read_tokens": 17_536, "cache_write_1h_tokens": 6_646}
        self.assertEqual(Call("claude-haiku-4-5", 1_790_000_000_000, tokens).sums().figures()["cost_nano_usd"], 15_260_600)
        unknown = Call("acme-proxy-large", 1_790_000_000_000, tokens).sums().figures()
        self.assertEqual((unknown["unpriced_events"], unknown["cost_nano_usd"]), (1, 0))


class WatchTests(unittest.TestCase):
    class World:
        def __init__(self):
            self.complaints = []
            self.unsettled = set()
            self.timeline = self

        def complain(self, text):
            self.complaints.append(text)

        def note(self, *_):
            pass

    class Station:
        name = "t/w"

    def status(self, acknowledged, stream="s"):
        return {"stream": stream, "acknowledged": acknowledged, "spooled": 100}

    def test_a_later_gateway_that_knows_less_than_was_acknowledged_is_found(self):
        world = self.World()
        watch = Watch(world)
        watch.sampled(self.Station, self.status(10))
        watch.opened("t", "w", 5, 1)
        self.assertEqual(world.complaints, [], "the same process may have logged before the sample")
        watch.gateway_starts()
        watch.opened("t", "w", 10, 2)
        self.assertEqual(world.complaints, [])
        watch.opened("t", "w", 9, 3)
        self.assertEqual(len(world.complaints), 1)

    def test_a_new_stream_has_no_past(self):
        world = self.World()
        watch = Watch(world)
        watch.sampled(self.Station, self.status(10))
        watch.gateway_starts()
        watch.sampled(self.Station, self.status(0, stream="other"))
        watch.gateway_starts()
        watch.opened("t", "w", 0, 1)
        self.assertEqual(world.complaints, [])


class LoopTests(unittest.TestCase):
    def test_stories_sleep_wait_for_programs_and_time_out(self):
        loop, seen, programs = Loop(), [], Programs()
        quick = programs.start(["true"], environment(), os.devnull, os.devnull)
        slow = programs.start(["sleep", "60"], environment(), os.devnull, os.devnull)

        def story():
            yield 0.02
            yield Ended(quick, 5)
            seen.append(quick.poll())
            yield Ended(slow, 0.05)
            seen.append(slow.poll())

        self.assertTrue(loop.run_all([story()], time.monotonic() + 10))
        programs.kill_all()
        self.assertEqual(seen, [0, None])
        self.assertEqual(slow.poll(), -9)
        self.assertFalse(loop.run_all([iter_forever()], time.monotonic() + 0.1))


def iter_forever():
    while True:
        yield 0.01


if __name__ == "__main__":
    unittest.main()
