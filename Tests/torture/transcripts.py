"""Writes transcripts as Claude Code and Codex do, a chunk at a time, and the truth of each call into the journal.

A call's truth is journalled when its first line is planned; all its lines are written before the run is judged. What
is written is cut, repeated and spread over seconds on purpose: lines in two halves, streaming repeats of one request
that grow beyond the product's quiet time, unchanged re-emits, a resumed session's copies, lines of damage.

Only models whose price never changed are used: what a clock does to an event's price is another test's question.
"""

import json
import os
import time
import uuid

from journal import Call

CLAUDE_MODELS = ("claude-opus-4-8", "claude-opus-4-8", "claude-sonnet-4-5", "claude-haiku-4-5-20251001",
                 "claude-opus-4-1", "acme-proxy-large")
CODEX_MODELS = ("gpt-5.3-codex", "gpt-5.3-codex", "gpt-6.1-terra", "gpt-6-luna")
# Stands in all content. Found in a file of the product, it has leaked.
CANARY = "CANARY-TORTURE"
SESSIONS_OPEN = 4
CALLS_A_SESSION = 60
DAY_MS = 86_400_000
# Beyond a year's retention even for a gateway whose clock is a year behind.
TOO_OLD_MS = 900 * DAY_MS


def instant(ms):
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(ms // 1000)) + ".%03dZ" % (ms % 1000)


def make_uuid(rng):
    return str(uuid.UUID(int=rng.getrandbits(128), version=4))


def word(rng, length):
    return "".join(rng.choice("abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789") for _ in range(length))


def encode(line):
    return json.dumps(line, separators=(",", ":")).encode() + b"\n"


class Claude:
    """A session of Claude Code, its file, and now and then a subagent's or a resumed copy beside it."""

    def __init__(self, rng, folder, now_ms, is_old=False):
        self.rng, self.is_old = rng, is_old
        self.session = make_uuid(rng)
        self.family = self.session
        self.project = rng.choice(("alpha", "bravo", "charlie", "delta"))
        self.folder = os.path.join(folder, "projects", "-home-dev-" + self.project)
        self.path = os.path.join(self.folder, self.session + ".jsonl")
        self.model = rng.choice(CLAUDE_MODELS)
        self.now_ms = now_ms
        self.cached = 0
        self.calls = 0
        self.lines = []

    def _line(self, ms, **members):
        line = {"parentUuid": None, "isSidechain": False, "userType": "external", "cwd": "/home/dev/" + self.project,
                "sessionId": self.session, "version": "2.1.0", "gitBranch": CANARY}
        line.update(members)
        line.update(uuid=make_uuid(self.rng), timestamp=instant(ms))
        return line

    def call(self):
        """(call, [(seconds from now, path, bytes)]): one request and the lines that will show it."""
        rng = self.rng
        self.calls += 1
        self.now_ms += rng.randrange(40, 4_000)
        write, read = rng.randrange(0, 20_000), self.cached
        split = rng.choice(("5m", "1h", "none", "mixed"))
        tokens = {
            "input_tokens": rng.randrange(1, 900), "cache_read_tokens": read,
            "cache_write_5m_tokens": 0, "cache_write_1h_tokens": 0, "cache_write_unknown_tokens": 0,
            "output_tokens": rng.randrange(2, 4_000)}
        if split == "none":
            tokens["cache_write_unknown_tokens"] = write
        else:
            hour = {"5m": 0, "1h": write, "mixed": write // 3}[split]
            tokens.update(cache_write_1h_tokens=hour, cache_write_5m_tokens=write - hour)
        self.cached = 0 if read + write > 260_000 else read + write
        searches = rng.randrange(1, 4) if self.model.startswith("claude") and rng.random() < 0.02 else 0
        reasoning = tokens["output_tokens"] // 3 if rng.random() < 0.4 else 0
        call = Call(self.model, self.now_ms, tokens, reasoning, searches)
        message, request = "msg_01" + word(rng, 22), "req_011C" + word(rng, 20)
        # One line only of what is too old: its growth would be left out, and counted, once more.
        blocks = 1 if self.is_old else rng.choice((1, 1, 1, 2, 2, 3, 4))
        chunks, after = [], 0.0
        for index in range(blocks):
            is_last = index == blocks - 1
            # Early lines hold a placeholder or a share of the output.
            share = tokens["output_tokens"] * (index + 1) // (blocks + 1)
            output = tokens["output_tokens"] if is_last else max(1, rng.choice((1, share)))
            usage = {
                "input_tokens": tokens["input_tokens"], "cache_creation_input_tokens": write,
                "cache_read_input_tokens": read, "output_tokens": output, "service_tier": "standard"}
            if split != "none":
                usage["cache_creation"] = {
                    "ephemeral_5m_input_tokens": tokens["cache_write_5m_tokens"],
                    "ephemeral_1h_input_tokens": tokens["cache_write_1h_tokens"]}
            if reasoning:
                usage["output_tokens_details"] = {"thinking_tokens": min(reasoning, output)}
            if searches:
                usage["server_tool_use"] = {"web_search_requests": searches}
            line = self._line(
                self.now_ms + index, type="assistant", requestId=request, message={
                    "id": message, "type": "message", "role": "assistant", "model": self.model,
                    "content": [{"type": "text", "text": CANARY + " " + word(rng, rng.randrange(4, 200))}],
                    "stop_reason": "end_turn" if is_last else None, "usage": usage})
            chunks += self._spread(after, encode(line))
            # Sometimes longer than an unfinished request is held, so that what grows later is a correction.
            after += rng.choice((0.0, 0.01, 0.2, 1.0, 3.5))
        return call, chunks

    def _spread(self, after, data):
        """A line at once, in two halves, or behind a line of damage; sometimes written twice."""
        rng = self.rng
        self.lines.append(data)
        chunks = []
        if rng.random() < 0.03:
            chunks.append((after, self.path, rng.choice((b"{\"type\":\"assist\n", b"\0\0\0\0\n", b"\n", b"[1,2\n"))))
        if rng.random() < 0.1:
            cut = rng.randrange(1, len(data))
            chunks += [(after, self.path, data[:cut]), (after + rng.choice((0.02, 0.6)), self.path, data[cut:])]
        else:
            chunks.append((after, self.path, data))
        if rng.random() < 0.05:
            chunks.append((after, self.path, data))
        return chunks

    def resumed(self):
        """A copy of everything so far under a new id, as resuming a session writes it: it counts nothing."""
        session = make_uuid(self.rng)
        path = os.path.join(self.folder, session + ".jsonl")
        old, new = self.session.encode(), session.encode()
        return session, [(0.0, path, line.replace(old, new)) for line in self.lines[-30:]]


class Codex:
    """A rollout of Codex: cumulative counters, emitted again unchanged now and then."""

    def __init__(self, rng, folder, now_ms, is_old=False):
        self.rng, self.is_old = rng, is_old
        self.session = make_uuid(rng)
        self.family = self.session
        self.now_ms = now_ms
        self.model = rng.choice(CODEX_MODELS)
        day = time.strftime("%Y/%m/%d", time.gmtime(now_ms // 1000))
        stamp = instant(now_ms)[:19].replace(":", "-")
        self.path = os.path.join(folder, "sessions", day, "rollout-%s-%s.jsonl" % (stamp, self.session))
        self.total = [0, 0, 0, 0]
        self.calls = 0

    def _line(self, kind, payload):
        return encode({"timestamp": instant(self.now_ms), "type": kind, "payload": payload})

    @staticmethod
    def _counts(four):
        names = ("input_tokens", "cached_input_tokens", "output_tokens", "reasoning_output_tokens")
        return dict(zip(names, four), total_tokens=four[0] + four[2])

    def call(self):
        rng = self.rng
        chunks = []
        if self.calls == 0:
            chunks.append((0.0, self.path, self._line("session_meta", {
                "id": self.session, "timestamp": instant(self.now_ms), "cwd": "/home/dev/alpha",
                "originator": "codex_cli_rs", "cli_version": "0.99.0", "instructions": CANARY})))
        if self.calls == 0 or rng.random() < 0.05:
            self.model = rng.choice(CODEX_MODELS)
            chunks.append((0.0, self.path, self._line("turn_context", {
                "cwd": "/home/dev/alpha", "model": self.model, "user_instructions": CANARY})))
        self.calls += 1
        self.now_ms += rng.randrange(40, 4_000)
        last = [rng.randrange(100, 320_000), 0, rng.randrange(1, 6_000), 0]
        last[1] = rng.randrange(0, last[0]) // 128 * 128
        last[3] = last[2] // 2 if rng.random() < 0.5 else 0
        self.total = [a + b for a, b in zip(self.total, last)]
        count = self._line("event_msg", {
            "type": "token_count",
            "info": {"total_token_usage": self._counts(self.total), "last_token_usage": self._counts(last)}})
        chunks.append((0.0, self.path, self._line("response_item", {
            "type": "message", "role": "user", "content": [{"type": "input_text", "text": CANARY}]})))
        for _ in range(rng.choice((1, 1, 1, 2, 3))):
            chunks.append((rng.choice((0.0, 0.0, 0.3)), self.path, count))
        call = Call(self.model, self.now_ms, {
            "input_tokens": last[0] - last[1], "cache_read_tokens": last[1], "output_tokens": last[2]}, last[3])
        # A rollout is written in order: later chunks never overtake earlier ones.
        chunks.sort(key=lambda c: c[0])
        return call, chunks


class Author:
    """Everything that one workstation's agents write."""

    def __init__(self, rng, claude_folder, codex_folder):
        self.rng = rng
        self.claude_folder, self.codex_folder = claude_folder, codex_folder
        self.open = []
        # A copy's id → the id of the session that it copies, which has the calls.
        self.families = {}
        # Chunks to be written, per file in order: path → [(monotonic, bytes)].
        self.pending = {}

    def write_call(self, journal, tenant, workstation, now):
        rng = self.rng
        if len(self.open) < SESSIONS_OPEN and rng.random() < 0.3 or not self.open:
            kind, folder = rng.choice(((Claude, self.claude_folder), (Claude, self.claude_folder),
                                       (Codex, self.codex_folder)))
            # Most sessions are of now, some of days ago; a few are older than anybody keeps.
            is_old = rng.random() < 0.02
            ago = TOO_OLD_MS if is_old else rng.choice((0, 0, 0, rng.randrange(0, 20 * DAY_MS)))
            self.open.append(kind(rng, folder, int(time.time() * 1000) - ago - 600_000, is_old))
        session = rng.choice(self.open)
        call, chunks = session.call()
        journal.write(tenant, workstation, session.family, call, session.is_old)
        if isinstance(session, Claude) and rng.random() < 0.02:
            copy, copied = session.resumed()
            self.families[copy] = session.family
            # Not before what it copies stands there.
            chunks += [(max(c[0] for c in chunks) + 0.1, path, data) for _, path, data in copied]
        for after, path, data in chunks:
            queue = self.pending.setdefault(path, [])
            due = now + after
            if queue:
                due = max(due, queue[-1][0])
            queue.append((due, data))
        if session.calls >= CALLS_A_SESSION:
            self.open.remove(session)

    def flush(self, now):
        """Writes every chunk that is due; returns the bytes."""
        written = 0
        for path in [p for p, q in self.pending.items() if q[0][0] <= now]:
            queue = self.pending[path]
            due = [data for when, data in queue if when <= now]
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "ab", buffering=0) as f:
                for data in due:
                    f.write(data)
                    written += len(data)
            if len(due) == len(queue):
                del self.pending[path]
            else:
                del queue[:len(due)]
        return written
