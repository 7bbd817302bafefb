"""The model of the disk, checked by hand-made logs; and the library, by a small program that must fail as it was told.
Begun by `make test`."""

import json
import os
import random
import struct
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import powerloss_log as log
from powerloss_disk import SECTOR, Disk, ModelError, snapshot
from powerloss_programs import Control, NoCompiler, build_shim

TRIES = 300


class Story:
    """Makes records as the library would."""

    def __init__(self) -> None:
        self.disk = Disk()
        self.order = self.tickets = 0
        self.disk.nodes[1] = self.disk.root

    def say(self, kind: int, file: int = 0, a: int = 0, b: int = 0, name: str = "", data: bytes = b"", flags: int = 0):
        self.order += 1
        self.disk.take(log.Record(kind, flags, self.order, self.order, file, a, b, name, data))

    def make(self, file: int, name: str) -> None:
        self.say(log.OPEN, file, 1, name=name)

    def write(self, file: int, offset: int, data: bytes) -> None:
        self.say(log.WRITE, file, offset, len(data), data=data)

    def begin(self, file: int, kind: int = log.DATA) -> int:
        self.tickets += 1
        self.say(log.SYNC_BEGINS, file, kind, self.tickets)
        return self.tickets

    def end(self, file: int, ticket: int, kind: int = log.DATA, failed: bool = False) -> None:
        self.say(log.SYNC_ENDED, file, kind, ticket, flags=1 if failed else 0)

    def sync(self, file: int, kind: int = log.DATA, failed: bool = False) -> None:
        self.end(file, self.begin(file, kind), kind, failed)

    def images(self) -> list:
        return [self.disk.after_power_loss(random.Random(seed)) for seed in range(TRIES)]


class DiskTests(unittest.TestCase):
    def test_what_was_synced_stays_and_its_name_only_with_its_folder(self) -> None:
        story = Story()
        story.make(2, "a")
        story.write(2, 0, b"x" * 1000)
        story.sync(2)
        self.assertTrue(any("a" not in image for image in story.images()))
        story.sync(1, log.FILE)
        self.assertEqual({image["a"] for image in story.images()}, {b"x" * 1000})

    def test_a_write_after_a_sync_began_is_not_covered_by_it(self) -> None:
        story = Story()
        story.make(2, "a")
        story.sync(0, log.FILE_SYSTEM)
        ticket = story.begin(0, log.FILE_SYSTEM)
        story.write(2, 0, b"late")
        story.end(0, ticket, log.FILE_SYSTEM)
        self.assertTrue({image["a"] for image in story.images()} >= {b"", b"late"})
        story.sync(0, log.FILE_SYSTEM)
        self.assertEqual({image["a"] for image in story.images()}, {b"late"})

    def test_unsynced_sectors_are_torn_lost_and_kept_out_of_order(self) -> None:
        story = Story()
        story.make(2, "a")
        story.write(2, 0, b"o" * 3 * SECTOR)
        story.sync(0, log.FILE_SYSTEM)
        story.write(2, 0, b"n" * 3 * SECTOR)
        patterns = {"".join(chr(image["a"][index * SECTOR]) for index in range(3)) for image in story.images()}
        self.assertEqual(len(patterns), 8)
        for image in story.images():
            self.assertTrue(all(len(set(image["a"][i * SECTOR:(i + 1) * SECTOR])) == 1 for i in range(3)))

    def test_a_sector_holds_no_later_write_without_the_earlier_ones(self) -> None:
        story = Story()
        story.make(2, "a")
        story.sync(0, log.FILE_SYSTEM)
        for index in range(4):
            story.write(2, index, bytes([index + 1]))
        for image in story.images():
            self.assertIn(image["a"].rstrip(b"\0"), (b"\1\2\3\4"[:count] for count in range(5)))

    def test_a_name_takes_over_in_one_step_and_an_unlinked_file_may_come_back(self) -> None:
        story = Story()
        for file, name, content in ((2, "a", b"old"), (3, "b", b"new")):
            story.make(file, name)
            story.write(file, 0, content)
        story.sync(0, log.FILE_SYSTEM)
        story.say(log.RENAME, 3, 1, name="b", data=b"a")
        seen = {tuple(sorted(image.items())) for image in story.images()}
        self.assertEqual(seen, {(("a", b"old"), ("b", b"new")), (("a", b"new"),)})
        story.sync(1, log.FILE)
        story.say(log.UNLINK, 3, name="a")
        self.assertEqual({tuple(image) for image in story.images()}, {(), ("a",)})

    def test_after_a_failed_sync_the_next_one_saves_nothing(self) -> None:
        lost = 0
        for turn in range(40):
            story = Story()
            story.make(2, "a")
            story.sync(0, log.FILE_SYSTEM)
            story.order += turn
            story.disk.now += turn
            story.write(2, 0, b"x" * SECTOR)
            story.sync(2, failed=True)
            story.sync(2)
            contents = {image["a"] for image in story.images()}
            self.assertEqual(len(contents), 1)
            lost += b"x" * SECTOR not in contents
        self.assertGreater(lost, 5)

    def test_what_is_not_modelled_is_said(self) -> None:
        with self.assertRaises(ModelError):
            Story().say(log.UNMODELLED, name="sendfile")


PROGRAM = """
import os, sys, time
folder = sys.argv[1]
os.mkdir(folder + "/sub")
at = os.open(folder + "/sub", os.O_RDONLY)
file = os.open("one", os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600, dir_fd=at)
os.write(file, b"hello ")
os.write(file, b"world")
os.pwrite(file, bytes(5000), 4096)
os.pwritev(file, [b"ab", b"cd"], 100)
os.ftruncate(file, 6000)
os.fdatasync(file)
os.rename("one", "two", src_dir_fd=at, dst_dir_fd=at)
os.fsync(at)
copy = os.dup(file)
os.close(file)
os.pwrite(copy, b"unsynced", 0)
open(folder + "/gone", "w").close()
os.unlink(folder + "/gone")
print(time.time())
"""


class ShimTests(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        cls.scratch = tempfile.TemporaryDirectory(prefix="tally-shim-")
        try:
            cls.shim = build_shim(os.path.join(cls.scratch.name, "shim.so"))
        except NoCompiler as error:
            print(f"\nSKIPPED, the preload library was not tried: {error}", file=sys.stderr)
            raise unittest.SkipTest(str(error)) from error

    @classmethod
    def tearDownClass(cls) -> None:
        cls.scratch.cleanup()

    def setUp(self) -> None:
        self.folder = tempfile.mkdtemp(dir=self.scratch.name)
        self.log = self.folder + ".log"

    def run_python(self, text: str, **more: str):
        environment = {"PATH": os.environ["PATH"], "LD_PRELOAD": self.shim, "TORTURE_FOLDER": self.folder,
                       "TORTURE_LOG": self.log, **more}
        return subprocess.run([sys.executable, "-c", text, self.folder], env=environment, capture_output=True,
                              text=True, timeout=60)

    def test_the_log_tells_what_the_folder_holds(self) -> None:
        disk = Disk.of(snapshot(self.folder))
        self.assertEqual(self.run_python(PROGRAM).returncode, 0)
        for record in log.read(self.log):
            disk.take(record)
        found = {path: content for path, (_, content) in snapshot(self.folder).items()}
        self.assertEqual(disk.as_it_stands(), found)
        self.assertEqual(found["sub/two"][:11], b"unsyncedrld")
        images = [disk.after_power_loss(random.Random(seed)) for seed in range(TRIES)]
        # The folder `sub` itself was never made durable in its parent.
        self.assertTrue(any("sub/two" not in image for image in images))
        kept = {image["sub/two"][:11] for image in images if "sub/two" in image}
        self.assertEqual(kept, {b"hello world", b"unsyncedrld"})

    def test_faults_come_as_they_were_ordered(self) -> None:
        text = """
import json, os, sys
file = os.open(sys.argv[1] + "/f", os.O_RDWR | os.O_CREAT)
counts = {}
for turn in range(2000):
    try:
        moved = os.pwrite(file, b"0123456789", 0 if turn % 2 else turn * 10)
        what = "whole" if moved == 10 else "short"
    except OSError as error:
        what = str(error.errno)
    counts[what] = counts.get(what, 0) + 1
try:
    os.fdatasync(file); print("synced")
except OSError as error:
    print("sync", error.errno)
print(json.dumps(counts))
"""
        outcome = self.run_python(text, TORTURE_FAULTS="seed=3,after=5,short=0.05,eio=0.05,enospc=0.05,sync=1")
        self.assertEqual(outcome.returncode, 0, outcome.stderr)
        first, second = outcome.stdout.splitlines()
        self.assertEqual(first, "sync 5")
        counts = json.loads(second)
        self.assertEqual(set(counts), {"whole", "short", "5", "28"})
        self.assertTrue(all(20 < counts[what] < 200 for what in ("short", "5", "28")), counts)
        logged = [record for record in log.read(self.log) if record.kind == log.FAULT]
        self.assertEqual(len(logged), counts["short"] + counts["5"] + counts["28"] + 1)

    def test_the_switches_work_while_the_program_runs(self) -> None:
        control = Control(self.folder + ".control")
        control.set(clock_offset_ns=-365 * 86_400 * 10**9, switches=Control.FULL | Control.SYNC)
        text = """
import os, sys, time
print(time.time())
file = None
try:
    file = os.open(sys.argv[1] + "/f", os.O_RDWR | os.O_CREAT)
except OSError as error:
    print(error.errno)
print(os.path.exists(sys.argv[1] + "/f"))
"""
        before = os.stat(control.path).st_mtime
        lines = self.run_python(text, TORTURE_CONTROL=control.path).stdout.splitlines()
        self.assertAlmostEqual(float(lines[0]), before - 365 * 86_400, delta=120)
        self.assertEqual(lines[1:], ["28", "False"])

    def test_settings_that_make_no_sense_end_the_process(self) -> None:
        for setting in ("eio=2", "eio", "nothing=1", "eio=x"):
            self.assertEqual(self.run_python("", TORTURE_FAULTS=setting).returncode, 86, setting)

    def test_a_torn_end_of_a_log_is_passed_over_and_a_hole_is_not(self) -> None:
        self.run_python(PROGRAM)
        with open(self.log, "rb") as file:
            text = file.read()
        whole = list(log.read(self.log))
        with open(self.log, "wb") as file:
            file.write(text[:-3])
        self.assertEqual(list(log.read(self.log)), whole[:-1])
        length, = struct.unpack_from("<I", text)
        with open(self.log, "wb") as file:
            file.write(text[length:])
        with self.assertRaises(ValueError):
            list(log.read(self.log))


if __name__ == "__main__":
    unittest.main()
