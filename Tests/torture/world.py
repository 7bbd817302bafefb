"""What a run consists of: folders, programs, the proxy, tenants and workstations, the journal, and what went wrong."""

import os
import random
import shutil
import time

from gateway import Gateway
from journal import Journal
from loop import Loop
from programs import Programs
from proxy import Proxy
from timeline import Timeline
from workstation import Workstation


class World:
    def __init__(self, root, binaries, seed, tenants=10, workstations=5, has_cores=False):
        self.root, self.seed = root, seed
        self.scratch = os.path.join(root, "scratch")
        os.makedirs(self.scratch, exist_ok=True)
        self.tallygate = os.path.join(binaries, "tallygate")
        self.tally = os.path.join(binaries, "tally")
        self.rng = random.Random("world %s" % seed)
        self.timeline = Timeline(os.path.join(root, "timeline.log"))
        self.programs = Programs(os.path.join(root, "cores") if has_cores else None)
        self.loop = Loop()
        self.journal = Journal()
        # What must not be, in words. One is enough to fail.
        self.complaints = []
        self.is_disk_full = False
        # Enrolments that are being changed, and whether no further one may be.
        self.changing = 0
        self.are_identities_frozen = False
        # The same of tokens alone: a revoked workstation that is enrolled again keeps its streams, so those may change
        # as soon as the gateway's folder has been put back.
        self.are_tokens_frozen = False
        self.is_torturing = False
        # Workstations that have not delivered everything since the gateway's folder was put back: what they say of
        # acknowledgements is of the time before.
        self.unsettled = set()
        # Deleted tenants, and the bytes that must be nowhere any more.
        self.deleted = {}
        # (workstation, tokens) where adoption showed that a difference remains.
        self.shown_differences = []
        # Called before each start of the gateway: draws the faults in its system calls.
        self.prepare_gateway = lambda: None
        self.preload = None
        self.gateway_failures = 0
        # How long a `tally sync` waits without progress once the faults have stopped, in seconds.
        self.patience = 30.0
        self.bytes_written = 0
        self.calls_written = 0
        self._number = 0
        self.gateway_data = os.path.join(root, "gateway")
        self.proxy = None
        self.disk = None
        self.gateway = None
        self.tenants = ["tenant-%02d" % n for n in range(tenants)]
        self.workstations = [Workstation(self, tenant, "%s-ws%d" % (tenant.replace("tenant", "t"), n))
                             for tenant in self.tenants for n in range(workstations)]

    def place_gateway(self, data):
        self.gateway_data = data
        self.gateway = Gateway(self)
        self.proxy = Proxy(self.seed, 0, lambda kind, text: self.timeline.note(kind, text))
        self.proxy.start()

    @property
    def is_placed(self):
        return self.gateway is not None

    def now(self):
        return time.monotonic()

    def number(self):
        self._number += 1
        return self._number

    def settled(self, name):
        self.unsettled.discard(name)

    def complain(self, text):
        if text not in self.complaints:
            self.complaints.append(text)
            self.timeline.note("COMPLAINT", text)

    def gateway_failed(self, code):
        words = self.gateway.last_words()
        # An operator's command holds the folder for a moment; whoever supervises a gateway starts it again.
        if "is in use by process" in words:
            return
        self.gateway_failures += 1
        if not self.gateway.is_excused:
            self.complain("the gateway ended by itself with %s: %s" % (code, words))

    def of_tenant(self, tenant):
        return [w for w in self.workstations if w.tenant == tenant]

    def close_programs(self):
        self.programs.kill_all()

    def close(self):
        self.programs.kill_all()
        if self.proxy:
            self.proxy.stop()
        if self.disk:
            self.disk.close()
        self.timeline.close()

    def remove(self):
        shutil.rmtree(self.root, ignore_errors=True)
