#!/usr/bin/env python3
"""The dissector against the reference: every frame of the vectors, each field of it, bodies, damage, and real TLS."""

import json
import os
import re
import subprocess
import sys
import tempfile
import time
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "reference"))
sys.path.insert(0, HERE)
from capture import Capture, Sessions, dissect, plain, tshark  # noqa: E402
from tallygate import batch, body, frames  # noqa: E402
from tallygate.schema import BY_ID, BY_NAME, SCHEMA  # noqa: E402

ROOT = os.path.join(HERE, "..", "..")
BINARIES = os.environ.get("TALLY_BINARIES", os.path.join(ROOT, ".build", "release"))


def vectors(name):
    with open(os.path.join(HERE, "..", "vectors", name + ".json"), encoding="utf-8") as f:
        return json.load(f)


def skip(reason):
    """Loudly: a test that was not run is not a test that passed."""
    print("SKIPPED: the Wireshark dissector, %s" % reason, file=sys.stderr)
    raise unittest.SkipTest(reason)


def flattened(frame):
    """(field's name as Wireshark has it, its value as the reference writes it), in order."""
    prefix = "tallygate." + frame["type"].lower() + "."

    def walk(fields, values, prefix):
        for field in fields:
            name, value = field["name"], values[field["name"]]
            if field["type"] in SCHEMA["composites"]:
                yield prefix + name, len(value), "u8"
                for item in value:
                    yield from walk(SCHEMA["composites"][field["type"]], item, prefix + name + ".")
            elif isinstance(value, list):
                yield prefix + name, len(value), "u8"
                inner = "session" if name == "sessions" else "id"
                for item in value:
                    yield prefix + name + "." + inner, item, "id16" if inner == "session" else "u16"
            else:
                yield prefix + name, value, field["type"]
    kind = frames.NAMES[frame["type"]]
    return walk(kind["fields"], {**{f["name"]: f.get("value") for f in kind["fields"]}, **frame}, prefix)


def as_shown(name, value, kind):
    """A value of the reference as tshark prints it."""
    if "chain" in name.rsplit(".", 1)[1] and kind == "u64":
        return "0x" + value
    if kind == "u128":
        return int(value).to_bytes(16, "little").hex()
    return str(value)


def shown_text(text, value, kind):
    """What tshark printed, with bytes as hexadecimal and flags as numbers."""
    if kind == "u128" or kind in ("bytes8", "bytes32", "id16", "bytes", "rest") and not text.isalnum():
        return text.replace(":", "")
    if text.startswith("0x") and isinstance(value, int):
        return str(int(text, 16))
    return text


class DissectorTests(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        if not tshark():
            skip("there is no tshark on this machine (apt-get install tshark)")
        cls.folder = tempfile.TemporaryDirectory(prefix="dissector-")

    @classmethod
    def tearDownClass(cls):
        if hasattr(cls, "folder"):
            cls.folder.cleanup()

    def file(self, name):
        return os.path.join(self.folder.name, name)

    def shown(self, *connections, **how):
        """What is shown of bytes to one side, without TLS; each argument is a connection's. One start of tshark."""
        capture = Capture()
        for number, data in enumerate(connections):
            if number:
                capture.connect()
            capture.send(data, **how)
        capture.write(self.file("plain.pcap"))
        return plain(self.file("plain.pcap"))

    def check(self, frame, shown):
        self.assertFalse(shown.is_wrong, frame)
        self.assertEqual(shown.show("tallygate.type"), [str(frames.NAMES[frame["type"]]["type"])])
        wanted, got, places = [], [], {}
        for name, value, kind in flattened(frame):
            self.assertIn(name, shown.fields, "%s of %s" % (name, frame["type"]))
            place = places[name] = places.get(name, -1) + 1
            text = shown.show(name)[place]
            wanted.append((name, as_shown(name, value, kind)))
            got.append((name, shown_text(text, value, kind)))
        self.assertEqual(got, wanted)

    def test_every_field_of_every_frame_of_the_vectors_is_named_and_right(self):
        cases = vectors("frames-valid")
        shown = self.shown(b"".join(bytes.fromhex(case["bytes"]) for case in cases))
        self.assertEqual(len(shown), len(cases))
        seen = set()
        for case, one in zip(cases, shown):
            self.check(case["frame"], one)
            seen.add(case["frame"]["type"])
        self.assertEqual(seen, set(frames.NAMES), "the vectors hold every frame")

    def test_flags_are_named(self):
        cases = [c for c in vectors("frames-valid") if c["frame"].get("flags")]
        self.assertTrue(cases)
        for case, one in zip(cases, self.shown(b"".join(bytes.fromhex(c["bytes"]) for c in cases))):
            name = frames.NAMES[case["frame"]["type"]]["flags"][0]["name"]
            field = "tallygate.%s.flags.%s" % (case["frame"]["type"].lower(), name)
            self.assertIn(one.show(field), (["1"], ["True"]))

    def test_reasons_and_columns_have_their_names(self):
        rejects = [{"type": "REJECT", "first": "1", "index": 0, "run": 1, "reason": reason["code"], "field": 133,
                    "reject_flags": int(reason["permanent"]), "retry_ms": 0} for reason in SCHEMA["reject_reasons"]]
        goaways = [{"type": "GOAWAY", "reason": reason["code"], "reconnect_ms": 0, "committed": "0"}
                   for reason in SCHEMA["goaway_reasons"]]
        shown = self.shown(b"".join(frames.encode(frame) for frame in rejects + goaways))
        for reason, one in zip(SCHEMA["reject_reasons"] + SCHEMA["goaway_reasons"], shown):
            self.assertIn(reason["name"], " ".join(one.words))
        for one in shown[:len(rejects)]:
            self.assertIn("tool_arguments (content)", " ".join(one.words))

    def test_frames_are_found_however_they_are_cut(self):
        cases = [c for c in vectors("frames-valid") if len(c["bytes"]) < 4_000]
        data = b"".join(bytes.fromhex(case["bytes"]) for case in cases)
        for segment in (1, 7, 100):
            shown = self.shown(data, segment=segment)
            self.assertEqual([s.show("tallygate.type") for s in shown],
                             [[str(frames.NAMES[c["frame"]["type"]]["type"])] for c in cases])

    def columns(self, one):
        return [int(number) for number in one.show("tallygate.column")]

    def test_every_column_of_every_valid_batch_is_named(self):
        compressed = 0
        cases = [c for c in vectors("batches-all") if c.get("accepted")]
        shown = self.shown(b"".join(bytes.fromhex(c["bytes"]) for c in cases))
        self.assertEqual(len(shown), len(cases))
        for case, one in zip(cases, shown):
            frame = frames.decode(bytes.fromhex(case["bytes"]))
            columns = batch.check(frame, int(case["chain_before"], 16))
            self.assertEqual(self.columns(one), sorted(columns), case["name"])
            compressed += frame.get("flags", 0) & 1
        self.assertTrue(compressed, "some are compressed")

    def test_values_of_columns_are_those_of_the_rows(self):
        cases = vectors("valid-columns") + vectors("valid-encodings") + vectors("valid-kinds")
        sent = [frames.encode(dict(batch.make(1, case["rows"], 0), body=case["raw"])) for case in cases]
        shown = self.shown(b"".join(sent))
        self.assertEqual(len(shown), len(cases))
        for case, one in zip(cases, shown):
            self.assertFalse(one.is_wrong, case["name"])
            names = [BY_ID[id].name for id in self.columns(one)]
            for name, text in zip(names, one.show("tallygate.column.values")):
                if BY_NAME[name].type != "residual" or len(case["rows"]) == 1:
                    self.assertEqual(text, self.values(BY_NAME[name], case["rows"]), "%s of %s" % (name, case["name"]))

    def values(self, column, rows):
        """The first values of a column as the script shows them; one for all where they are equal."""
        absent = column.names.get(0, "0") if column.type == "enum" else "0"
        if column.type in ("id16", "label", "nullable_count"):
            absent = "absent"
        values = [str(row.get(column.name, absent)) for row in rows]
        if len(set(values)) == 1:
            values = values[:1]
        return " ".join(values[:8]) + (" …" if len(values) > 8 else "")

    def test_content_is_pointed_at(self):
        rows = [{"time_ms": 5, "session": "11" * 16, "model": "acme-1"}]
        raw = body.encode(body.columns_of_rows(rows), 1) + body.head(body.CONSTANT, 133) + b"\5hello"
        frame = dict(batch.make(1, rows, 0), raw_bytes=len(raw), body=raw.hex())
        one = self.shown(frames.encode(frame))[0]
        self.assertTrue(one.has_content)
        self.assertIn("tool_arguments (content)", " ".join(one.words))

    def test_what_is_no_frame_is_shown_as_wrong_and_breaks_nothing(self):
        whole = []
        for case in vectors("frames-invalid"):
            data = bytes.fromhex(case["bytes"])
            length = int.from_bytes(data[:4], "little")
            # A frame that is announced and does not come is waited for.
            if not 2 <= length <= SCHEMA["limits"]["frame_bytes_max"] or length + 4 <= len(data):
                whole.append(data)
        self.assertGreater(len(whole), 30)
        self.assertTrue(self.shown(*whole))
        cut = [bytes([9, 0, 0, 0, 7, 0]) + bytes(7), bytes([11, 0, 0, 0, 7, 0]) + bytes(9), bytes([2, 0, 0, 0, 99, 0]),
               bytes([1, 0, 0, 0, 9, 0]), b"\xff" * 40]
        for one in self.shown(*cut):
            self.assertTrue(one.is_wrong, one.fields)

    def test_no_damaged_body_breaks_the_script(self):
        cases = vectors("invalid-lz4") + vectors("invalid-truncation") + vectors("invalid-heads")
        cases += vectors("invalid-dictionaries")
        sent = []
        for case in cases:
            data = case.get("lz4", case.get("raw"))
            rows = [{"time_ms": 5, "session": "11" * 16, "model": "acme-1"}]
            sent.append(frames.encode(dict(
                batch.make(1, rows, 0), body=data, count=case["count"], flags=int("lz4" in case),
                raw_bytes=case.get("raw_bytes", len(data) // 2))))
        self.assertEqual(len(self.shown(b"".join(sent))), len(cases))

    def session(self):
        """A story of the vectors: [(is it to the gateway, bytes, frame)]."""
        steps = next(story["steps"] for story in vectors("stories-all")
                     if any(step["frame"]["type"] == "BATCH" for step in story["steps"]))
        return [(s["from"] == "workstation", frames.encode(s["frame"]), s["frame"]) for s in steps
                if s["connection"] == steps[0]["connection"]]

    def test_a_session_under_tls_is_read_with_its_key_log_and_not_without(self):
        capture = Capture()
        session = Sessions(self.folder.name, capture)
        story = self.session()
        for is_up, data, _ in story:
            session.send(data, is_up)
        path = self.file("tls.pcap")
        capture.write(path)
        self.assertEqual(dissect(path), [], "without the keys nothing is seen")
        shown = dissect(path, "-o", "tls.keylog_file:" + session.key_log)
        self.assertEqual(len(shown), len(story))
        for (_, _, frame), one in zip(story, shown):
            self.check(frame, one)


class RealSessionTests(unittest.TestCase):
    """A gateway with `serve --tls-key-log`, captured on loopback."""

    def setUp(self):
        if not tshark():
            skip("there is no tshark on this machine (apt-get install tshark)")
        gateway = os.path.join(BINARIES, "tallygate")
        if not os.path.exists(gateway):
            skip("there is no %s (make release, or TALLY_BINARIES)" % gateway)
        words = subprocess.run([gateway, "serve", "--help"], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                               timeout=60, check=False).stdout
        if "--tls-key-log" not in words:
            skip("this tallygate has no serve --tls-key-log")
        self.folder = tempfile.TemporaryDirectory(prefix="dissector-")
        self.addCleanup(self.folder.cleanup)

    def path(self, name):
        return os.path.join(self.folder.name, name)

    def start(self, words, ready, log, **options):
        """Starts a program whose standard error says when it is ready; ended with the test."""
        with open(log, "wb") as errors:
            child = subprocess.Popen(
                words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=errors, **options)

        def end():
            if child.poll() is None:
                child.terminate()
            child.wait(30)
        self.addCleanup(end)
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            with open(log, encoding="utf-8", errors="replace") as f:
                text = f.read()
            found = re.search(ready, text, re.M)
            if found:
                return child, found
            if child.poll() is not None:
                break
            time.sleep(0.05)
        child.kill()
        skip("%s does not start: %s" % (os.path.basename(words[0]), text.strip()[-300:]))

    def test_a_real_session_is_named_frame_by_frame(self):
        data, keys, pcap = self.path("gateway"), self.path("keys.log"), self.path("real.pcap")
        env = dict(os.environ, TALLYGATE_DATA=data, TALLY_HOME=self.path("tally"), HOME=self.folder.name)
        _, found = self.start(
            [os.path.join(BINARIES, "tallygate"), "serve", "--listen", "127.0.0.1:0", "--tls-key-log", keys],
            r"^listening on \S+:(\d+)$", self.path("gateway.log"), env=env)
        port = found[1]
        sniffer, _ = self.start([tshark(), "-i", "lo", "-f", "tcp port " + port, "-w", pcap, "-a", "duration:60"],
                                r"[Cc]aptur", self.path("tshark.log"))
        run = lambda program, *words, **more: subprocess.run(
            [os.path.join(BINARIES, program), *words], env=env, capture_output=True, timeout=60, check=True, **more)
        run("tallygate", "tenant", "create", "demo")
        line = run("tallygate", "enroll", "--tenant", "demo", "--workstation", "laptop").stdout.decode().split()
        run("tally", *line[1:], stdin=subprocess.DEVNULL)
        event = {"time_ms": int(time.time() * 1000), "session": "s", "agent": "other", "model": "acme-1"}
        run("tally", "send", input=json.dumps(event).encode() + b"\n")
        time.sleep(1)
        sniffer.terminate()
        sniffer.wait(30)
        shown = dissect(pcap, "-o", "tls.keylog_file:" + keys, "-d", "tcp.port==%s,tls" % port)
        names = [frames.TYPES[int(one.show("tallygate.type")[0])]["name"] for one in shown]
        for wanted in ("HELLO", "WELCOME", "BATCH", "ACK"):
            self.assertIn(wanted, names)
        sent = shown[names.index("BATCH")]
        self.assertIn("acme-1", sent.show("tallygate.column.values"))
        self.assertFalse(any(one.is_wrong for one in shown))


if __name__ == "__main__":
    unittest.main()
