"""The proof itself: that its search finds what it says, in every place and form, and its judge can say no. Quick;
needs no built program."""

import base64
import hashlib
import os
import random
import re
import subprocess
import sys
import tempfile
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import memory  # noqa: E402
import relay  # noqa: E402
from canaries import PIECE_BYTES, SECRET_BYTES, Vault  # noqa: E402
from homes import Homes  # noqa: E402
from hostile import Hostile  # noqa: E402
from places import Places  # noqa: E402
from plants import PLANTS  # noqa: E402
from search import CHUNK_BYTES, HITS_MAX, Searcher, xxh3_64  # noqa: E402
from selftest import failed_places  # noqa: E402
from tallygate import batch, chain, frames  # noqa: E402

FORMS = {
    "plain": lambda text: text, "lower case": lambda text: text.lower(), "upper case": lambda text: text.upper(),
    "hex": lambda text: text.hex().encode(), "hex in capitals": lambda text: text.hex().upper().encode(),
    "base64": base64.b64encode, "base64 for URLs": base64.urlsafe_b64encode,
    "base64 of a text around it": lambda text: base64.b64encode(b"a" + text + b"zz"),
    "base64 of another": lambda text: base64.b64encode(b"ab" + text),
    "percent": lambda text: "".join("%%%02X" % b for b in text).encode(),
    "percent in small letters": lambda text: "".join("%%%02x" % b for b in text).encode(),
    "json": lambda text: "".join("\\u%04x" % b for b in text).encode(),
    "utf-16, little end first": lambda text: text.decode().encode("utf-16-le"),
    "utf-16, big end first": lambda text: text.decode().encode("utf-16-be"),
    "utf-32": lambda text: text.decode().encode("utf-32-le"),
    "decimal": lambda text: str(list(text)).encode(), "reversed": lambda text: text[::-1],
    "words of the other byte order": lambda text: b"".join(text[at:at + 8][::-1] for at in range(0, len(text), 8))}


class VaultTests(unittest.TestCase):
    def test_a_seed_gives_the_same_secrets_again_and_another_gives_others(self):
        names = ["a", "b", "a"]
        one, same, other = ([vault.new(name) for name in names] for vault in (Vault("1"), Vault("1"), Vault("2")))
        self.assertEqual(one, same)
        self.assertFalse(set(one) & set(other))

    def test_secrets_have_32_bytes_and_share_no_block(self):
        vault = Vault("3")
        for _ in range(2_000):
            self.assertEqual(len(vault.new("x").encode()), SECRET_BYTES)
        blocks = [block.lower() for block, _ in vault.blocks()]
        self.assertEqual(len(set(blocks)), len(blocks))
        self.assertEqual(len(vault.secrets), 2_000)


class SearchTests(unittest.TestCase):
    def setUp(self):
        self.vault = Vault("4")
        self.texts = [self.vault.new("secret %d" % n).encode() for n in range(50)]
        self.searcher = Searcher(self.vault)

    def names(self, data):
        return {hit.name for hit in self.searcher.search(data, "here")}

    def test_every_form_of_a_secret_is_found_and_named(self):
        noise = random.Random(5).randbytes(3_000)
        for name, write in FORMS.items():
            for number in (0, 7, 49):
                data = noise + write(self.texts[number]) + noise
                self.assertEqual(self.names(data), {"secret %d" % number}, name)

    def test_a_piece_of_15_bytes_is_found_wherever_it_was_cut(self):
        text = self.texts[3]
        for at in range(SECRET_BYTES - PIECE_BYTES + 1):
            piece = b"\0" * 16 + text[at:at + PIECE_BYTES] + b"\xff" * 16
            self.assertEqual(self.names(piece), {"secret 3"}, at)

    def test_a_piece_of_14_bytes_is_none(self):
        text = self.texts[3]
        for at in range(0, SECRET_BYTES - PIECE_BYTES + 2):
            self.assertEqual(self.names(b"\0" * 16 + text[at:at + PIECE_BYTES - 1] + b"\xff" * 16), set(), at)

    def test_a_piece_of_16_bytes_is_found_in_every_form(self):
        for name, write in FORMS.items():
            for at in (0, 5, 8, 16):
                data = b"\xff" * 70 + write(self.texts[7][at:at + 16]) + b"\xff" * 70
                is_found = self.names(data) == {"secret 7"}
                # Where two words meet at another place, none is whole.
                self.assertTrue(is_found or "words" in name and at % 8, "%s from %d" % (name, at))

    def test_what_is_no_secret_is_not_found(self):
        self.assertEqual(self.names(random.Random(6).randbytes(1 << 20)), set())
        self.assertEqual(self.names(self.vault.mark.encode() * 1_000), set())
        self.assertEqual(self.names(Vault("other").new("secret 0").encode()), set())
        with open(__file__, "rb") as f:
            self.assertEqual(self.names(f.read()), set())

    def test_nothing_hides_where_two_chunks_meet(self):
        text = FORMS["json"](self.texts[9])
        for before in range(CHUNK_BYTES - 200, CHUNK_BYTES + 10, 35):
            with tempfile.TemporaryFile() as f:
                f.seek(before)
                f.write(text)
                f.flush()
                hits = self.searcher.chunks(lambda at, count: os.pread(f.fileno(), count, at), "file")
            self.assertEqual({hit.name for hit in hits}, {"secret 9"}, before)
            self.assertLessEqual(before, hits[0].offset)

    def test_hashes_without_a_key_are_found(self):
        text = self.texts[2]
        for digest in (hashlib.sha256(text).digest(), hashlib.md5(text).digest(), hashlib.sha1(text).digest(),
                       xxh3_64(text).to_bytes(8, "little")):
            for data in (digest, digest.hex().encode(), digest.hex().upper().encode()):
                hits = self.searcher.digests(b"noise" + data + b"noise", "wire")
                self.assertEqual({hit.name for hit in hits}, {"secret 2"})
        self.assertEqual(self.searcher.digests(random.Random(7).randbytes(5_000), "wire"), [])

    def test_a_place_full_of_secrets_is_told_in_few_words(self):
        self.assertEqual(len(self.searcher.search(b" ".join(self.texts) * 3, "here")), HITS_MAX)


class MemoryTests(unittest.TestCase):
    def hold(self, code, *words):
        """A child that holds what `code` makes, until it is ended."""
        code += "\nimport sys\nprint('up', flush=True)\nsys.stdin.readline()"
        child = subprocess.Popen([sys.executable, "-c", code, *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.addCleanup(lambda: (child.stdin.close(), child.stdout.close(), child.wait(10)))
        self.assertEqual(child.stdout.readline(), b"up\n")
        return child

    def test_a_secret_in_a_process_is_found_and_the_process_goes_on(self):
        vault = Vault("8")
        text = vault.new("held")
        # Handed over in two halves and backwards, so that it stands in memory by the child's doing alone.
        child = self.hold("import sys\nheld = bytearray((sys.argv[1] + sys.argv[2])[::-1].encode()) * 3",
                          text[::-1][:5], text[::-1][5:])
        hits, size = memory.search_process(Searcher(vault), child.pid, "child")
        self.assertIn("plain", {hit.form for hit in hits})
        self.assertGreater(size, 1 << 20)
        child.stdin.write(b"\n")
        child.stdin.flush()
        self.assertEqual(child.wait(10), 0)

    def test_a_process_without_one_has_none(self):
        vault = Vault("9")
        vault.new("not held")
        self.assertEqual(memory.search_process(Searcher(vault), self.hold("pass").pid, "child")[0], [])


class HomesTests(unittest.TestCase):
    def test_every_secret_that_was_drawn_stands_in_the_homes_where_a_parser_meets_it(self):
        with tempfile.TemporaryDirectory() as root:
            vault = Vault("10")
            homes = Homes(vault, root, "control-model", is_quick=True)
            homes.build()
            standing = [homes.sent(), repr(homes.environment()).encode()]
            for path, data in homes.later:
                standing.append(data)
            for base, folders, names in os.walk(homes.home):
                standing += [os.fsencode(os.path.join(base, name)) for name in folders + names]
                for name in names:
                    with open(os.path.join(base, name), "rb") as f:
                        standing.append(f.read())
            whole = b"\n".join(standing)
            absent = [name for name, text in vault.secrets.items() if text.encode() not in whole]
            self.assertEqual(absent, [])
            self.assertGreater(len(vault.secrets), 5_000)
            self.assertGreater(homes.calls + homes.later_calls, 100)

    def test_a_hostile_client_tries_every_column_of_content(self):
        with open(os.path.join(HERE, "hostile.py"), encoding="utf-8") as f:
            self.assertIn("list(CONTENT_IDS)", f.read())
        attempts = []
        client = Hostile(Vault("11"), None, b"")
        client.refuse = lambda name, tries: attempts.extend(tries)
        client.bodies()
        self.assertGreaterEqual(sum(reason == "CONTENT_FIELD" for _, reason in attempts), 2 * 64)


class RelayTests(unittest.TestCase):
    def test_compressed_bodies_are_opened(self):
        rows = [{"time_ms": 5 + n, "session": "11" * 16, "model": "acme-1"} for n in range(40)]
        made = batch.make(1, rows, chain.zero(bytes(16)), compressed=True)
        ping = frames.encode({"type": "PING", "opaque": "00" * 8})
        data = ping + frames.encode(made) + ping + b"half"
        self.assertEqual(len(list(relay.split(data))), 3)
        self.assertEqual([len(body) for body in relay.bodies(data)], [made["raw_bytes"]])


class JudgeTests(unittest.TestCase):
    def setUp(self):
        self.secrets, self.controls, self.said = Vault("12"), Vault("13"), []
        self.secret, self.control = self.secrets.new("secret").encode(), self.controls.new("control").encode()
        self.places = Places(self.secrets, self.controls, lambda text="": self.said.append(text))

    def test_a_place_is_clean_with_its_control_and_without_a_secret(self):
        self.places.texts("here", [("a text", b"x" + self.control)], ("control",))
        self.assertTrue(self.places.is_clean)

    def test_a_secret_fails_by_the_name_of_its_place(self):
        self.places.texts("here", [("a text", self.control)], ("control",))
        self.places.texts("there", [("a text", self.control + self.secret)], ("control",))
        self.places.show(1, 1, 1, 0)
        self.assertFalse(self.places.is_clean)
        self.assertEqual(failed_places("\n".join(self.said).replace("LEAK: ", "LEAK: planted leak ")), {"there"})

    def test_a_search_that_does_not_find_its_control_fails(self):
        self.places.texts("here", [("a text", b"nothing")], ("control",))
        self.assertFalse(self.places.is_clean)

    def test_a_place_with_nothing_to_search_fails(self):
        self.places.texts("here", [], ())
        self.assertFalse(self.places.is_clean)
        self.places.places.clear()
        self.assertFalse(self.places.is_clean, "nor is a run that searched nowhere clean")

    def test_a_missing_core_fails(self):
        self.places.core("core", None, "no core", ())
        self.assertFalse(self.places.is_clean)

    def test_names_of_files_are_searched(self):
        with tempfile.TemporaryDirectory() as folder:
            open(os.path.join(folder, "a-" + self.secret.decode()), "w").close()
            self.places.folder("here", folder, ())
        self.assertEqual([hit.name for hit in self.places.places[0].leaks], ["secret"])

    def test_each_place_has_a_planted_leak(self):
        with open(os.path.join(HERE, "run.py"), encoding="utf-8") as f:
            searched = set(re.findall(r"places\.[a-z]+\(\s*\"([a-z-]+)\"", f.read()))
        self.assertGreater(len(searched), 8)
        self.assertEqual(searched, {plant.place for plant in PLANTS.values()})


if __name__ == "__main__":
    unittest.main()
