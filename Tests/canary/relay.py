"""The wire before it is encrypted: a relay between `tally` and `tallygate` that ends TLS on both sides and keeps what
passes, both ways, with the bytes of the hello that travel in the clear.

It is let in because this run owns the gateway's data folder: it serves with the gateway's own certificate and key, and
trusts the gateway's own authority. Nobody without that folder can stand there.
"""

import os
import socket
import ssl
import sys
import threading

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "protocol", "reference"))
from tallygate import frames, lz4  # noqa: E402
from tallygate.batch import LZ4_FLAG  # noqa: E402
from tallygate.schema import Refusal  # noqa: E402

ALPN = "tallygate/1"
CONNECTIONS_MAX = 64
# A run of this size says a few hundred kilobytes; more than this is a mistake of ours.
KEPT_BYTES_MAX = 64 << 20


def client_context(authority):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.load_verify_locations(authority)
    context.set_alpn_protocols([ALPN])
    return context


class Conversation:
    """One connection: the bytes of each direction, in order."""

    def __init__(self):
        self.clear, self.up, self.down = b"", bytearray(), bytearray()


class Relay:
    """Forwards connections to the gateway and keeps their plaintext; one thread a direction."""

    def __init__(self, data):
        """`data` is the gateway's data folder; `target_port` is set once the gateway listens."""
        self.target_port = None
        self.conversations = []
        # A planted leak may be put into what is kept.
        self._tls = os.path.join(data, "tls")
        self._server = None
        self._client = None
        self._is_over = False
        self._kept = 0
        self._listener = socket.socket()
        self._listener.bind(("127.0.0.1", 0))
        self._listener.listen(16)
        self._listener.settimeout(0.2)
        self.port = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._accept, daemon=True)

    def start(self, target_port):
        self.target_port = target_port
        self._server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._server.minimum_version = ssl.TLSVersion.TLSv1_3
        self._server.load_cert_chain(
            os.path.join(self._tls, "server.pem"), os.path.join(self._tls, "server-key.pem"))
        self._server.set_alpn_protocols([ALPN])
        self._client = client_context(os.path.join(self._tls, "ca.pem"))
        self._thread.start()

    def stop(self):
        self._is_over = True
        if self._thread.is_alive():
            self._thread.join(10)
        self._listener.close()

    def _accept(self):
        while not self._is_over:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                continue
            if len(self.conversations) >= CONNECTIONS_MAX:
                connection.close()
                continue
            conversation = Conversation()
            self.conversations.append(conversation)
            threading.Thread(target=self._serve, args=(connection, conversation), daemon=True).start()

    def _serve(self, connection, conversation):
        try:
            connection.settimeout(10)
            # The hello is all that travels in the clear; it is looked at and left for TLS.
            conversation.clear = connection.recv(16_384, socket.MSG_PEEK)
            near = self._server.wrap_socket(connection, server_side=True)
            plain = socket.create_connection(("127.0.0.1", self.target_port), 10)
            far = self._client.wrap_socket(plain, server_hostname="127.0.0.1")
        except OSError:
            return connection.close()
        for side in (near, far):
            side.settimeout(None)
        threading.Thread(target=self._move, args=(far, near, conversation.down), daemon=True).start()
        self._move(near, far, conversation.up)

    def _move(self, source, target, kept):
        """Until either side ends. A socket of ssl takes a reader and a writer at once."""
        try:
            while True:
                data = source.recv(65_536)
                if not data:
                    break
                self._kept += len(data)
                if self._kept > KEPT_BYTES_MAX:
                    break
                kept += data
                target.sendall(data)
        except OSError:
            pass
        for side in (source, target):
            try:
                side.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def plaintext(self):
        """(what it is, bytes): each direction of each connection, the clear hello, and each LZ4 body opened."""
        for number, talk in enumerate(self.conversations, 1):
            yield "the TLS hello of connection %d" % number, bytes(talk.clear)
            yield "connection %d, to the gateway" % number, bytes(talk.up)
            yield "connection %d, to the workstation" % number, bytes(talk.down)
            for index, body in enumerate(bodies(bytes(talk.up)), 1):
                yield "connection %d, LZ4 body %d opened" % (number, index), body


def split(data):
    """The whole frames at the front of `data`."""
    at = 0
    while at + 4 <= len(data):
        end = at + 4 + int.from_bytes(data[at:at + 4], "little")
        if end > len(data):
            return
        yield data[at:end]
        at = end


def bodies(data):
    """The raw bodies of the compressed batches in what went to a gateway."""
    for one in split(data):
        try:
            frame = frames.decode(one)
            if frame["type"] == "BATCH" and frame.get("flags", 0) & LZ4_FLAG:
                yield lz4.decompress(bytes.fromhex(frame["body"]), frame["raw_bytes"], frame["count"])
        except (frames.FrameError, Refusal, ValueError):
            # What is no frame was searched as it is.
            continue
