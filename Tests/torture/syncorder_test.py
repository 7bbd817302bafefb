"""The order of syncs, seen from outside: real programs under the preload library (shim/shim.c), judged by their system
calls. Begun by `make test`."""

import os
import shutil
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import powerloss_log as log
from powerloss_disk import Disk, snapshot
from powerloss_programs import Control, NoCompiler, Rig, build_shim
from syncorder import ADOPT, BATCH, HELLO, Judge

# A round of at most three is made durable one by one; behind the first such round there are enough for one syncfs.
TENANTS = 10
# File systems whose syncfs flushes the drive, by their magic numbers: ext4 and btrfs.
FLUSHING = ("ef53", "9123683e")


class Run:
    """A gateway from its first start on, and its workstations, which sync, follow, and sync again twice, with a kill
    of the gateway before the last two. All of it under the library. They follow before the kill, because behind one the
    gateway makes nothing durable by a syncfs for a while."""

    def __init__(self, rig: Rig, extra: dict, tenants: int = TENANTS) -> None:
        self.rig, self.extra, self.tenants = rig, extra, tenants
        self.data = rig.path("gateway")
        os.makedirs(self.data)
        self.gateway_first = snapshot(self.data)
        self.control = Control(rig.path("control"))
        self.gateway_logs = [rig.path("gateway-1.log"), rig.path("gateway-2.log")]
        gateway = self.serve(0, 0)
        self.workstations = [rig.workstation(f"w{number}") for number in range(tenants)]
        for number, workstation in enumerate(self.workstations):
            workstation.generate(seed=number + 1, calls=200)
            rig.must("tallygate", "tenant", "create", f"t{number}", more={"TALLYGATE_DATA": self.data})
            workstation.connect(self.data, f"t{number}", "laptop")
        self.home_firsts = [snapshot(workstation.home) for workstation in self.workstations]
        self.home_logs: list = [[] for _ in self.workstations]
        self.ends: list = []
        self.sync()
        for number, workstation in enumerate(self.workstations):
            workstation.transcripts += "-more"
            workstation.generate(seed=number + 201, calls=60)
            workstation.transcripts = workstation.transcripts.removesuffix("-more")
        self.follow()
        # Until nothing is written any more, so that no call is done and not yet in the log.
        self.quiet(self.gateway_logs[0])
        gateway.program.kill()
        for number, workstation in enumerate(self.workstations):
            workstation.transcripts += "-later"
            workstation.generate(seed=number + 101, calls=200)
        gateway = self.serve(1, gateway.port)
        self.sync()
        self.sync()
        self.statuses = [workstation.status() for workstation in self.workstations]
        self.stop = gateway.program.stop()

    def serve(self, number: int, port: int):
        extra = {"TORTURE_CONTROL": self.control.path, **self.extra}
        return self.rig.serve(self.data, port, log=self.gateway_logs[number], extra=extra).wait()

    def sync(self) -> None:
        self.ends += [program.process.wait(60) for program in self.start("sync")]

    def start(self, command: str) -> list:
        running = []
        for workstation, logs in zip(self.workstations, self.home_logs):
            logs.append(f"{workstation.home}-{len(logs)}.log")
            running.append(workstation.start(command, log=logs[-1], extra=self.extra))
        return running

    def follow(self) -> None:
        """All workstations follow, connected and idle. The first has something to send and the gateway's sync of it is
        held until all others have spoken too: a batch, or a question about their sessions that waits for the sync as
        well. Then syncs are slow, so that during the first of them the batches of all others come."""
        heard = self.heard(HELLO)
        running = self.start("run")
        self.wait_for(heard + self.tenants, HELLO)
        self.control.set(switches=Control.HOLD)
        heard = self.heard(BATCH)
        self.lay(0)
        self.wait_for(heard + 1, BATCH)
        heard = self.heard(ADOPT, BATCH)
        for number in range(1, self.tenants):
            self.lay(number)
        self.wait_for(heard + self.tenants - 1, ADOPT, BATCH)
        self.control.set(sync_delay_ms=300)
        # The ACKs of these are judged too.
        self.quiet(self.gateway_logs[0])
        self.control.set()
        self.ends += [program.stop() for program in running]

    def lay(self, number: int) -> None:
        workstation = self.workstations[number]
        shutil.copytree(workstation.transcripts + "-more", workstation.transcripts, dirs_exist_ok=True)

    def wait_for(self, count: int, *kinds: int) -> None:
        """Until the first gateway has received so many frames of these kinds, 20 s at most."""
        deadline = time.monotonic() + 20
        while self.heard(*kinds) < count and time.monotonic() < deadline:
            time.sleep(0.05)

    def heard(self, *kinds: int) -> int:
        channels: dict = {}
        count = 0
        for record in log.read(self.gateway_logs[0]):
            if record.kind == log.CHANNEL_ENDS:
                channels.pop(record.file, None)
            elif record.kind == log.RECEIVED:
                frames = channels.setdefault(record.file, log.Plaintext()).frames(record.data)
                count += sum(1 for kind, _ in frames if kind in kinds)
        return count

    def quiet(self, file: str) -> None:
        """Until the log's program does nothing more."""
        size, deadline = -1, time.monotonic() + 20
        while size != os.stat(file).st_size and time.monotonic() < deadline:
            size = os.stat(file).st_size
            time.sleep(0.5)

    @property
    def may_use_syncfs(self) -> bool:
        outcome = subprocess.run(["stat", "-f", "-c", "%t", self.data], capture_output=True, text=True, timeout=10)
        return outcome.stdout.strip() in FLUSHING

    def judge_gateway(self, change=None) -> Judge:
        """Each time anew."""
        judge = Judge(Disk.of(self.gateway_first))
        for file in self.gateway_logs:
            judge.run(changed(file, change))
        return judge

    def judge_homes(self, change=None) -> list:
        judges = [Judge(Disk.of(first), is_workstation=True) for first in self.home_firsts]
        for judge, files in zip(judges, self.home_logs):
            for file in files:
                judge.run(changed(file, change))
        return judges


def changed(file: str, change) -> list:
    records = list(log.read(file))
    return change(records) if change else records


def without_ends(records: list) -> list:
    return [record for record in records if record.kind != log.SYNC_ENDED]


def without_names(records: list) -> list:
    """No folder was synced, and no file system."""
    tickets, kept = set(), []
    folders = {record.file for record in records
               if record.kind == log.MAKEDIR or record.kind == log.OPEN and record.a & 4}
    for record in records:
        if record.kind == log.SYNC_BEGINS and (record.a == log.FILE_SYSTEM or record.file in folders):
            tickets.add(record.b)
        if record.kind in (log.SYNC_BEGINS, log.SYNC_ENDED) and record.b in tickets:
            continue
        kept.append(record)
    return kept


def begun_early(records: list) -> list:
    """Every sync begins before anything was written."""
    begins = [record for record in records if record.kind == log.SYNC_BEGINS]
    return records[:1] + begins + [record for record in records[1:] if record.kind != log.SYNC_BEGINS]


class SyncOrderTests(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        try:
            cls.shim = build_shim(os.path.join(tempfile.gettempdir(), f"tally-shim-{os.getpid()}.so"))
        except NoCompiler as error:
            print(f"\nSKIPPED, the order of syncs was not judged: {error}", file=sys.stderr)
            raise unittest.SkipTest(str(error)) from error

    @classmethod
    def tearDownClass(cls) -> None:
        os.unlink(cls.shim)

    def test_before_every_ack_a_sync_begun_after_the_last_write_has_ended(self) -> None:
        with Rig(self.shim) as rig:
            run = Run(rig, {})
            self.assertEqual(run.ends, [0] * 4 * TENANTS)
            self.assertEqual(run.stop, 0)
            self.check_gateway(run)
            self.check_homes(run)
            for change in (without_ends, without_names, begun_early):
                self.assertNotEqual(run.judge_gateway(change).problems, [], change.__name__)
            for change in (without_ends, begun_early):
                for home in run.judge_homes(change):
                    self.assertNotEqual(home.problems, [], change.__name__)

    def check_gateway(self, run: Run) -> None:
        judge = run.judge_gateway()
        self.assertEqual(judge.problems, [])
        self.assertGreaterEqual(judge.judged["WELCOME"], 2 * TENANTS)
        self.assertGreaterEqual(judge.judged["ACK"], 2 * TENANTS)
        # Both ways of making a group durable were seen.
        self.assertGreater(judge.covered_by.get("file", 0), 0)
        if run.may_use_syncfs:
            self.assertGreater(judge.covered_by.get("file system", 0), 0)
        else:
            print("\nNOT JUDGED: syncfs, which the gateway does not use on this file system", file=sys.stderr)
        self.durable = judge.durable

    def check_homes(self, run: Run) -> None:
        for status, home in zip(run.statuses, run.judge_homes()):
            self.assertEqual(home.problems, [])
            self.assertGreaterEqual(home.judged["BATCH"], 2)
            # `tally sync` ended with 0: the gateway had said that it holds every spooled event.
            (stream, heard), = home.heard.items()
            self.assertGreater(heard, 400)
            self.assertEqual(heard, status["spooled"])
            self.assertEqual(heard, home.durable[stream])
            self.assertEqual(heard, self.durable[stream])

    def test_a_program_whose_syncs_do_nothing_is_found_out(self) -> None:
        with Rig(self.shim) as rig:
            run = Run(rig, {"TORTURE_IGNORE_SYNCS": "1"}, tenants=2)
            self.assertEqual(run.ends, [0] * 8)
            judge = run.judge_gateway()
            self.assertGreaterEqual(len(judge.problems), 4)
            for home in run.judge_homes():
                self.assertNotEqual(home.problems, [])


if __name__ == "__main__":
    unittest.main()
