"""What acknowledgements and WELCOMEs promised, remembered, and held against what the gateway says later.

A floor is a sequence that a stream's committed must never be below again. It rises with each acknowledgement that a
`tally status` showed and with each committed that a gateway logged as it opened the stream. A sample counts only for
gateways started after it: within one process, log and sample have no common order.
"""


class Watch:
    def __init__(self, world):
        self.world = world
        self.samples = 0
        self.welcomes = 0
        self.checked = 0
        self._floors = {}
        self._fresh = {}
        self._streams = {}
        # Workstations whose home was lost, set back or copied: they may go on with any stream from anywhere.
        self.exempted = set()

    def sampled(self, workstation, status):
        """A `tally status` that has just been taken."""
        self.samples += 1
        name, stream = workstation.name, status["stream"]
        if name in self.world.unsettled or name in self.exempted:
            self._streams[name] = stream
            return
        known = self._streams.get(name)
        if known not in (None, stream):
            self.world.timeline.note("new stream", "%s after %s" % (stream[:8], known[:8]), name)
            self.forget(name)
        self._streams[name] = stream
        if status["acknowledged"] > status["spooled"]:
            self.world.complain("I3 %s: acknowledged %d of %d spooled" % (
                name, status["acknowledged"], status["spooled"]))
        self._fresh[name] = max(self._fresh.get(name, 0), status["acknowledged"])

    def gateway_starts(self):
        for name, acknowledged in self._fresh.items():
            self._floors[name] = max(self._floors.get(name, 0), acknowledged)
        self._fresh = {}

    def opened(self, tenant, label, committed, _generation):
        """The gateway logged that it opened this workstation's stream."""
        name = "%s/%s" % (tenant, label)
        self.welcomes += 1
        if name in self.exempted:
            return
        floor = self._floors.get(name)
        if floor is not None:
            self.checked += 1
            if committed < floor:
                self.world.complain("I3/I4/I5 %s: committed %d, but %d was acknowledged or welcomed before" % (
                    name, committed, floor))
        self._floors[name] = max(floor or 0, committed)

    def exempt(self, name):
        self.forget(name)
        self.exempted.add(name)

    def stream(self, name):
        return self._streams.get(name)

    def floor(self, name):
        return max(self._floors.get(name, 0), self._fresh.get(name, 0))

    def forget(self, name=None):
        """A fault that may set a stream back: of one workstation, or of all."""
        if name is None:
            self._floors, self._fresh = {}, {}
        else:
            for table in (self._floors, self._fresh, self._streams):
                table.pop(name, None)
