"""The places where a secret must not stand, and what was found in each.

A search that finds nothing proves something only where it would have found what is there. So each place has its
controls: texts that are rightly there (a model's name, a tenant's) and must be found by the same search.
"""

import os

import memory
from search import Searcher

# Of one place, so many leaks are shown.
SHOWN_MAX = 12


class Place:
    def __init__(self, name, amount, leaks, missing):
        self.name, self.amount, self.leaks, self.missing = name, amount, leaks, missing

    @property
    def is_clean(self):
        return not self.leaks and not self.missing


class Places:
    """Searches as it is asked; `is_clean` at the end."""

    def __init__(self, secrets, controls, say):
        self._secrets, self._controls, self._say = Searcher(secrets), Searcher(controls), say
        self.places = []

    @property
    def is_clean(self):
        return bool(self.places) and all(place.is_clean for place in self.places)

    def _judge(self, name, amount, leaks, found, controls):
        """`found` are the controls' hits; each of `controls` has to be among them."""
        seen = {hit.name for hit in found}
        missing = ["the control is not there: " + control for control in controls if control not in seen]
        if not amount:
            missing.append("there was nothing to search")
        self.places.append(Place(name, amount, leaks, missing))

    def texts(self, name, texts, controls, contains=None, with_digests=False):
        """`texts` is [(what, bytes)]; `contains` has to stand in one of them."""
        leaks, found, amount = [], [], 0
        for what, data in texts:
            amount += len(data)
            leaks += self._secrets.search(data, what)
            found += self._controls.search(data, what)
            if with_digests:
                leaks += self._secrets.digests(data, what)
        if contains and not any(contains in data for _, data in texts):
            amount = 0
        self._judge(name, amount, leaks, found, controls)

    def folder(self, name, path, controls, wanted=lambda name: True):
        leaks, found, before = [], [], self._secrets.bytes_searched
        for base, folders, names in os.walk(path):
            for entry in sorted(folders + names):
                inside = os.path.relpath(os.path.join(base, entry), path)
                if not wanted(entry):
                    continue
                leaks += self._secrets.search(os.fsencode(inside), "the name of a file")
                full = os.path.join(base, entry)
                if os.path.isfile(full):
                    leaks += self._secrets.file(full, inside)
                    found += self._controls.file(full, inside)
        self._judge(name, self._secrets.bytes_searched - before, leaks, found, controls)

    def process(self, name, pid, controls):
        leaks, amount = memory.search_process(self._secrets, pid, name)
        found, _ = memory.search_process(self._controls, pid, name)
        self._judge(name, amount, leaks, found, controls)

    def core(self, name, path, how, controls):
        if path is None:
            return self.places.append(Place(name, 0, [], ["no core to search: " + how]))
        where = "core (%s)" % how
        leaks, found = self._secrets.file(path, where), self._controls.file(path, where)
        self._judge(name, os.path.getsize(path), leaks, found, controls)

    def show(self, secrets, calls, attempts, seconds):
        self._say("%d secrets in %d calls and %d hostile attempts; %.0f s" % (secrets, calls, attempts, seconds))
        self._say()
        for place in self.places:
            self._say("  %-4s  %-15s %14s bytes searched" % (
                "ok" if place.is_clean else "FAIL", place.name, "{:,}".format(place.amount)))
            for problem in place.missing:
                self._say("          %s" % problem)
            for hit in place.leaks[:SHOWN_MAX]:
                self._say("          LEAK: %s" % hit)
            if len(place.leaks) > SHOWN_MAX:
                self._say("          … and %d more" % (len(place.leaks) - SHOWN_MAX))
        self._say()
