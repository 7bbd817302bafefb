"""What was done to whom and when: a file for people, the last lines in memory, and the counts of the summary."""

import collections
import time

KEPT = 4_000


class Timeline:
    def __init__(self, path):
        self.began = time.monotonic()
        self.counts = collections.Counter()
        self._last = collections.deque(maxlen=KEPT)
        self._file = open(path, "w", buffering=1)

    def note(self, kind, text="", who=""):
        """One fault or happening. `who` is a tenant, a workstation (tenant/label), or nobody in particular."""
        self.counts[kind] += 1
        line = "%9.3f  %-18s %-12s %s" % (time.monotonic() - self.began, kind, who, text)
        if kind != "COMPLAINT":
            self._last.append((who, line))
        self._file.write(line.rstrip() + "\n")

    def last(self, tenant, count=60):
        """The last lines that concern a tenant, those that concern everybody included."""
        mine = [line for who, line in self._last if not who or who == tenant or who.startswith(tenant + "/")]
        return mine[-count:]

    def close(self):
        self._file.close()
