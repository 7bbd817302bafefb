#!/usr/bin/env python3
"""An independent token counter: reads whole transcripts at once and says what
the right totals are. Slow, simple, no state between runs. See README.md.

    oracle.py [--claude DIR]... [--codex DIR]... [--gemini DIR]... [--by model|day] [--json]
"""

import argparse
import json
import os
import re
import sys
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from fractions import Fraction

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import prices  # noqa: E402

COUNT_MAX = 2 ** 63 - 1
FIGURES = ("events", "input_tokens", "cache_read_tokens", "cache_write_5m_tokens",
           "cache_write_1h_tokens", "cache_write_unknown_tokens", "output_tokens",
           "reasoning_tokens", "web_searches", "cost_nano_usd",
           "reported_cost_nano_usd", "unpriced_events", "first_ms", "last_ms")


# ---------------------------------------------------------------- files, lines

class Notes:
    """What was skipped, for the reader; never part of the comparison."""

    def __init__(self):
        self.files = self.lines = self.malformed = self.duplicate_files = self.unreadable = 0

    def as_dict(self):
        return dict(self.__dict__)


def jsonl_files(roots, notes, seen, endings=(".jsonl",)):
    """Every file of these endings under the roots, symbolic links followed, each real file once."""
    found, seen_dirs = [], set()

    def take(path):
        try:
            st = os.stat(path)
        except OSError:
            notes.unreadable += 1
            return
        if not os.path.isfile(path):
            return
        key = (st.st_dev, st.st_ino)
        if key in seen:
            notes.duplicate_files += 1
            return
        seen.add(key)
        found.append(path)

    for root in roots:
        if os.path.isfile(root):
            take(root)
            continue
        for base, dirs, names in os.walk(root, followlinks=True):
            real = os.path.realpath(base)
            if real in seen_dirs:
                dirs[:] = []
                continue
            seen_dirs.add(real)
            dirs.sort()
            for name in sorted(names):
                if name.endswith(endings):
                    take(os.path.join(base, name))
    return found


def _no_constant(name):
    raise ValueError(name)


def json_lines(path, notes):
    """(number, object) of every line that is a JSON object."""
    try:
        handle = open(path, "rb")
    except OSError:
        notes.unreadable += 1
        return
    notes.files += 1
    with handle:
        for number, raw in enumerate(handle):
            if number == 0 and raw.startswith(b"\xef\xbb\xbf"):
                raw = raw[3:]
            raw = raw.strip(b" \t\r\n")
            if not raw:
                continue
            notes.lines += 1
            try:
                if b"\0" in raw:
                    raise ValueError("NUL byte")
                value = json.loads(raw.decode("utf-8", "replace"), parse_float=Decimal,
                                   parse_constant=_no_constant, strict=False)
            except (ValueError, RecursionError, ArithmeticError):
                notes.malformed += 1
                continue
            if isinstance(value, dict):
                yield number, value
            else:
                notes.malformed += 1


# ---------------------------------------------------------------- small readers

def obj(value):
    return value if isinstance(value, dict) else {}


def text(value):
    return value if isinstance(value, str) and value else None


def count(value):
    """A token count: a non-negative whole number, or 0."""
    if isinstance(value, bool):
        return 0
    if isinstance(value, Decimal):
        if not value.is_finite() or abs(value.adjusted()) > 30 or value != value.to_integral_value():
            return 0
        value = int(value)
    if isinstance(value, int) and 0 <= value <= COUNT_MAX:
        return value
    return 0


def money(value):
    """A reported cost in USD as a Fraction, or None."""
    if isinstance(value, bool) or not isinstance(value, (int, Decimal)):
        return None
    if isinstance(value, Decimal) and (not value.is_finite() or abs(value.adjusted()) > 30):
        return None
    f = Fraction(value)
    return f if f >= 0 else None


_STAMP = re.compile(r"^(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(?:\.(\d+))?(?:([Zz])|([+-])(\d\d):?(\d\d))$")


def milliseconds(value):
    """ISO time to ms since 1970, fractions of a ms cut off; None when unusable."""
    m = _STAMP.match(value) if isinstance(value, str) else None
    if not m:
        return None
    try:
        y, mo, d, h, mi, s = (int(m.group(i)) for i in range(1, 7))
        leap = 1 if s == 60 else 0
        t = datetime(y, mo, d, h, mi, s - leap, tzinfo=timezone.utc) + timedelta(seconds=leap)
        if m.group(9):
            shift = timedelta(hours=int(m.group(10)), minutes=int(m.group(11)))
            t = t - shift if m.group(9) == "+" else t + shift
    except (ValueError, OverflowError):
        return None
    delta = t - datetime(1970, 1, 1, tzinfo=timezone.utc)
    return (delta.days * 86400 + delta.seconds) * 1000 + int(((m.group(7) or "") + "000")[:3])


_LABEL = re.compile(r"[a-z0-9][a-z0-9._:/@+-]{0,63}")


def label(value):
    """A model label as reports show it, or None when it is no label."""
    if not isinstance(value, str):
        return None
    name = value.strip().lower()
    if name.endswith("[1m]"):
        name = name[:-4]
    return name if _LABEL.fullmatch(name) else None


class Event:
    """One request, final."""

    def __init__(self, model, ms, tokens, reasoning, searches=0, reported=None,
                 speed=None, tier=None, region=None):
        self.model, self.ms, self.tokens = model, ms, tokens
        self.reasoning, self.searches, self.reported = reasoning, searches, reported
        self.cost = prices.cost_nano(model, ms, tokens, searches, speed, tier, region,
                                     None if reported is None else reported * 10 ** 9)


# ---------------------------------------------------------------- Claude Code

def claude_roots(path):
    projects = os.path.join(path, "projects")
    return [projects] if os.path.isdir(projects) else [path]


RAW = ("input", "read", "write", "w5m", "w1h", "output", "reasoning", "searches")


def raw_usage(usage):
    split = obj(usage.get("cache_creation"))
    return {
        "input": count(usage.get("input_tokens")),
        "read": count(usage.get("cache_read_input_tokens")),
        "write": count(usage.get("cache_creation_input_tokens")),
        "w5m": count(split.get("ephemeral_5m_input_tokens")),
        "w1h": count(split.get("ephemeral_1h_input_tokens")),
        "output": count(usage.get("output_tokens")),
        "reasoning": count(obj(usage.get("output_tokens_details")).get("thinking_tokens")),
        "searches": count(obj(usage.get("server_tool_use")).get("web_search_requests")),
    }


def claude_tier(value):
    """None: not stated, or not a tier we know the meaning of ("default")."""
    value = value.lower() if isinstance(value, str) else None
    return value if value in ("standard", "priority", "flex", "batch") else None


def claude_speed(value):
    return value.lower() if text(value) else None


def claude_region(value):
    value = value.lower() if text(value) else None
    return None if value in (None, "not_available", "unknown", "default") else value


# Entries of `iterations` that are looked at.
STEPS_MAX = 64


class Message:
    """All lines of one request, merged field by field with the maximum."""

    def __init__(self):
        self.raw = dict.fromkeys(RAW, 0)
        self.model = self.ms = self.reported = None
        self.speed = self.tier = self.region = None
        self.steps = {}

    def add(self, usage, model, ms, reported=None, nested=False):
        for k, v in raw_usage(usage).items():
            self.raw[k] = max(self.raw[k], v)
        if ms is not None:
            self.ms = ms if self.ms is None else min(self.ms, ms)
        self.model = self.model or label(model)
        if reported is not None:
            self.reported = reported if self.reported is None else max(self.reported, reported)
        self.speed = claude_speed(usage.get("speed")) or self.speed
        self.tier = claude_tier(usage.get("service_tier")) or self.tier
        self.region = claude_region(usage.get("inference_geo")) or self.region
        if nested:
            return
        steps = usage.get("iterations")
        steps = steps[:STEPS_MAX] if isinstance(steps, list) else []
        own = dict.fromkeys(RAW, 0)
        for place, step in enumerate(steps):
            kind = obj(step).get("type")
            if kind == "message":
                for k, v in raw_usage(step).items():
                    own[k] += v
            elif kind in ("advisor_message", "compaction"):
                inner = model if kind == "compaction" and not step.get("model") else step.get("model")
                self.steps.setdefault(place, (kind, Message()))[1].add(step, inner, ms, nested=True)
        # A fallback's attempts, and what is not known, are not the answering model's.
        known = all(obj(s).get("type") in ("message", "compaction", "advisor_message") for s in steps)
        if known and all(s.get("model") in (None, model) for s in steps if s["type"] == "message"):
            for k, v in own.items():
                self.raw[k] = max(self.raw[k], v)

    def events(self, outer=None):
        r = self.raw
        if any(r.values()):
            tokens = {"input": r["input"], "read": r["read"], "w5m": r["w5m"], "w1h": r["w1h"],
                      "wunk": max(0, r["write"] - r["w5m"] - r["w1h"]), "output": r["output"]}
            src = outer or self
            yield Event(self.model or "unlisted", self.ms, tokens, r["reasoning"], r["searches"],
                        self.reported, self.speed or src.speed, self.tier or src.tier,
                        self.region or src.region)
        for kind, step in self.steps.values():
            # Speed is the outer model's own; tier and region hold for the whole request.
            shell = Message()
            shell.tier, shell.region = self.tier, self.region
            if kind == "compaction":
                shell.speed = self.speed
            yield from step.events(shell)


def claude_events(paths, notes):
    lines = []
    for path in paths:
        for number, line in json_lines(path, notes):
            message = obj(line.get("message"))
            usage = message.get("usage")
            if isinstance(usage, dict):
                ms = milliseconds(line.get("timestamp"))
                lines.append((ms is None, ms or 0, path, number, ms, line, message, usage))
    lines.sort(key=lambda x: x[:4])

    # Request ids seen with each message id, the main session's before those of
    # sidechains: a line without one joins the first of them, so that a gateway
    # dropping the header makes no second event, and so does a sidechain's replay,
    # which may have got an id of its own.
    requests, own = {}, {}
    for aside in (False, True):
        for entry in lines:
            line, message = entry[5], entry[6]
            if (line.get("isSidechain") is True) == aside and text(message.get("id")) and text(line.get("requestId")):
                requests.setdefault(message["id"], []).append(line["requestId"])
                if not aside:
                    own.setdefault(message["id"], set()).add(line["requestId"])

    merged = {}
    for _, _, path, number, ms, line, message, usage in lines:
        mid, rid = text(message.get("id")), text(line.get("requestId"))
        if mid:
            if line.get("isSidechain") is True and rid not in own.get(mid, ()):
                rid = None
            key = ("message", mid, rid or (requests.get(mid) or [None])[0])
        elif text(line.get("uuid")):
            key = ("line", text(line.get("sessionId")) or path, line["uuid"])
        else:
            key = ("nameless", path, number)
        merged.setdefault(key, Message()).add(usage, message.get("model"), ms, money(line.get("costUSD")))
    return [e for m in merged.values() for e in m.events()]


# ---------------------------------------------------------------- Codex

def codex_roots(path):
    inner = [os.path.join(path, n) for n in ("sessions", "archived_sessions")]
    inner = [p for p in inner if os.path.isdir(p)]
    return inner or [path]


CODEX = ("input_tokens", "cached_input_tokens", "output_tokens", "reasoning_output_tokens")


def codex_usage(value):
    """The four classes, total_tokens left aside; None when there is no usage."""
    return tuple(count(value.get(k)) for k in CODEX) if isinstance(value, dict) else None


class Rollout:
    """One file: its session, its links and its rows without re-emits or zeros."""

    def __init__(self, path, notes):
        self.path, self.session, self.links = path, None, set()
        self.rows = []                     # (key, ms, model, tier, usage)
        model = tier = previous = None
        for _, line in json_lines(path, notes):
            payload = obj(line.get("payload"))
            kind = line.get("type")
            if kind == "session_meta":
                spawn = obj(obj(obj(payload.get("source")).get("subagent")).get("thread_spawn"))
                ids = {text(payload.get("forked_from_id")), text(payload.get("parent_thread_id")),
                       text(spawn.get("parent_thread_id"))} - {None}
                if self.session is None and text(payload.get("id")):
                    self.session = payload["id"]        # the first is the file's own
                elif text(payload.get("id")):
                    ids.add(payload["id"])              # replayed from an ancestor
                self.links |= ids
            elif kind == "turn_context":
                model = label(payload.get("model")) or model
            elif kind == "event_msg" and payload.get("type") == "thread_settings_applied":
                tier = self._tier(payload)
            elif kind == "event_msg" and payload.get("type") == "token_count":
                info = obj(payload.get("info"))
                last, total = codex_usage(info.get("last_token_usage")), codex_usage(info.get("total_token_usage"))
                if last is None and total is None:
                    continue
                if total is not None and total == previous:
                    continue                            # re-emitted
                usage = last
                if usage is None:
                    base = previous or (0, 0, 0, 0)
                    usage = tuple(b - a for a, b in zip(base, total))
                    if min(usage) < 0:                  # the counter began anew
                        usage = total
                if total is not None:
                    previous = total
                if not any(usage):
                    continue
                self.rows.append(((last, total), milliseconds(line.get("timestamp")),
                                  label(info.get("model")) or model or "unlisted", tier, usage))
        if self.session is None:
            m = re.search(r"([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\.jsonl$", os.path.basename(path).lower())
            self.session = m.group(1) if m else ("file", path)
        self.links.discard(self.session)

    @staticmethod
    def _tier(payload):
        places = [payload] + [obj(payload.get(k)) for k in ("thread_settings", "settings")]
        for p in places:
            value = text(p.get("service_tier"))
            if value:
                value = value.lower()
                return None if value in ("default", "auto", "unknown") else value
        return None

    def keys(self):
        return [r[0] for r in self.rows]


def run_in(child, other):
    """How many leading rows of child stand, unbroken, somewhere in other."""
    best = 0
    if child:
        for start, key in enumerate(other):
            if key != child[0]:
                continue
            n = 0
            while n < len(child) and start + n < len(other) and child[n] == other[start + n]:
                n += 1
            best = max(best, n)
    return best


def codex_events(paths, notes):
    files = [Rollout(p, notes) for p in paths]
    by_session = {}
    for f in files:
        by_session.setdefault(f.session, []).append(f)
    for group in by_session.values():
        group.sort(key=lambda f: (-len(f.rows), f.path))

    def ancestors(f):
        out, todo, seen = [], list(f.links), {f.session}
        while todo:
            s = todo.pop()
            if s in seen:
                continue
            seen.add(s)
            for g in by_session.get(s, []):
                out.append(g)
                todo.extend(g.links)
        return out

    orphans = {}        # missing parent -> its children, whose shared prefix counts once
    for f in sorted(files, key=lambda f: (f.rows[0][1] or 0 if f.rows else 0, f.path)):
        for s in f.links:
            if s not in by_session:
                orphans.setdefault(s, []).append(f)

    events = []
    for f in files:
        keys = f.keys()
        others = [g for g in ancestors(f) if f.session not in g.links or g.path < f.path]
        group = by_session[f.session]
        others += group[:group.index(f)]
        skip = max([run_in(keys, g.keys()) for g in others] or [0])
        for s in f.links:
            kin = orphans.get(s, [])
            for g in kin[:kin.index(f)] if f in kin else []:
                n = 0
                for a, b in zip(keys, g.keys()):
                    if a != b:
                        break
                    n += 1
                skip = max(skip, n)
        for key, ms, model, tier, (inp, cached, out, reasoning) in f.rows[skip:]:
            cached = min(cached, inp)
            tokens = {"input": inp - cached, "read": cached, "w5m": 0, "w1h": 0, "wunk": 0, "output": out}
            events.append(Event(model, ms, tokens, reasoning, tier=tier))
    return events


# ---------------------------------------------------------------- Gemini CLI

def gemini_roots(path):
    """The chats of every project, nested folders included; logs and the like beside them are not read."""
    tmp = os.path.join(path, ".gemini", "tmp")
    if not os.path.isdir(tmp):
        return [path]
    chats = [os.path.join(tmp, name, "chats") for name in sorted(os.listdir(tmp))]
    return [p for p in chats if os.path.isdir(p)]


def gemini_document(path, notes):
    """The record of a .json; of one that breaks off, what stands whole in its list of messages."""
    try:
        with open(path, "rb") as handle:
            raw = handle.read().decode("utf-8", "replace")
    except OSError:
        notes.unreadable += 1
        return {}
    notes.files += 1
    decoder = json.JSONDecoder(parse_float=Decimal, parse_constant=_no_constant, strict=False)
    try:
        return obj(decoder.decode(raw))
    except (ValueError, RecursionError, ArithmeticError):
        notes.malformed += 1
    start = re.search(r'"messages"\s*:\s*\[', raw)
    messages, at = [], start.end() if start else len(raw)
    while at < len(raw):
        at = re.compile(r"[\s,]*").match(raw, at).end()
        try:
            value, at = decoder.raw_decode(raw, at)
        except (ValueError, RecursionError, ArithmeticError):
            break
        messages.append(value)
    return {"messages": messages}


def gemini_tokens(tokens):
    """(prompt without cache, cache read, output with thoughts, thoughts) of a message.

    The rule is: input holds cached; thoughts are not in output, tool is not in input; total = input + output +
    thoughts + tool. If total says otherwise, the first of these that makes it right: thoughts are in output, tool is in
    input, cached is not in input. If none does, the rule.
    """
    i, o, c, t, tool, total = (count(tokens.get(k)) for k in ("input", "output", "cached", "thoughts", "tool", "total"))
    readings = ((i + tool, o + t), (i + tool, o if t <= o else None), (i if tool <= i else None, o + t))
    fits = [r for r in readings if None not in r and sum(r) == total]
    if not fits and i + tool + c + o + t == total:
        fits = [(i + tool + c, o + t)]
    prompt, output = fits[0] if fits else readings[0]
    read = min(c, prompt)
    return prompt - read, read, output, min(t, output)


def gemini_events(paths, notes):
    merged = {}                            # id -> (ms, model, figures)
    for path in paths:
        records = [gemini_document(path, notes)] if path.endswith(".json") else [r for _, r in json_lines(path, notes)]
        session, last = path, {}
        for record in records:
            patch = obj(record.get("$set"))
            session = text(patch.get("sessionId")) or text(record.get("sessionId")) or session
            messages = [record]
            for holder in (record, patch):
                held = holder.get("messages")
                messages += held if isinstance(held, list) else []
            for message in map(obj, messages):
                if message.get("type") == "gemini" and isinstance(message.get("tokens"), dict):
                    ms, figures_ = milliseconds(message.get("timestamp")), gemini_tokens(message["tokens"])
                    if any(figures_):
                        key = text(message.get("id")) or (session, ms)
                        before = last.get(key)
                        last[key] = (ms, label(message.get("model")) or (before[1] if before else None), figures_)
        for key, (ms, model, now) in last.items():
            if key in merged:
                old = merged[key]
                model, now = old[1] or model, tuple(map(max, old[2], now))
                ms = ms if old[0] is None else old[0] if ms is None else min(ms, old[0])
            merged[key] = (ms, model, now)
    return [Event(model or "unlisted", ms, {"input": fresh, "read": read, "w5m": 0, "w1h": 0, "wunk": 0, "output": out},
                  thoughts) for ms, model, (fresh, read, out, thoughts) in merged.values()]


# ---------------------------------------------------------------- sums

def figures(events):
    row = dict.fromkeys(FIGURES, 0)
    cost = reported = Fraction(0)
    for e in events:
        t = e.tokens
        row["events"] += 1
        row["input_tokens"] += t["input"]
        row["cache_read_tokens"] += t["read"]
        row["cache_write_5m_tokens"] += t["w5m"]
        row["cache_write_1h_tokens"] += t["w1h"]
        row["cache_write_unknown_tokens"] += t["wunk"]
        row["output_tokens"] += t["output"]
        row["reasoning_tokens"] += e.reasoning
        row["web_searches"] += e.searches
        if e.cost is None:
            row["unpriced_events"] += 1
        else:
            cost += e.cost
        if e.reported is not None:
            reported += e.reported * 10 ** 9
    row["cost_nano_usd"] = prices.round_half_even(cost)
    row["reported_cost_nano_usd"] = prices.round_half_even(reported)
    times = [e.ms for e in events if e.ms is not None]
    row["first_ms"] = min(times) if times else None
    row["last_ms"] = max(times) if times else None
    return row


def day(ms):
    if ms is None:
        return "unknown"
    return (datetime(1970, 1, 1) + timedelta(milliseconds=ms)).strftime("%Y-%m-%d")


def report(events, by="model"):
    groups = {}
    for e in events:
        groups.setdefault(e.model if by == "model" else day(e.ms), []).append(e)
    rows = [dict([("key", k)], **figures(groups[k])) for k in sorted(groups)]
    return {"rows": rows, "totals": figures(events)}


def count_all(claude=(), codex=(), gemini=(), notes=None):
    notes = notes or Notes()
    seen = set()
    a = [f for d in claude for f in jsonl_files(claude_roots(d), notes, seen)]
    seen = set()
    b = [f for d in codex for f in jsonl_files(codex_roots(d), notes, seen)]
    seen = set()
    c = [f for d in gemini for f in jsonl_files(gemini_roots(d), notes, seen, (".json", ".jsonl"))]
    return claude_events(a, notes) + codex_events(b, notes) + gemini_events(c, notes)


def main(argv=None):
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    p.add_argument("--claude", action="append", default=[], metavar="DIR")
    p.add_argument("--codex", action="append", default=[], metavar="DIR")
    p.add_argument("--gemini", action="append", default=[], metavar="DIR")
    p.add_argument("--by", choices=("model", "day"), default="model")
    p.add_argument("--json", action="store_true")
    a = p.parse_args(argv)
    for d in a.claude + a.codex + a.gemini:
        if not os.path.exists(d):
            p.error("no such file or folder: " + d)
    notes = Notes()
    out = report(count_all(a.claude, a.codex, a.gemini, notes), a.by)
    if a.json:
        json.dump(out, sys.stdout, indent=1)
        sys.stdout.write("\n")
    else:
        for row in out["rows"] + [dict(out["totals"], key="TOTAL")]:
            print(row["key"])
            for k in FIGURES:
                print("  %-28s %s" % (k, row[k]))
    print(json.dumps(notes.as_dict()), file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
