"""The hostile part of the mix: peers that are slow, silent or wrong, until SIGTERM, or for --seconds.

Half of the slow ones open a connection and say nothing, a quarter shake hands and say nothing, a quarter are enrolled and
send a frame a byte at a time. Whoever is cut off comes again. The flood are enrolled too and send bad batches as fast as
they are answered; whose connection the gateway ends comes again at once.

Prints `ready N` once all N slow ones stand, or `late`, and what happened as one JSON object at the end.
"""

import argparse
import asyncio
import hashlib
import json
import os
import signal
import ssl
import sys
import time

sys.path.insert(
    0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "protocol", "reference"))

from tallygate import chain, frames  # noqa: E402

GOAWAY, REJECT, WELCOME = (frames.NAMES[name]["type"] for name in ("GOAWAY", "REJECT", "WELCOME"))
ALPN = "tallygate/1"
FLOODERS = 4
# Handshakes under way at once.
OPENINGS = 32
# All of the slow ones stand after so long, or it is said that they do not.
READY_SECONDS = 20
# A slow frame's next byte comes after so many seconds.
DRIP_SECONDS = 2.0


def hello(stream, token):
    return frames.encode({
        "type": "HELLO", "version_min": 1, "version_max": 1, "schema_min": 1, "schema_max": 1, "stream": stream.hex(),
        "lowest_held": "0", "highest_held": "0", "acknowledged": "0", "acknowledged_chain": "%016x" % chain.zero(stream),
        "acknowledged_tokens": "0", "acknowledged_reported_nano_usd": "0", "clock_ms": str(int(time.time() * 1000)),
        "highest_chain": "0" * 16, "store_epoch": "0", "hello_flags": 0, "credential_kind": 1,
        "credential": token.hex(), "options": []})


def batch(body, **fields):
    frame = {"type": "BATCH", "first": "1", "count": 3, "raw_bytes": len(body), "tokens": "0", "reported_nano_usd": "0",
             "chain_after": "0" * 16, "body": body.hex()}
    frame.update(fields)
    return frames.encode(frame)


def bad_batches():
    """Each is refused for another reason, and none of them can be taken."""
    content = bytes([0, 130]) + b"what an agent was told " * 40
    return [
        batch(content), batch(os.urandom(2000)), batch(b""), batch(os.urandom(60_000)), batch(b"\x02\x01", raw_bytes=9),
        batch(os.urandom(300), flags=1, raw_bytes=60_000), batch(os.urandom(40), count=4096),
    ]


class Attackers:
    def __init__(self, options):
        self.host, port = options.connect.rsplit(":", 1)
        self.port = int(port)
        self.slow = options.connections
        self.seconds = options.seconds
        self.tokens = [line.strip().encode() for line in open(options.tokens, encoding="ascii") if line.strip()]
        self.tls = ssl.create_default_context(cafile=options.ca)
        self.tls.minimum_version = ssl.TLSVersion.TLSv1_3
        self.tls.set_alpn_protocols([ALPN])
        self.openings = asyncio.Semaphore(OPENINGS)
        self.standing = set()
        self.counts = {"opened": 0, "cut": 0, "failed": 0, "goaways": 0, "rejects": 0, "bad_batches": 0}
        self.goaways = {}
        self.is_ready = False

    async def open(self, secure):
        """A connection, or nothing where the gateway wants none just now."""
        try:
            async with self.openings:
                reader, writer = await asyncio.open_connection(
                    self.host, self.port, ssl=self.tls if secure else None,
                    server_hostname=self.host if secure else None)
        except (OSError, ssl.SSLError):
            self.counts["failed"] += 1
            await asyncio.sleep(0.2)
            return None
        self.counts["opened"] += 1
        return reader, writer

    async def frame(self, reader):
        """The next frame's type and bytes; None at the connection's end."""
        try:
            head = await reader.readexactly(4)
            rest = await reader.readexactly(int.from_bytes(head, "little"))
        except (asyncio.IncompleteReadError, OSError, ssl.SSLError):
            return None
        if rest[0] == GOAWAY:
            self.counts["goaways"] += 1
            reason = int.from_bytes(rest[2:4], "little")
            self.goaways[reason] = self.goaways.get(reason, 0) + 1
        return rest

    async def forever(self, number, role):
        while True:
            pair = await self.open(role is not self.silent)
            if pair is None:
                continue
            reader, writer = pair
            if number < self.slow:
                self.standing.add(number)
                self.tell_ready()
            try:
                await role(number, reader, writer)
            except (OSError, ssl.SSLError):
                pass
            finally:
                self.standing.discard(number)
                self.counts["cut"] += 1
                writer.transport.abort()

    def tell_ready(self):
        if not self.is_ready and len(self.standing) >= self.slow:
            self.is_ready = True
            print("ready %d" % len(self.standing), flush=True)

    def give_up(self):
        if not self.is_ready:
            self.is_ready = True
            print("late: %d of %d stand" % (len(self.standing), self.slow), flush=True)

    async def silent(self, number, reader, writer):
        await reader.read(1)

    async def unheard(self, number, reader, writer):
        await self.frame(reader)

    async def dripping(self, number, reader, writer):
        stream, token = self.who(number)
        writer.write(hello(stream, token))
        answer = await self.frame(reader)
        if answer is None or answer[0] != WELCOME:
            return
        frame = batch(os.urandom(4000))
        ended = asyncio.ensure_future(self.frame(reader))
        for at in range(len(frame)):
            writer.write(frame[at:at + 1])
            done, _ = await asyncio.wait({ended}, timeout=DRIP_SECONDS)
            if done:
                return

    async def flooding(self, number, reader, writer):
        stream, token = self.who(number)
        writer.write(hello(stream, token))
        answer = await self.frame(reader)
        if answer is None or answer[0] != WELCOME:
            await asyncio.sleep(0.05)
            return
        bad = bad_batches()
        at = 0
        while True:
            writer.write(bad[at % len(bad)])
            await writer.drain()
            at += 1
            self.counts["bad_batches"] += 1
            answer = await self.frame(reader)
            if answer is None or answer[0] == GOAWAY:
                return
            self.counts["rejects"] += answer[0] == REJECT

    def who(self, number):
        token = self.tokens[number % len(self.tokens)]
        return hashlib.sha256(b"%d of " % number + token).digest()[:16], token

    async def run(self):
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, stop.set)
        loop.call_later(self.seconds, stop.set)
        loop.call_later(READY_SECONDS, self.give_up)
        roles = [self.silent, self.unheard, self.silent, self.dripping]
        flood = range(self.slow, self.slow + FLOODERS)
        tasks = [asyncio.ensure_future(self.forever(number, self.flooding)) for number in flood]
        tasks += [asyncio.ensure_future(self.forever(number, roles[number % 4])) for number in range(self.slow)]
        await stop.wait()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self.counts["goaways_by_reason"] = self.goaways
        print(json.dumps(self.counts), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--connect", required=True, help="HOST:PORT")
    parser.add_argument("--ca", required=True, help="the gateway's authority, PEM")
    parser.add_argument("--tokens", required=True, help="a file of tokens, one a line")
    parser.add_argument("--connections", type=int, default=2000, help="slow or silent ones")

    parser.add_argument("--seconds", type=float, default=600, help="how long at most")

    async def run(options):
        await Attackers(options).run()

    asyncio.run(run(parser.parse_args()))


if __name__ == "__main__":
    main()
