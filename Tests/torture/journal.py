"""The truth: what every call used, written down by whoever made it up, before the product has seen it.

Kept as sums by (tenant, workstation, session, model), so that an hour's run needs no more memory than a minute's.
Money is an exact fraction by the oracle's own price list and is rounded once, as reports do.
"""

import os
import sys
from fractions import Fraction

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "oracle"))
import prices  # noqa: E402

COUNTS = ("events", "input_tokens", "cache_read_tokens", "cache_write_5m_tokens", "cache_write_1h_tokens",
          "cache_write_unknown_tokens", "output_tokens", "reasoning_tokens", "web_searches", "unpriced_events")
# The oracle's names of the token classes.
CLASSES = {"input_tokens": "input", "cache_read_tokens": "read", "cache_write_5m_tokens": "w5m",
           "cache_write_1h_tokens": "w1h", "cache_write_unknown_tokens": "wunk", "output_tokens": "output"}
FIGURES = COUNTS + ("cost_nano_usd",)


class Sums:
    """Counts and exact money."""

    def __init__(self):
        self.counts = dict.fromkeys(COUNTS, 0)
        self.cost = Fraction(0)

    def add(self, other):
        for name in COUNTS:
            self.counts[name] += other.counts[name]
        self.cost += other.cost

    def figures(self):
        return dict(self.counts, cost_nano_usd=prices.round_half_even(self.cost))


class Call:
    """One request, final: what the product has to count for it, however its lines were cut, repeated and read."""

    def __init__(self, model, ms, tokens, reasoning=0, searches=0, tier=None):
        self.model, self.ms, self.tokens = model, ms, tokens
        self.reasoning, self.searches, self.tier = reasoning, searches, tier

    def sums(self):
        sums = Sums()
        sums.counts.update(events=1, reasoning_tokens=self.reasoning, web_searches=self.searches, **self.tokens)
        cost = prices.cost_nano(
            self.model, self.ms, {CLASSES[k]: v for k, v in self.tokens.items()}, self.searches, tier=self.tier)
        if cost is None:
            sums.counts["unpriced_events"] = 1
        else:
            sums.cost = cost
        return sums


class Journal:
    def __init__(self):
        self._sums = {}
        # Calls older than any retention: never in a ledger, each counted as left out where it was read.
        self._old = {}

    def write(self, tenant, workstation, session, call, is_old=False):
        table = self._old if is_old else self._sums
        table.setdefault((tenant, workstation, session, call.model), Sums()).add(call.sums())

    def left_out(self, tenant, workstation):
        """How many calls of a workstation are too old for anybody."""
        return sum(s.counts["events"] for k, s in self._old.items() if k[:2] == (tenant, workstation))

    def forget(self, tenant):
        """A tenant was deleted: nothing of it may be counted any more."""
        for table in (self._sums, self._old):
            for key in [k for k in table if k[0] == tenant]:
                del table[key]

    def rows(self, tenant):
        """(workstation, session, model) → figures."""
        return {key[1:]: sums.figures() for key, sums in self._sums.items() if key[0] == tenant}

    def models(self, tenant):
        """model → figures of everything in the transcripts, what is too old included."""
        models = {}
        for key, sums in list(self._sums.items()) + list(self._old.items()):
            if key[0] == tenant:
                models.setdefault(key[3], Sums()).add(sums)
        return {model: sums.figures() for model, sums in models.items()}

    def total(self, tenant=None):
        total = Sums()
        for key, sums in self._sums.items():
            if tenant is None or key[0] == tenant:
                total.add(sums)
        return total.figures()

    def sessions(self, tenant):
        return {key[2] for key in self._sums if key[0] == tenant}


def differences(expected, found, limit=8):
    """In words, where two tables of figures differ; empty if nowhere."""
    lines = []
    for key in sorted(set(expected) | set(found), key=str):
        want, have = expected.get(key), found.get(key)
        if want is None or have is None:
            lines.append("%s: %s" % (key, "not expected: %s" % have if want is None else "missing: %s" % want))
        else:
            wrong = ["%s is %s, should be %s (%+d)" % (n, have[n], want[n], have[n] - want[n])
                     for n in FIGURES if have[n] != want[n]]
            if wrong:
                lines.append("%s: %s" % (key, "; ".join(wrong)))
    if len(lines) > limit:
        lines = lines[:limit] + ["and %d rows more" % (len(lines) - limit)]
    return lines
