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
    def __init__(self, root, binaries, seed, tenants=10, workstations=5):
        self.root, self.seed = root, seed
        self.scratch = os.path.join(root, "scratch")
        os.makedirs(self.scratch, exist_ok=True)
        self.tallygate = os.path.join(binaries, "tallygate")
        self.tally = os.path.join(binaries, "tally")
        self.rng = random.Random("world %s" % seed)
        self.timeline = Timeline(os.path.join(root, "timeline.log"))
        self.programs = Programs()
        self.loop = Loop()
        self.journal = Journal()
        # What must not be, in words. One is enough to fail.
        self.complaints = []
        # Whether a gateway may end by itself now: a full disk or injected errors are at work.
        self.may_gateway_fail = False
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

    def complain(self, text):
        if text not in self.complaints:
            self.complaints.append(text)
            self.timeline.note("COMPLAINT", text)

    def gateway_failed(self, code):
        self.gateway_failures += 1
        if not self.may_gateway_fail:
            self.complain("the gateway ended by itself with %s: %s" % (code, self.gateway.last_words()))

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
