"""A hostile client: puts secrets wherever a peer can put bytes. Each attempt must be refused as the SPEC says, or it
would prove nothing; afterwards the gateway must hold none of the secrets anywhere.

What the protocol admits is not tried here, since it is admitted: sixteen bytes of an id, a model's name that is a
label, the eight bytes of a PING (SPEC section 9 bounds it). The control shows that a label arrives.
"""

import os
import ssl
import sys
import time

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "protocol", "reference"))
from peer import Peer, Unexpected, hello_of, plain  # noqa: E402
from tallygate import batch, body, frames, lz4  # noqa: E402
from tallygate.schema import CONTENT_IDS, SCHEMA  # noqa: E402

GOOD_ROW = {"kind": "usage", "session": "11" * 16, "agent": "codex", "model": "acme-1", "input_tokens": 7}
# A connection may send 64 refused batches at once.
REFUSALS_A_CONNECTION = 48
REASONS = {reason["name"]: reason["code"] for reason in SCHEMA["reject_reasons"]}


class Hostile:
    def __init__(self, vault, gateway, token):
        """`gateway` has `port`, `metrics_port` and `authority`."""
        self.vault, self.gateway, self.token = vault, gateway, token
        # (what was tried, what the gateway answered)
        self.replies = []
        self.attempts = 0

    def secret(self, name):
        self.attempts += 1
        return self.vault.new("hostile: " + name).encode()

    def run(self):
        self.bodies()
        self.labels_and_ids()
        self.blocks()
        self.frames()
        self.halves()
        self.hellos()
        self.handshakes()
        self.requests()

    # -- batches

    def _rows(self):
        return [dict(GOOD_ROW, time_ms=int(time.time() * 1000)), dict(GOOD_ROW, time_ms=int(time.time() * 1000) + 1)]

    def _batch(self, raw, before, is_lz4=False, **fields):
        """A BATCH of a raw body that nobody checks here."""
        frame = batch.make(1, self._rows(), before)
        sent = lz4.compress(raw) if is_lz4 else raw
        frame.update(raw_bytes=len(raw), body=sent.hex(), flags=batch.LZ4_FLAG if is_lz4 else 0)
        frame.update(fields)
        return frames.encode(frame)

    def _good(self):
        rows = self._rows()
        return body.encode(body.columns_of_rows(rows), len(rows))

    def refuse(self, name, tries):
        """Sends batches, each answered by REJECT(its reason), or for a reason of None by any REJECT."""
        tries = list(tries)
        for start in range(0, len(tries), REFUSALS_A_CONNECTION):
            with Peer(self.gateway) as peer:
                peer.open(self.token)
                for make, reason in tries[start:start + REFUSALS_A_CONNECTION]:
                    peer.send(make(peer))
                    got = peer.expect("REJECT")["reason"]
                    if reason and got != REASONS[reason]:
                        raise Unexpected("%s: refused for reason %d instead of %s" % (name, got, reason))
            self.replies.append((name, bytes(peer.replies)))

    def bodies(self):
        """Every content column, by raw and compressed bodies, and ids that no table has."""
        good = self._good()
        tries = []
        for id in list(CONTENT_IDS) + [32, 63, 64, 127, 192, 255]:
            reason = "CONTENT_FIELD" if id in CONTENT_IDS else "UNKNOWN_FIELD"
            for is_lz4 in (False, True):
                text = self.secret("column %d%s" % (id, ", compressed" if is_lz4 else ""))
                raw = good + body.head(body.CONSTANT, id) + bytes([len(text)]) + text
                tries.append((lambda peer, raw=raw, z=is_lz4: self._batch(raw, peer.chain, z), reason))
        for count in (40, 1_000):
            text = b" ".join(self.secret("a long text in a content column") for _ in range(count))
            raw = good + body.head(body.CONSTANT, 133) + text
            tries.append((lambda peer, raw=raw: self._batch(raw, peer.chain), "CONTENT_FIELD"))
        text = self.secret("a body of nothing else")
        # What the letters mean as numbers and heads of columns is another each time.
        tries.append((lambda peer: self._batch(text * 9, peer.chain), None))
        cut = good + body.head(body.CONSTANT, 6 + 26)[:1] + self.secret("behind a head")
        tries.append((lambda peer: self._batch(cut, peer.chain), "UNKNOWN_FIELD"))
        self.refuse("columns", tries)

    def labels_and_ids(self):
        """Texts that are no label, and ids of batches that are refused for something else."""
        tries = []
        before = body.encode(body.columns_of_rows([{"time_ms": 5, "session": "11" * 16}] * 2), 2)
        for name, text in (
                ("a label with capitals", self.secret("label")),
                ("a label of a sentence", b"ask " + self.secret("words")),
                ("a label too long", (self.secret("long label") * 3)[:90]),
                ("a label of 64 bytes", self.secret("label front") + self.secret("label back"))):
            raw = before + body.head(body.CONSTANT, 6) + bytes([len(text)]) + text
            tries.append((lambda peer, raw=raw: self._batch(raw, peer.chain), "FIELD_RANGE"))
        entry = self.secret("dictionary entry")
        raw = (before + body.head(body.DICTIONARY, 6) + b"\2\6acme-1" + bytes([len(entry)]) + entry + b"\2")
        tries.append((lambda peer, raw=raw: self._batch(raw, peer.chain), "FIELD_RANGE"))
        for column, field in ((3, "session"), (4, "project")):
            texts = [self.secret("%s ids" % field) for _ in range(20)]
            ids = b"".join(texts)
            rows = [dict(self._rows()[0], **{field: ids[at:at + 16].hex()}) for at in range(0, len(ids), 16)]
            frame = batch.make(1, rows, 0)
            tries.append((lambda peer, frame=frame: frames.encode(frame), "CHAIN_MISMATCH"))
            wrong = dict(frame, tokens="1")
            tries.append((lambda peer, wrong=wrong: frames.encode(wrong), "CONTROL_TOTAL"))
        numbers = self.secret("where a varint is due")
        raw = self._good() + body.head(body.VARINT, 14) + numbers
        tries.append((lambda peer: self._batch(raw, peer.chain), None))
        rows = self._rows()
        raw = body.encode(body.columns_of_rows(rows), len(rows))
        for name, reason in (("totals", "CONTROL_TOTAL"), ("chain", "CHAIN_MISMATCH")):
            text = self.secret("a BATCH whose %s are a text" % name)
            fields = {"chain": text[16:24].hex()}
            if name == "totals":
                fields.update(tokens=str(int.from_bytes(text[:8], "little")),
                              reported_nano_usd=str(int.from_bytes(text[8:16], "little")))
            tries.append((lambda peer, fields=fields: self._batch(raw, peer.chain, **fields), reason))
        self.refuse("labels and ids", tries)

    def blocks(self):
        """LZ4 blocks whose literals are secrets, and that fail at the beginning, in the middle or at the end."""
        tries = []

        def add(name, block, raw_bytes, reason):
            tries.append((lambda peer: self._batch(b"", peer.chain, raw_bytes=raw_bytes, body=block.hex(),
                                                   flags=batch.LZ4_FLAG), reason))

        text = self.secret("literals, then an offset of 0") * 4
        add("offset 0", lz4.sequence(text, 0, 8) + lz4.sequence(b"12345"), len(text) + 13, "DECOMPRESS")
        text = self.secret("literals, then an offset too far") * 4
        add("too far", lz4.sequence(text, 60_000, 8) + lz4.sequence(b"12345"), len(text) + 13, "DECOMPRESS")
        text = self.secret("one byte more than was told") * 4
        add("longer", lz4.sequence(text), len(text) - 1, "DECOMPRESS")
        text = self.secret("one byte less than was told") * 4
        add("shorter", lz4.sequence(text), len(text) + 1, "DECOMPRESS")
        text = self.secret("a block that breaks off") * 4
        add("cut", lz4.sequence(text)[:-3], len(text), "DECOMPRESS")
        text = self.secret("no LZ4 at all")
        add("none", b"\xf0" + text, 1_000, "DECOMPRESS")
        text = self.secret("a bomb")
        add("bomb", lz4.sequence(text, 1, 60_000) + lz4.sequence(b"12345"), 60_037, None)
        text = self.secret("more than a body may have")
        add("too large", lz4.sequence(text), 65_537, "SIZE")
        text = self.secret("a good block of a bad body") * 50
        add("bad body", lz4.compress(text), len(text), None)
        self.refuse("LZ4 blocks", tries)

    # -- frames

    def ended(self, name, data, how="farewell", is_open=True):
        """Sends bytes that end the connection."""
        with Peer(self.gateway, how) as peer:
            if is_open:
                peer.open(self.token)
            peer.send(data(peer) if callable(data) else data)
            frame = peer.expect("GOAWAY", "REJECT", None)
            if frame is not None and frame["type"] == "REJECT":
                peer.expect("GOAWAY")
        self.replies.append((name, bytes(peer.replies)))

    def _frame(self, type, data, flags=0):
        return (len(data) + 2).to_bytes(4, "little") + bytes([type, flags]) + data

    def frames(self):
        secret = self.secret
        self.ended("unknown type", self._frame(99, secret("the body of an unknown type")))
        self.ended("wrong direction", self._frame(4, secret("the body of an ACK to the gateway")))
        self.ended("undefined flag", self._frame(9, secret("the body of a frame with an undefined flag"), 0x80))
        self.ended("longer than its fields", self._frame(7, bytes(8) + secret("behind a PROBE's fields")))
        self.ended("a length of 4 GB", b"\xff" * 4 + secret("behind a length of 4 GB") * 9)
        self.ended("text for a frame", secret("where a frame is due") * 20)
        self.ended("a second HELLO", lambda peer: peer.hello(secret("a second HELLO's credential")))
        self.skips()
        self.adoptions()
        good = self._good()
        long = good + body.head(body.CONSTANT, 133) + secret("in a frame that a bad one follows") * 400
        self.ended("a batch and then text", lambda peer: self._batch(long, peer.chain) + secret("behind it") * 100)

    def skips(self):
        """Each has a good group before what is wrong: it was read when the mistake was found."""
        def group(name, model=None, numbers=None):
            model = self.secret("the model of " + name).lower() if model is None else model
            numbers = bytes(80) if numbers is None else numbers
            return bytes([len(model)]) + model + numbers

        def skip(*groups, at=1, last=None):
            place = at.to_bytes(8, "little") + (last or at).to_bytes(8, "little")
            return self._frame(6, place + bytes(8) + b"\2\0" + bytes([len(groups)]) + b"".join(groups))

        name = "a SKIP with a text"
        self.ended(name, skip(group(name), group(name, model=self.secret(name))))
        for groups in (1, 3, 8):
            name = "a SKIP of %d groups that comes too early" % groups
            frame = skip(*[group(name) for _ in range(groups)], at=5)
            with Peer(self.gateway) as peer:
                peer.open(self.token)
                peer.send(frame)
                if peer.expect("REJECT")["reason"] != REASONS["SEQUENCE_GAP"]:
                    raise Unexpected(name + ": refused for something else")
            self.replies.append((name, bytes(peer.replies)))
            name = "a SKIP of %d groups whose numbers are texts" % groups
            numbers = lambda: b"".join(self.secret("numbers of " + name) for _ in range(3))[:80]
            self.ended(name, skip(*[group(name, numbers=numbers()) for _ in range(groups)]))
            name = "a SKIP of %d groups that breaks off" % groups
            self.ended(name, skip(*[group(name) for _ in range(groups)], group(name)[:-9]))
            name = "a SKIP of %d groups before there is a stream" % groups
            self.ended(name, skip(*[group(name) for _ in range(groups)]), is_open=False)

    def adoptions(self):
        """Ids are as long as each other, and memory of their size is used again: so lists of many lengths."""
        def adopt(name, sessions, more=b"", less=0, prior=bytes(16)):
            ids = b"".join(self.secret(name) for _ in range(-(-sessions // 2)))[:16 * sessions]
            head = prior + bytes(16) + sessions.to_bytes(2, "little")
            data = head + ids + more
            return self._frame(13, data[:len(data) - less])

        for sessions in (1, 2, 3, 8, 20, 64, 300, 1_024):
            for name, is_open, how in (
                    ("ADOPT of %d without leave", True, {}), ("ADOPT of %d before a HELLO", False, {}),
                    ("ADOPT of %d that breaks off", True, {"less": 3}), ("ADOPT of %d and text", True, {"more": b"text"})):
                name %= sessions
                if not is_open and sessions > 60:
                    continue
                self.ended(name, adopt(name, sessions, **how), is_open=is_open)
        name = "ADOPT whose last id is none"
        self.ended(name, self._frame(13, bytes(32) + b"\3\0" + self.secret(name) + bytes(16)))

    def halves(self):
        """Frames that never come to their end, in one piece and in many, ended in every way."""
        for how in ("farewell", "cut", "reset"):
            for size in (60, 3_000, 60_000):
                text = self.secret("half a BATCH of %d bytes, ended by %s" % (size, how))
                half = (65_000).to_bytes(4, "little") + b"\3\0" + (text * (size // 32 + 1))[:size]
                self._half(half, how, 1)
                text = self.secret("half a BATCH of %d bytes in pieces, ended by %s" % (size, how))
                half = (65_000).to_bytes(4, "little") + b"\3\0" + (text * (size // 32 + 1))[:size]
                self._half(half, how, 12)
            half = (900).to_bytes(4, "little") + b"\1\0TALLYGT1" + self.secret("half a HELLO, ended by " + how) * 9
            self._half(half, how, 3, is_open=False)
        # Whole in the end, and refused for its content.
        raw = self._good() + body.head(body.CONSTANT, 130) + self.secret("a refused BATCH in pieces") * 1_500
        with Peer(self.gateway) as peer:
            peer.open(self.token)
            self._pieces(peer, self._batch(raw, peer.chain), 23)
            peer.expect("REJECT")
        self.replies.append(("a refused BATCH in pieces", bytes(peer.replies)))

    def _half(self, data, how, pieces, is_open=True):
        with Peer(self.gateway, how) as peer:
            if is_open:
                peer.open(self.token)
            self._pieces(peer, data, pieces)
            time.sleep(0.02)
        self.replies.append(("half a frame", bytes(peer.replies)))

    @staticmethod
    def _pieces(peer, data, pieces):
        size = -(-len(data) // pieces)
        for at in range(0, len(data), size):
            peer.send(data[at:at + size])
            # Each piece shall be read by itself.
            time.sleep(0.004)

    def hellos(self):
        secret = self.secret
        shaped = b"tg_" + secret("a wrong token in the shape of one") + b"0" * 11
        tokens = (shaped, secret("a token that is a text"), secret("a token of 255 bytes") * 7 + b"x" * 31)
        for token in tokens:
            self.ended("a wrong token", lambda peer, token=token: peer.hello(token), is_open=False)
        text = secret("a magic that is a text")
        self.ended("a wrong magic", self._frame(1, text * 8), is_open=False)
        self.ended("a HELLO too long", self._frame(1, b"TALLYGT1" + secret("a HELLO too long") * 60), is_open=False)
        for name, token in (("a stranger's HELLO", b"wrong"), ("a HELLO of another version", self.token)):
            # Two numbers of 16 bytes, side by side; ids; numbers of eight bytes.
            totals, stream = secret("the totals of " + name), secret("the ids of " + name)[:16]
            told = lambda part: str(int.from_bytes(part, "little"))
            fields = {"acknowledged_tokens": told(totals[:16]), "acknowledged_reported_nano_usd": told(totals[16:]),
                      "stream": stream.hex(), "store_epoch": told(secret("the epoch of " + name)[:8])}
            if token == self.token:
                fields.update(version_min=7, version_max=7)
            self.ended(name, lambda peer, token=token, fields=fields: peer.hello(token, **fields), is_open=False)
        options = [(0x0a0a + 0x1010 * n, secret("an option of a refused HELLO")) for n in range(4)]
        self.ended("options of a refused HELLO", lambda peer: peer.hello(b"wrong", options), is_open=False)
        # Welcomed: an unknown option is no mistake, and is not kept either; totals are compared with nothing.
        options = [(0x0a0a + 0x1010 * n, secret("an option of a welcomed HELLO") * 2) for n in range(4)]
        totals = secret("the totals of a welcomed HELLO")
        fields = {"acknowledged_tokens": str(int.from_bytes(totals[:16], "little")),
                  "acknowledged_reported_nano_usd": str(int.from_bytes(totals[16:], "little"))}
        with Peer(self.gateway) as peer:
            peer.send(peer.hello(self.token, options, **fields))
            if len(peer.expect("WELCOME")["ignored_options"]) != 4:
                raise Unexpected("options are not told as ignored")
        self.replies.append(("options", bytes(peer.replies)))

    # -- other people's protocols

    def handshakes(self):
        secret = lambda name: self.secret(name).decode()
        with Peer(self.gateway, name=secret("SNI of a good handshake").lower() + ".example.test",
                  alpn=["tallygate/1", secret("ALPN beside the right one")]) as peer:
            peer.open(self.token)
        for name, arguments in (("a wrong ALPN", {"alpn": [secret("ALPN instead of the right one")]}),
                                ("a wrong ALPN and a name", {"alpn": ["h2"], "name": secret("SNI").lower() + ".test"})):
            try:
                with Peer(self.gateway, **arguments):
                    raise Unexpected(name + ": the handshake was done")
            except (ssl.SSLError, ConnectionError):
                pass
        hello = hello_of(secret("SNI of TLS 1.2").lower() + ".test", [secret("ALPN of TLS 1.2")])
        port = self.gateway.port
        tries = [
            ("a hello of TLS 1.2", hello), ("half a hello", hello[:-7]),
            ("text", self.secret("text instead of TLS") * 100), ("one line", self.secret("a line") + b"\r\n"),
            ("HTTP", b"GET /%s HTTP/1.1\r\nHost: %s\r\n\r\n" % (self.secret("HTTP path"), self.secret("HTTP host"))),
            ("a record of text", b"\x17\3\3\0\x40" + self.secret("a TLS record of text") * 2),
            ("a handshake of text", b"\x16\3\1\0\x40\1\0\0\x3c\3\3" + self.secret("a TLS hello of text") * 2)]
        for name, data in tries:
            self.replies.append((name, plain(port, data)))

    def requests(self):
        """The metrics' own door, which speaks plain HTTP on loopback."""
        s = self.secret
        long = b" ".join(self.secret("HTTP: a head too long") for _ in range(400))
        tries = [
            b"GET /%s?%s HTTP/1.1\r\nHost: %s\r\n\r\n" % (s("HTTP: path"), s("HTTP: query"), s("HTTP: host")),
            b"GET /metrics?%s HTTP/1.1\r\nHost: a\r\n\r\n" % s("HTTP: query of a good path"),
            b"GET /metrics HTTP/1.1\r\nHost: a\r\n%s: %s\r\nAuthorization: Bearer %s\r\nCookie: %s\r\n\r\n" % (
                s("HTTP: a field's name"), s("HTTP: a field"), s("HTTP: a bearer"), s("HTTP: a cookie")),
            b"%s / HTTP/1.1\r\nHost: a\r\n\r\n" % s("HTTP: method"), b"GET / %s\r\n\r\n" % s("HTTP: version"),
            b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 32\r\n\r\n" + s("HTTP: a body"),
            b"GET /metrics HTTP/1.1\r\nHost: a\r\nContent-Length: 32\r\n\r\n" + s("HTTP: a body of a GET"),
            b"GET / HTTP/1.1\r\nHost: a\r\nX: %s\r\n\r\n" % long, s("HTTP: a line") + b"\r\n\r\n",
            b"GET / HTTP/1.1\r\n" + s("HTTP: a head that breaks off"), s("HTTP: no line at all")]
        for data in tries:
            self.replies.append(("HTTP", plain(self.gateway.metrics_port, data)))
