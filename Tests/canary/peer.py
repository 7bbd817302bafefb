"""A workstation's side of the wire, for peers that mean harm: whole frames, bad frames, halves of frames, other
people's protocols. Keeps every byte that the gateway answers."""

import os
import socket
import ssl
import struct
import sys
import time
import uuid

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "protocol", "reference"))
from relay import client_context, split  # noqa: E402
from tallygate import chain, frames  # noqa: E402

# Far beyond what an answer on loopback takes, and so a failure.
ANSWER_WITHIN = 20.0
REPLY_BYTES_MAX = 1 << 20


class Peer:
    """One connection to a gateway. Ends with the `with` block; `how` says in which way: farewell, cut or reset."""

    def __init__(self, gateway, how="farewell", name=None, alpn=None):
        """`gateway` has `port` and `authority`. `name` goes into the hello as SNI; `alpn` are protocols to offer."""
        self.how = how
        self.replies = bytearray()
        self.stream = uuid.uuid4().bytes
        self.chain = chain.zero(self.stream)
        self.frames = []
        context = client_context(gateway.authority)
        if name is not None:
            context.check_hostname = False
        if alpn is not None:
            context.set_alpn_protocols(alpn)
        plain = socket.create_connection(("127.0.0.1", gateway.port), ANSWER_WITHIN)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            self.socket = context.wrap_socket(plain, server_hostname=name or "127.0.0.1")
        except OSError:
            plain.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        try:
            if self.how == "farewell":
                self.socket.settimeout(2)
                self.socket = self.socket.unwrap()
            elif self.how == "reset":
                self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        except (OSError, ValueError):
            pass
        self.socket.close()

    def send(self, data):
        """Whether it could be sent: a gateway that has gone may say so by a reset."""
        try:
            self.socket.sendall(data)
            return True
        except OSError:
            return False

    def hello(self, token, options=(), **fields):
        """The bytes of a HELLO for an empty stream."""
        frame = {
            "type": "HELLO", "magic": b"TALLYGT1".hex(), "version_min": 1, "version_max": 1, "schema_min": 1,
            "schema_max": 1, "stream": self.stream.hex(), "lowest_held": "0", "highest_held": "0", "acknowledged": "0",
            "acknowledged_chain": "%016x" % self.chain, "acknowledged_tokens": "0",
            "acknowledged_reported_nano_usd": "0", "clock_ms": str(int(time.time() * 1000)),
            "highest_chain": "0" * 16, "store_epoch": "0", "hello_flags": 0, "credential_kind": 1,
            "credential": token.hex(), "options": [{"id": i, "value": v.hex()} for i, v in options]}
        frame.update(fields)
        return frames.encode(frame)

    def open(self, token, options=()):
        """Greets and is welcomed."""
        self.send(self.hello(token, options))
        return self.expect("WELCOME")

    def expect(self, *types):
        """The next frame, which has to be of one of `types`; None stands for the connection's end."""
        frame = self.next()
        got = frame and frame["type"]
        if got not in types:
            raise Unexpected("%s instead of %s" % (got, " or ".join(map(str, types))))
        return frame

    def next(self):
        """The next frame of the gateway, or None once it has ended the connection."""
        deadline = time.monotonic() + ANSWER_WITHIN
        while True:
            whole = list(split(bytes(self.replies)))
            if len(whole) > len(self.frames):
                self.frames.append(whole[len(self.frames)])
                return frames.decode(self.frames[-1], to="workstation")
            left = deadline - time.monotonic()
            if left <= 0 or len(self.replies) > REPLY_BYTES_MAX:
                raise Unexpected("no answer")
            self.socket.settimeout(left)
            try:
                data = self.socket.recv(65_536)
            except socket.timeout:
                raise Unexpected("no answer") from None
            except OSError:
                return None
            if not data:
                return None
            self.replies += data


class Unexpected(Exception):
    """The gateway did something else than refuse: then the attempt proves nothing."""


def plain(port, data, how="farewell"):
    """Bytes without TLS; what is answered until the other side ends, or nothing comes for a while."""
    answer = bytearray()
    with socket.create_connection(("127.0.0.1", port), ANSWER_WITHIN) as connection:
        connection.settimeout(ANSWER_WITHIN)
        try:
            connection.sendall(data)
            if how == "farewell":
                connection.shutdown(socket.SHUT_WR)
            while len(answer) < REPLY_BYTES_MAX:
                got = connection.recv(65_536)
                if not got:
                    break
                answer += got
        except OSError:
            # A reset: the other side has closed with bytes of ours unread.
            pass
    return bytes(answer)


def hello_of(name, alpn):
    """The bytes of a TLS hello that offers nothing but TLS 1.2, with a name and protocols of choice."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(alpn)
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    session = context.wrap_bio(incoming, outgoing, server_hostname=name)
    try:
        session.do_handshake()
    except ssl.SSLWantReadError:
        pass
    return outgoing.read()
