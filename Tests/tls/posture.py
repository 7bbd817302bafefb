#!/usr/bin/env python3
"""What the gateway's TLS lets in, what it turns away, and what strangers can cost it.

    posture.py [--cases N] [--seed S] [--print]

Real programs, from ``TALLY_BINARIES``. ``--cases`` is how many damaged handshakes are tried (3,000), ``--print`` shows
what unfinished handshakes cost. A failure names its seed and case; ``--seed`` repeats it.
"""

import argparse
import os
import random
import re
import socket
import ssl
import subprocess
import sys
import time
import unittest

import hellos
import peer
from rig import ALPN, GOAWAY, Gateway, WELCOME, read_frame
from strangers import connections_of, throw, unfinished, wait_until

OPTIONS = argparse.Namespace(cases=3000, seed=None, print=False)
LINES_OF_STRANGERS = 20
INTERVAL = 10
# An unfinished handshake may cost so much; what OpenSSL would make room for by itself is four times that.
UNFINISHED_BYTES_MAX = 64 << 10


def openssl(gateway, *arguments, seconds=1.0, stdin=b""):
    """``openssl s_client`` against the gateway: what it says. It gets a second to do so."""
    process = subprocess.Popen(
        ["openssl", "s_client", "-connect", "127.0.0.1:%d" % gateway.port, "-CAfile", gateway.authority, *arguments],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    try:
        return process.communicate(stdin, timeout=seconds + 10)[0].decode("utf-8", "replace")
    except subprocess.TimeoutExpired:
        process.kill()
        return process.communicate()[0].decode("utf-8", "replace")


class Handshakes(unittest.TestCase):
    """Versions, groups, suites, ALPN, early data, resumption: of one gateway."""

    @classmethod
    def setUpClass(cls):
        cls.gateway = Gateway()
        cls.gateway.start()
        cls.token = cls.gateway.enroll()

    @classmethod
    def tearDownClass(cls):
        cls.gateway.__exit__()

    def assert_let_in(self, output):
        self.assertIn("Verify return code: 0 (ok)", output)
        self.assertIn("ALPN protocol: " + ALPN, output)
        self.assertIn("New, TLSv1.3", output)

    def assert_turned_away(self, output, alert):
        self.assertNotIn("ALPN protocol: " + ALPN, output)
        self.assertRegex(output, "alert " + alert)

    def test_only_tls_1_3_is_spoken(self):
        for version in ("-tls1", "-tls1_1", "-tls1_2"):
            # A security level of 0, or the client would not even try the old ones.
            output = openssl(self.gateway, version, "-alpn", ALPN, "-cipher", "ALL:@SECLEVEL=0")
            self.assert_turned_away(output, "protocol version")
        self.assert_let_in(openssl(self.gateway, "-alpn", ALPN))

    def test_groups_are_those_that_are_named(self):
        for group in ("X25519", "P-256", "P-384"):
            self.assert_let_in(openssl(self.gateway, "-alpn", ALPN, "-groups", group))
        for group in ("P-521", "X448", "ffdhe2048", "ffdhe3072", "ffdhe4096"):
            self.assert_turned_away(openssl(self.gateway, "-alpn", ALPN, "-groups", group), "handshake failure")

    def test_suites_are_those_that_are_named(self):
        for suite in ("TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256", "TLS_AES_128_GCM_SHA256"):
            output = openssl(self.gateway, "-alpn", ALPN, "-ciphersuites", suite)
            self.assert_let_in(output)
            self.assertIn(suite, output)
        for suite in ("TLS_AES_128_CCM_SHA256", "TLS_AES_128_CCM_8_SHA256"):
            output = openssl(self.gateway, "-alpn", ALPN, "-ciphersuites", suite)
            self.assert_turned_away(output, "handshake failure")

    def test_the_application_protocol_is_required(self):
        for wrong in ((), ("-alpn", "h2"), ("-alpn", "h2,http/1.1,tallygate/2,tallygate/11")):
            self.assert_turned_away(openssl(self.gateway, *wrong), "no application protocol")
        self.assert_let_in(openssl(self.gateway, "-alpn", "h2," + ALPN))

    def test_nothing_is_compressed_and_no_ticket_is_given(self):
        output = openssl(self.gateway, "-alpn", ALPN)
        self.assertIn("Compression: NONE", output)
        self.assertNotIn("New Session Ticket", output)
        self.assertIn("No client certificate CA names sent", output)

    def test_a_session_of_elsewhere_is_not_resumed_and_its_early_data_is_not_read(self):
        """The strongest ticket that a stranger could have: of a server with the gateway's own name and key."""
        folder = self.gateway.folder
        tls = os.path.join(self.gateway.data, "tls")
        port = free_port()
        server = subprocess.Popen(
            ["openssl", "s_server", "-accept", "127.0.0.1:%d" % port, "-cert", os.path.join(tls, "server.pem"), "-key",
             os.path.join(tls, "server-key.pem"), "-alpn", ALPN, "-early_data", "-quiet", "-tls1_3"],
            stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.addCleanup(finish, server)
        session, early = os.path.join(folder, "session"), os.path.join(folder, "early")
        with open(early, "wb") as file:
            file.write(b"early " * 100)
        wait_until(lambda: accepts(port))
        taker = subprocess.Popen(
            ["openssl", "s_client", "-connect", "127.0.0.1:%d" % port, "-alpn", ALPN, "-sess_out", session, "-ign_eof",
             "-CAfile", self.gateway.authority],
            stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.addCleanup(finish, taker)
        wait_until(lambda: os.path.exists(session) and os.path.getsize(session) > 0)
        finish(taker)
        before = self.gateway.metric("received_bytes_total")
        again = openssl(self.gateway, "-alpn", ALPN, "-sess_in", session)
        self.assert_let_in(again)
        self.assertNotIn("Reused", again)
        output = openssl(self.gateway, "-alpn", ALPN, "-sess_in", session, "-early_data", early)
        self.assertNotIn("Early data was accepted", output)
        self.assertNotIn("Reused", output)
        self.assertEqual(self.gateway.metric("received_bytes_total"), before)

    def test_no_session_outlives_its_revocation(self):
        token = self.gateway.enroll("revoked")
        context = self.gateway.context()
        with self.gateway.connect(context) as connection:
            self.assertEqual(self.gateway.greet(connection, token)["type"], WELCOME)
            session = connection.session
            started = time.monotonic()
            done = self.gateway.command("workstation", "revoke", "--tenant", "acme", "--workstation", "revoked")
            self.assertEqual(done.returncode, 0, done.stderr)
            end = read_frame(connection)
            self.assertEqual((end["type"], end["reason"]), (GOAWAY, 5))
            self.assertLess(time.monotonic() - started, 30)
        with self.gateway.connect(context, session=session) as connection:
            self.assertFalse(connection.session_reused)
            end = self.gateway.greet(connection, token)
            self.assertEqual((end["type"], end["reason"]), (GOAWAY, 5))
        with self.gateway.connect(context, session=session) as connection:
            # Whose session it was counts for nothing: without a HELLO nobody is anybody.
            connection.sendall(b"\x0a\x00\x00\x00\x07\x00" + bytes(8))
            end = read_frame(connection)
            self.assertEqual((end["type"], end["reason"]), (GOAWAY, 1))

    def test_new_keys_without_end_end_the_connection(self):
        program = peer.build(self.gateway.folder)
        if program is None:
            self.skipTest("there is no C compiler")
        arguments = [program, "update", "127.0.0.1", str(self.gateway.port), self.gateway.authority]
        some = subprocess.run([*arguments, "20"], capture_output=True, text=True, timeout=30)
        self.assertEqual(some.stdout, "alive\n", some.stderr)
        many = subprocess.run([*arguments, "100000"], capture_output=True, text=True, timeout=30)
        self.assertEqual(many.stdout, "ended\n", many.stderr)
        self.assertTrue(self.gateway.answers(self.token))


class Strangers(unittest.TestCase):
    def test_thousands_of_damaged_handshakes_change_nothing(self):
        seed = random.SystemRandom().getrandbits(32) if OPTIONS.seed is None else OPTIONS.seed
        print("seed %d, %d cases" % (seed, OPTIONS.cases))
        with Gateway() as gateway:
            token = gateway.enroll()
            self.assertTrue(gateway.answers(token))
            warm = OPTIONS.cases // 3
            started = time.monotonic()
            let_in = throw(gateway, seed, range(warm))
            self.settle(gateway)
            resident, descriptors = gateway.resident(), gateway.descriptors()
            let_in += throw(gateway, seed, range(warm, OPTIONS.cases))
            self.settle(gateway)
            seconds = time.monotonic() - started
            self.assertEqual(let_in, [], "seed %d" % seed)
            self.assertTrue(gateway.answers(token), "seed %d" % seed)
            self.assertLess(gateway.resident() - resident, 8 << 20, "seed %d" % seed)
            self.assertLessEqual(gateway.descriptors(), descriptors + 2)
            failed = gateway.metric("handshakes_failed_total")
            self.assertGreater(failed, OPTIONS.cases * 0.9)
            self.assertEqual(gateway.stop(), 0)
            self.judge_log(gateway.text(), failed, seconds)

    def settle(self, gateway):
        """Until all connections are gone; those that say too little are cut off after five seconds."""
        wait_until(lambda: gateway.metric("connections") == 0 and not connections_of(gateway.port), 20)

    def judge_log(self, text, failed, seconds):
        lines = len(re.findall(r"info handshake failed peer=", text))
        left_out = [int(count) for count in re.findall(r"info handshake failed: … and (\d+) more$", text, re.M)]
        intervals = int(seconds / INTERVAL) + 3
        self.assertLessEqual(lines, LINES_OF_STRANGERS * intervals)
        self.assertLessEqual(len(left_out), intervals)
        self.assertEqual(lines + sum(left_out), failed, "each is written or counted, once")

    def test_an_unfinished_handshake_costs_little(self):
        """Each in a gateway of its own, because freed memory would hide what the next one takes."""
        source = hellos.source(1)
        whole = hellos.client_hello(source)
        hello = hellos.record(hellos.HANDSHAKE, whole)
        asked_again = hellos.record(hellos.HANDSHAKE, hellos.client_hello(source, shares=()))
        states = [
            ("nothing said", [], False),
            ("one byte of a record", [hello[:1]], False),
            ("half a hello", [hello[: len(hello) // 2]], False),
            ("the hello, and no answer to the gateway's", [hello], False),
            ("asked to try another key, and silent", [asked_again], False),
            ("a hello of 128 KB claimed", [hellos.claiming()], True),
            ("the same in the second hello", [asked_again, hellos.claiming()], True),
        ]
        for name, pieces, is_refused in states:
            with self.subTest(name), Gateway() as gateway:
                # What the allocator keeps of hellos that are gone says little; what is held would grow with each wave.
                waves = [unfinished(gateway, pieces, is_refused) for _ in range(3 if is_refused else 1)]
                if OPTIONS.print:
                    print("%-45s %6d bytes%s" % (name, min(waves), ", refused" if is_refused else ""))
                self.assertLess(min(waves), UNFINISHED_BYTES_MAX, name)


class Keys(unittest.TestCase):
    """A gateway does not start with a private key that others may read."""

    def refusal(self, gateway, *more):
        gateway.spawn(*more)
        self.assertEqual(gateway.process.wait(20), 1)
        return gateway.text().rsplit("\n", 2)[-2]

    def test_own_keys_must_be_the_owners_alone(self):
        with Gateway() as gateway:
            gateway.stop()
            for name, mode in (("server-key.pem", 0o640), ("ca-key.pem", 0o604)):
                path = os.path.join(gateway.data, "tls", name)
                os.chmod(path, mode)
                words = self.refusal(gateway)
                self.assertIn("chmod 600 " + path, words)
                self.assertIn("mode %o" % mode, words)
                doctor = gateway.command("doctor")
                self.assertEqual(doctor.returncode, 1)
                self.assertRegex(doctor.stdout, "PROBLEM  private keys .*chmod 600")
                os.chmod(path, 0o600)
            os.rename(path, path + ".real")
            os.symlink(path + ".real", path)
            self.assertIn("symbolic link", self.refusal(gateway))
            os.unlink(path)
            os.rename(path + ".real", path)
            self.assertRegex(gateway.command("doctor").stdout, "ok       private keys")
            gateway.start()

    def test_an_operators_key_must_be_the_owners_alone_and_may_be_a_link(self):
        with Gateway() as gateway:
            gateway.stop()
            tls = os.path.join(gateway.data, "tls")
            key, link = os.path.join(gateway.folder, "own.pem"), os.path.join(gateway.folder, "link.pem")
            with open(os.path.join(tls, "server-key.pem"), "rb") as file, open(key, "wb") as copy:
                copy.write(file.read())
            os.symlink(key, link)
            more = ("--certificate", os.path.join(tls, "server.pem"), "--key", link)
            os.chmod(key, 0o644)
            words = self.refusal(gateway, *more)
            self.assertIn("chmod 600 " + link, words)
            self.assertNotIn("BEGIN", gateway.text())
            os.chmod(key, 0o400)
            os.unlink(gateway.log)
            gateway.spawn(*more)
            wait_until(lambda: "listening on" in gateway.text())


# ------------------------------------------------------------------------------------------------------- helpers


def finish(process):
    if process.stdin:
        process.stdin.close()
    process.kill()
    process.wait()


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return taken.getsockname()[1]


def accepts(port):
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
        return True
    except OSError:
        return False


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--cases", type=int, default=OPTIONS.cases)
    parser.add_argument("--seed", type=int)
    parser.add_argument("--print", action="store_true")
    rest = parser.parse_known_args(namespace=OPTIONS)[1]
    if not ssl.HAS_TLSv1_3:
        print("this Python has no TLS 1.3")
        return
    unittest.main(argv=[sys.argv[0], *rest])


if __name__ == "__main__":
    main()
