"""Price table of the oracle, typed from the published list and nothing else.

Rates are USD per million tokens, written as strings and held as Fractions.
A figure in nano-USD is rate * 1000 * tokens, exactly.
"""

import re
from fractions import Fraction
from datetime import datetime, timezone

CLASSES = ("input", "read", "w5m", "w1h", "wunk", "output")
WEB_SEARCH_NANO = Fraction(10 * 10 ** 9, 1000)      # $10 per 1,000 searches


def _ms(text):
    return int(datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=timezone.utc).timestamp()) * 1000


def _rates(text):
    """'input / output / w5m / w1h / read', a dash for a class without a rate."""
    i, o, w5, w1, r = [None if p == "-" else Fraction(p) for p in text.split()]
    # A write of unknown lifetime is priced at the 5 minute rate.
    return {"input": i, "output": o, "w5m": w5, "w1h": w1, "wunk": w5, "read": r}


class Row:
    """One model's price over one period.

    bands: [(lowest prompt that is out of the band below, rates)], ascending;
    the first starts at 0 and the whole request takes the last band whose
    start is <= its whole prompt.
    """

    def __init__(self, rates, above=None, fast=None, since=None, until=None,
                 tiers=None, regions=None, web=True):
        self.bands = [(0, _rates(rates))]
        if above:
            self.bands.append((above[0] + 1, _rates(above[1])))    # "above n": > n
        self.fast = fast                    # Fraction: factor on every token class
        self.since, self.until = since, until
        self.tiers = tiers or {}
        self.regions = regions or {}
        self.web = web

    def valid_at(self, ms):
        return (self.since is None or ms >= self.since) and (self.until is None or ms < self.until)

    def band(self, prompt):
        found = self.bands[0][1]
        for start, rates in self.bands:
            if prompt >= start:
                found = rates
        return found


OCT7 = _ms("2026-10-07")
NEWYEAR = _ms("2027-01-01")
BATCH = {"batch": Fraction(1, 2)}
US = {"us": Fraction(11, 10)}


def _claude(rates, **kw):
    return Row(rates, tiers=BATCH, regions=US, **kw)


_OPUS = "5 25 6.25 10 0.50"
_SONNET = "3 15 3.75 6 0.30"
_LONG = (200_000, "6 22.5 7.5 12 0.60")
_GPT_TIERS = {"priority": Fraction(2), "flex": Fraction(1, 2)}


def _gpt5():
    return Row("1.75 14 - - 0.175", above=(272_000, "3.5 21 - - 0.35"), tiers=_GPT_TIERS, web=False)


def _gpt(rates):
    return Row(rates, web=False)


def _flash():
    return [Row("0.75 3.75 - - -", until=NEWYEAR, web=False),
            Row("1.50 7.50 - - -", since=NEWYEAR, web=False)]


BOOK = {
    "claude-fable-5-1": [_claude("10 50 12.5 20 0.25")],
    "claude-opus-5-5": [_claude("4 20 5 8 0.20", fast=Fraction(2))],
    "claude-opus-5": [_claude(_OPUS, fast=Fraction(2))],
    "claude-opus-4-8": [_claude(_OPUS, fast=Fraction(2))],
    "claude-opus-4-7": [_claude(_OPUS, fast=Fraction(6))],
    "claude-opus-4-6": [_claude(_OPUS, fast=Fraction(6))],
    "claude-opus-4-5": [_claude(_OPUS)],
    "claude-opus-4-1": [_claude("15 75 18.75 30 1.50")],
    "claude-opus-4": [_claude("15 75 18.75 30 1.50")],
    "claude-sonnet-5-5": [_claude("2 10 2.5 4 0.20", until=OCT7),
                          _claude("2 10 2.5 4 0.10", since=OCT7)],
    "claude-sonnet-5": [_claude("2 10 2.5 4 0.20")],
    "claude-sonnet-4-6": [_claude(_SONNET)],
    "claude-sonnet-4-5": [_claude(_SONNET, above=_LONG)],
    "claude-sonnet-4": [_claude(_SONNET, above=_LONG)],
    "claude-haiku-5-5": [_claude("0.10 0.50 0.125 0.20 0.01",
                                 above=(100_000, "0.50 2.50 0.625 1 0.05"), since=OCT7)],
    "claude-haiku-4-5": [_claude("1 5 1.25 2 0.10")],
    "gpt-5.2": [_gpt5()],
    "gpt-5.3-codex": [_gpt5()],
    "gpt-6.1-sol": [_gpt("2 10 - - 0.10")],
    "gpt-6.1-terra": [_gpt("1 5 - - 0.05")],
    "gpt-6-luna": [_gpt("0.10 0.50 - - 0.01")],
    "gemini-3.1-pro": [Row("2 12 - - 0.20", above=(200_000, "4 18 - - 0.40"), web=False)],
    "gemini-2.5-pro": [Row("1.25 10 - - 0.125", above=(200_000, "2.5 15 - - 0.25"), web=False)],
    "gemini-2.5-flash": [Row("0.30 2.50 - - 0.03", web=False)],
    "gemini-3.6-flash": _flash(),
    "gemini-3.7-flash": _flash(),
    "gemini-3.8-flash": _flash(),
}

_PREFIX = re.compile(r"^(?:vertex_ai/|bedrock/|anthropic/|openai/|google/|gemini/)")
_BEDROCK = re.compile(r"^(?:(?:us|eu|apac|jp|au|global)\.)?anthropic\.")
_DATE = re.compile(r"[-@](?:20\d{2})(?:(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])|-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01]))$")


def book_name(label):
    """The row's name for a label, or None. Never drops anything but a known
    provider prefix, a Bedrock revision (-v1:0) and one trailing date."""
    name = label.lower()
    if name in BOOK:
        return name
    while True:
        shorter = _PREFIX.sub("", name, count=1)
        if shorter == name:
            break
        name = shorter
    bare = _BEDROCK.sub("", name, count=1)
    if bare != name:
        name = re.sub(r"-v\d+(?::\d+)?$", "", bare)
    if name in BOOK:
        return name
    name = _DATE.sub("", name)
    return name if name in BOOK else None


def cost_nano(label, ms, tokens, web_searches=0, speed=None, tier=None, region=None, reported=None):
    """Exact nano-USD as a Fraction, or None when the event is unpriced.

    tokens maps CLASSES to integers. speed, tier, region: None when not stated. A cache write of unknown lifetime costs
    what the one lifetime costs that alone explains `reported` (nano-USD), else the five-minute rate.
    """
    def total(lifetime):
        moved = dict(tokens, wunk=0)
        moved[lifetime] = tokens.get(lifetime, 0) + tokens.get("wunk", 0)
        return _cost(label, ms, moved, web_searches, speed, tier, region)

    if not tokens.get("wunk"):
        return _cost(label, ms, tokens, web_searches, speed, tier, region)
    found = {name: total(name) for name in ("w5m", "w1h")}
    if reported is not None:
        told = round_half_even(reported)
        digit = 1000 if told % 1000 == 0 else 1
        fit = [v for v in found.values() if v is not None and abs(v - told) * 2 <= digit]
        if len(fit) == 1:
            return fit[0]
    return found["w5m"]


def _cost(label, ms, tokens, web_searches, speed, tier, region):
    name = book_name(label)
    if name is None:
        return None
    rows = BOOK[name]
    if ms is None:
        # No time: only a model whose price never changed can be priced.
        row = rows[0] if len(rows) == 1 and rows[0].since is None and rows[0].until is None else None
    else:
        row = next((r for r in rows if r.valid_at(ms)), None)
    if row is None:
        return None
    factor = Fraction(1)
    if speed not in (None, "standard"):
        if speed != "fast" or row.fast is None:
            return None
        factor *= row.fast
    if tier not in (None, "standard"):
        if tier not in row.tiers:
            return None
        factor *= row.tiers[tier]
    if region not in (None, "global"):
        if region not in row.regions:
            return None
        factor *= row.regions[region]
    prompt = sum(tokens.get(c, 0) for c in CLASSES if c != "output")
    rates = row.band(prompt)
    total = Fraction(0)
    for c in CLASSES:
        n = tokens.get(c, 0)
        if n:
            if rates[c] is None:
                return None
            total += rates[c] * 1000 * n
    total *= factor
    if web_searches:
        if not row.web:
            return None
        total += WEB_SEARCH_NANO * web_searches
    return total


def round_half_even(x):
    """Fraction to int; Python's round() of a Fraction is half to even."""
    return round(Fraction(x))
