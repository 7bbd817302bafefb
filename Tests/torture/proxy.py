"""A TCP proxy between workstations and gateway that is as bad as a network can be.

Each connection draws a plan: after how many bytes, in which direction, what happens. TLS notices whatever is done to
its bytes; the ledger must not notice at all. One thread, its own random numbers, buffers of at most `BUFFER_MAX`.
"""

import heapq
import itertools
import random
import selectors
import socket
import struct
import threading
import time

BUFFER_MAX = 64 << 10
CONNECTIONS_MAX = 256
# What a plan may be, and how often.
FATES = (
    ("clean", 30), ("reset", 24), ("close", 12), ("half-close", 8), ("stall", 8), ("stall-reset", 6), ("trickle", 6),
    ("flip", 4), ("refuse", 2))


class Plan:
    """What becomes of one connection: `fate` strikes once `limit` bytes have gone `upward` or down."""

    def __init__(self, rng, is_faulty):
        names, weights = zip(*FATES)
        self.fate = rng.choices(names, weights)[0] if is_faulty else "clean"
        self.is_upward = rng.random() < 0.6
        # Spread over the orders of magnitude: within the handshake, a HELLO, a batch, a backlog.
        self.limit = int(10 ** rng.uniform(0, 5.2))
        self.stall = rng.uniform(0.3, 3.0)
        self.delay = rng.choice((0, 0, 0, 0.002, 0.02, 0.1)) if is_faulty else 0


class Side:
    """One socket of a pair and what waits to be written to it."""

    def __init__(self, sock):
        self.sock = sock
        self.waiting = bytearray()
        self.hold_until = 0.0
        self.is_read_over = False
        self.is_write_over = False


class Pair:
    def __init__(self, client, server, plan):
        self.client, self.server, self.plan = client, server, plan
        self.moved = {True: 0, False: 0}
        self.has_struck = False
        self.is_closed = False


class Proxy:
    def __init__(self, seed, target_port, note=lambda kind, text: None):
        self.target_port = target_port
        self.bytes_moved = 0
        self.connections = 0
        self._note = note
        self._rng = random.Random("proxy %s" % seed)
        self._is_faulty = False
        self._is_cut_all = False
        self._is_over = False
        self._timers = []
        self._order = itertools.count()
        self._pairs = set()
        self._selector = selectors.DefaultSelector()
        self._listener = socket.socket()
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._listener.bind(("127.0.0.1", 0))
        self._listener.listen(128)
        self._listener.setblocking(False)
        self.port = self._listener.getsockname()[1]
        self._selector.register(self._listener, selectors.EVENT_READ, None)
        self._thread = threading.Thread(target=self._run, name="proxy", daemon=True)

    def start(self):
        self._thread.start()

    def set_faulty(self, is_faulty):
        """Whether connections made from now on have bad plans."""
        self._is_faulty = is_faulty

    def cut_all(self):
        """Every connection at once, as when a router restarts."""
        self._is_cut_all = True

    def stop(self):
        self._is_over = True
        self._thread.join(10)

    def _run(self):
        while not self._is_over:
            wait = 0.05
            if self._timers:
                wait = min(wait, max(0.0, self._timers[0][0] - time.monotonic()))
            for key, events in self._selector.select(wait):
                if key.data is None:
                    self._accept()
                else:
                    pair, side = key.data
                    if events & selectors.EVENT_READ and not pair.is_closed:
                        self._read(pair, side)
                    if events & selectors.EVENT_WRITE and not pair.is_closed:
                        self._write(pair, side)
            now = time.monotonic()
            while self._timers and self._timers[0][0] <= now:
                _, _, action, pair = heapq.heappop(self._timers)
                if not pair.is_closed:
                    action(pair)
            if self._is_cut_all:
                self._is_cut_all = False
                for pair in list(self._pairs):
                    self._close(pair, is_reset=True)
        for pair in list(self._pairs):
            self._close(pair)
        self._selector.close()
        self._listener.close()

    def _after(self, seconds, action, pair):
        heapq.heappush(self._timers, (time.monotonic() + seconds, next(self._order), action, pair))

    def _accept(self):
        try:
            client, _ = self._listener.accept()
        except OSError:
            return
        plan = Plan(self._rng, self._is_faulty)
        if plan.fate == "refuse" or len(self._pairs) >= CONNECTIONS_MAX:
            client.close()
            return
        server = socket.socket()
        server.settimeout(2)
        try:
            server.connect(("127.0.0.1", self.target_port))
        except OSError:
            server.close()
            client.close()
            return
        for sock in (client, server):
            sock.setblocking(False)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        pair = Pair(Side(client), Side(server), plan)
        self._pairs.add(pair)
        self.connections += 1
        self._selector.register(client, selectors.EVENT_READ, (pair, pair.client))
        self._selector.register(server, selectors.EVENT_READ, (pair, pair.server))

    def _read(self, pair, side):
        is_upward = side is pair.client
        other = pair.server if is_upward else pair.client
        room = BUFFER_MAX - len(other.waiting)
        if room <= 0:
            return self._watch(pair)
        plan = pair.plan
        left = None
        if not pair.has_struck and plan.fate != "clean" and plan.is_upward == is_upward:
            left = plan.limit - pair.moved[is_upward]
            room = min(room, max(left, 1))
        try:
            chunk = side.sock.recv(room)
        except BlockingIOError:
            return
        except OSError:
            return self._close(pair, is_reset=True)
        if not chunk:
            side.is_read_over = True
            if not other.waiting:
                self._finish_writing(pair, other)
            return self._watch(pair)
        pair.moved[is_upward] += len(chunk)
        self.bytes_moved += len(chunk)
        if left is not None and len(chunk) >= left:
            chunk = self._strike(pair, side, other, chunk)
            if pair.is_closed:
                return
        if plan.delay and not other.waiting:
            other.hold_until = max(other.hold_until, time.monotonic() + plan.delay)
            self._after(plan.delay, self._flush, pair)
        other.waiting += chunk
        self._write(pair, other)

    def _strike(self, pair, side, other, chunk):
        plan = pair.plan
        pair.has_struck = True
        way = "up" if plan.is_upward else "down"
        self._note("cut " + plan.fate, "after %d bytes %s" % (pair.moved[plan.is_upward], way))
        if plan.fate == "reset":
            self._close(pair, is_reset=True)
        elif plan.fate == "close":
            self._close(pair)
        elif plan.fate == "half-close":
            self._finish_writing(pair, other)
            side.is_read_over = True
            chunk = b""
            # A peer that waits for a half-closed connection must not wait for ever: some seconds, then the rest.
            self._after(plan.stall, self._close, pair)
        elif plan.fate in ("stall", "stall-reset"):
            other.hold_until = time.monotonic() + plan.stall
            self._after(plan.stall, self._flush if plan.fate == "stall" else self._reset, pair)
        elif plan.fate == "trickle":
            pair.plan.delay = 0.05
        elif plan.fate == "flip":
            changed = bytearray(chunk)
            changed[self._rng.randrange(len(changed))] ^= 1 << self._rng.randrange(8)
            chunk = bytes(changed)
        return chunk

    def _reset(self, pair):
        self._close(pair, is_reset=True)

    def _flush(self, pair):
        for side in (pair.client, pair.server):
            if not pair.is_closed:
                self._write(pair, side)

    def _write(self, pair, side):
        if side.waiting and not side.is_write_over and time.monotonic() >= side.hold_until:
            # A trickle goes out in crumbs.
            most = 64 if pair.plan.fate == "trickle" and pair.has_struck else BUFFER_MAX
            try:
                sent = side.sock.send(side.waiting[:most])
                del side.waiting[:sent]
            except BlockingIOError:
                pass
            except OSError:
                return self._close(pair, is_reset=True)
            if pair.plan.fate == "trickle" and pair.has_struck and side.waiting:
                side.hold_until = time.monotonic() + pair.plan.delay
                self._after(pair.plan.delay, self._flush, pair)
        if not side.waiting:
            source = pair.client if side is pair.server else pair.server
            if source.is_read_over:
                self._finish_writing(pair, side)
        self._watch(pair)

    def _finish_writing(self, pair, side):
        if not side.is_write_over:
            side.is_write_over = True
            side.waiting.clear()
            try:
                side.sock.shutdown(socket.SHUT_WR)
            except OSError:
                pass
        if pair.client.is_write_over and pair.server.is_write_over:
            self._close(pair)

    def _watch(self, pair):
        """What each socket is to be watched for, given what waits."""
        if pair.is_closed:
            return
        now = time.monotonic()
        for side, other in ((pair.client, pair.server), (pair.server, pair.client)):
            events = 0
            if not side.is_read_over and len(other.waiting) < BUFFER_MAX:
                events |= selectors.EVENT_READ
            if side.waiting and not side.is_write_over and now >= side.hold_until:
                events |= selectors.EVENT_WRITE
            try:
                if events:
                    self._selector.modify(side.sock, events, (pair, side))
                else:
                    self._selector.unregister(side.sock)
            except KeyError:
                if events:
                    self._selector.register(side.sock, events, (pair, side))

    def _close(self, pair, is_reset=False):
        if pair.is_closed:
            return
        pair.is_closed = True
        self._pairs.discard(pair)
        for side in (pair.client, pair.server):
            try:
                self._selector.unregister(side.sock)
            except KeyError:
                pass
            if is_reset:
                side.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            side.sock.close()
