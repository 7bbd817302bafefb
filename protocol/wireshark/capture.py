"""Captures made by hand: TCP conversations as pcap files, with TLS or without, and what tshark says of them."""

import os
import shutil
import ssl
import struct
import subprocess
import xml.etree.ElementTree

HERE = os.path.dirname(os.path.abspath(__file__))
SCRIPT = os.path.join(HERE, "tallygate.lua")
PORT = 7443
TSHARK_WITHIN = 120


def tshark():
    return shutil.which("tshark")


class Capture:
    """TCP connections of 127.0.0.1, one after the other, each from its first SYN on. Written as Ethernet, so that
    nothing depends on loopback headers."""

    def __init__(self):
        self._packets = []
        self._port = 40_000
        self.connect()

    def connect(self):
        """Begins another connection."""
        self._port += 1
        # The next sequence number of each side.
        self._next = {True: 1_000, False: 5_000}
        for is_up, flags in ((True, 2), (False, 0x12), (True, 0x10)):
            self._packet(is_up, b"", flags)
            self._next[is_up] += (flags & 2) >> 1

    def send(self, data, is_up=True, segment=1_400):
        """Bytes of the workstation (`is_up`) or of the gateway, in segments of so many."""
        for at in range(0, len(data), segment):
            part = data[at:at + segment]
            self._packet(is_up, part, 0x18)
            self._next[is_up] += len(part)

    def _packet(self, is_up, data, flags):
        ports = (self._port, PORT) if is_up else (PORT, self._port)
        acknowledged = self._next[not is_up] if flags & 0x10 else 0
        tcp = struct.pack(">HHIIBBHHH", *ports, self._next[is_up], acknowledged, 5 << 4, flags, 65_535, 0, 0) + data
        ip = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(tcp), len(self._packets) & 0xFFFF, 0, 64, 6, 0,
                         bytes((127, 0, 0, 1)), bytes((127, 0, 0, 1)))
        self._packets.append(b"\2\0\0\0\0\1" + b"\2\0\0\0\0\2" + b"\x08\0" + ip + tcp)

    def write(self, path):
        with open(path, "wb") as f:
            f.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262_144, 1))
            for number, packet in enumerate(self._packets):
                f.write(struct.pack("<IIII", 1_700_000_000, number, len(packet), len(packet)) + packet)


class Shown:
    """One frame as tshark shows it: its fields by name in order, as (shown, bytes)."""

    def __init__(self, element):
        self.fields = {}
        self.words = []
        for field in element.iter("field"):
            self.fields.setdefault(field.get("name"), []).append((field.get("show"), field.get("value") or ""))
            self.words.append(field.get("showname") or "")

    def show(self, name):
        return [shown for shown, _ in self.fields.get(name, [])]

    @property
    def is_wrong(self):
        return "tallygate.wrong" in self.fields

    @property
    def has_content(self):
        return "tallygate.content" in self.fields


def dissect(path, *options):
    """Every frame of the protocol in a capture, as `Shown`. Fails where tshark or the script does."""
    done = subprocess.run(
        [tshark(), "-X", "lua_script:" + SCRIPT, "-r", path, "-T", "pdml", *options], stdin=subprocess.DEVNULL,
        capture_output=True, timeout=TSHARK_WITHIN, check=False)
    errors = done.stderr.decode("utf-8", "replace")
    if done.returncode != 0 or "Lua" in errors or b"Lua Error" in done.stdout:
        raise AssertionError("tshark: %d %s" % (done.returncode, errors[-2_000:]))
    shown = []
    for packet in xml.etree.ElementTree.fromstring(done.stdout).iter("packet"):
        shown += [Shown(proto) for proto in packet.iter("proto") if proto.get("name") == "tallygate"]
    return shown


def plain(path):
    """A capture without TLS: by its port."""
    return dissect(path, "-d", "tcp.port==%d,tallygate" % PORT)


class Sessions:
    """A TLS 1.3 session within this process, both ends, whose records go into a capture and keys into a log."""

    def __init__(self, folder, capture):
        certificate, key = os.path.join(folder, "cert.pem"), os.path.join(folder, "key.pem")
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "1",
             "-subj", "/CN=localhost", "-keyout", key, "-out", certificate], stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=60, check=True)
        self.key_log = os.path.join(folder, "keys.log")
        self._capture = capture
        server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        server.load_cert_chain(certificate, key)
        client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        client.load_verify_locations(certificate)
        client.keylog_filename = self.key_log
        for context in (server, client):
            context.minimum_version = ssl.TLSVersion.TLSv1_3
            context.set_alpn_protocols(["tallygate/1"])
        self._pipes = {side: (ssl.MemoryBIO(), ssl.MemoryBIO()) for side in (True, False)}
        self._ends = {
            True: client.wrap_bio(*self._pipes[True], server_hostname="localhost"),
            False: server.wrap_bio(*self._pipes[False], server_side=True)}
        done = set()
        # Three flights, and one more turn for the server's tickets.
        for _ in range(4):
            for is_up in (True, False):
                try:
                    self._ends[is_up].do_handshake()
                    done.add(is_up)
                except ssl.SSLWantReadError:
                    pass
                self._carry(is_up)
        assert done == {True, False}, "the handshake of this test's own ends"

    def send(self, data, is_up=True):
        self._ends[is_up].write(data)
        self._carry(is_up)

    def _carry(self, is_up):
        records = self._pipes[is_up][1].read()
        if records:
            self._capture.send(records, is_up)
            self._pipes[not is_up][0].write(records)
