"""Small cases for every pitfall, and the public fixtures where they are at hand.

    python3 Tests/oracle/test_oracle.py
"""

import io
import json
import os
import shutil
import sys
import tempfile
import unittest
from contextlib import redirect_stderr, redirect_stdout
from fractions import Fraction

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import oracle  # noqa: E402
import prices  # noqa: E402

ROOT = os.path.dirname(os.path.dirname(HERE))
DATA = os.environ.get("TALLYGATE_SHARED_DATA") or os.path.join(ROOT, "..", "shared", "data")
TRANSCRIPTS = os.path.join(DATA, "transcripts")
T = "2026-03-01T10:00:0%d.000Z"


def claude(usage, mid="m1", rid="r1", model="claude-haiku-4-5", **line):
    message = {"role": "assistant", "usage": usage, "model": model}
    if mid:
        message["id"] = mid
    out = {"type": "assistant", "timestamp": T % 0, "sessionId": "s", "message": message}
    if rid:
        out["requestId"] = rid
    out.update(line)
    return out


def usage(i=0, o=0, read=0, write=0, m5=None, h1=None, **more):
    u = {"input_tokens": i, "output_tokens": o, "cache_read_input_tokens": read,
         "cache_creation_input_tokens": write}
    if m5 is not None or h1 is not None:
        u["cache_creation"] = {"ephemeral_5m_input_tokens": m5 or 0, "ephemeral_1h_input_tokens": h1 or 0}
    u.update(more)
    return u


def meta(sid, **more):
    return {"type": "session_meta", "timestamp": T % 0, "payload": dict({"id": sid}, **more)}


def turn(model):
    return {"type": "turn_context", "timestamp": T % 0, "payload": {"model": model}}


def tok(last, total, second=1, info=None, extra=7):
    names = oracle.CODEX
    body = dict(info or {})
    if last:
        body["last_token_usage"] = dict(zip(names, last), total_tokens=sum(last) + extra)
    if total:
        body["total_token_usage"] = dict(zip(names, total), total_tokens=sum(total) + extra)
    return {"type": "event_msg", "timestamp": T % second, "payload": {"type": "token_count", "info": body}}


class Case(unittest.TestCase):
    def setUp(self):
        self.dir = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.dir)

    def write(self, name, lines, raw=False):
        path = os.path.join(self.dir, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as f:
            if raw:
                f.write(lines)
            else:
                for line in lines:
                    f.write(json.dumps(line).encode() + b"\n")
        return path

    def claude(self, *lines):
        self.write("projects/p/a.jsonl", lines)
        return self.total()

    def total(self, **kw):
        self.notes = oracle.Notes()
        self.out = oracle.report(oracle.count_all(notes=self.notes, **(kw or {"claude": [self.dir]})))
        self.rows = {r["key"]: r for r in self.out["rows"]}
        return self.out["totals"]

    def codex(self):
        return self.total(codex=[self.dir])

    def check(self, t, **want):
        self.assertEqual({k: t[k] for k in want}, want)


class Claude(Case):
    def test_streaming_takes_each_field_at_its_maximum(self):
        t = self.claude(claude(usage(10, 1, 5)), claude(usage(10, 40, 5), timestamp=T % 2),
                        claude(usage(9, 30, 6), timestamp=T % 1))
        self.check(t, events=1, input_tokens=10, output_tokens=40, cache_read_tokens=6,
                   first_ms=1772359200000, last_ms=1772359200000)

    def test_split_after_total_is_not_counted_twice(self):
        t = self.claude(claude(usage(1, write=1000)), claude(usage(1, write=1000, m5=800, h1=150)))
        self.check(t, cache_write_5m_tokens=800, cache_write_1h_tokens=150, cache_write_unknown_tokens=50)

    def test_write_without_split_is_of_unknown_lifetime_at_the_5m_rate(self):
        t = self.claude(claude(usage(write=1_000_000)))
        self.check(t, cache_write_unknown_tokens=1_000_000, cost_nano_usd=1_250_000_000)

    def test_resume_under_a_new_session_counts_once(self):
        self.write("projects/p/b.jsonl", [claude(usage(10, 5), sessionId="s2"), claude(usage(3, 1), mid="m2", rid="r2")])
        self.check(self.claude(claude(usage(10, 5))), events=2, input_tokens=13)

    def test_sidechain_file_read_and_its_replayed_line_not_counted_again(self):
        self.write("projects/p/s/subagents/x/agent-1.jsonl",
                   [claude(usage(10, 5), isSidechain=True), claude(usage(7, 1), mid="m2", rid="r2", isSidechain=True)])
        self.check(self.claude(claude(usage(10, 5))), events=2, input_tokens=17)

    def test_no_request_id(self):
        t = self.claude(claude(usage(10, 5), rid=None), claude(usage(10, 9), rid=None))
        self.check(t, events=1, output_tokens=9)

    def test_request_id_on_some_lines_only(self):
        t = self.claude(claude(usage(10, 5), rid=None), claude(usage(10, 9)))
        self.check(t, events=1, output_tokens=9)

    def test_two_request_ids_are_two_requests(self):
        self.check(self.claude(claude(usage(10)), claude(usage(10), rid="r2")), events=2)

    def test_without_message_id_session_and_uuid(self):
        t = self.claude(claude(usage(1), mid=None, uuid="u"), claude(usage(2), mid=None, uuid="u"),
                        claude(usage(4), mid=None, uuid="u", sessionId="other"), claude(usage(8), mid=None, uuid="v"))
        self.check(t, events=3, input_tokens=14)

    def test_without_any_id_each_line_counts(self):
        self.check(self.claude(claude(usage(1), mid=None), claude(usage(1), mid=None)), events=2)

    def test_type_is_not_needed(self):
        line = claude(usage(5))
        del line["type"]
        self.check(self.claude(line, {"type": "assistant", "message": {"id": "x"}},
                               claude(None, mid="y", rid="y")), events=1)

    def test_labels(self):
        names = ["Claude-Opus-4-8[1m]", "<synthetic>", None, "", 7, "a b", "__proto__", "x" * 65]
        self.claude(*[claude(usage(1), mid="m%d" % i, rid="r%d" % i, model=n) for i, n in enumerate(names)])
        self.assertEqual({k: r["events"] for k, r in self.rows.items()},
                         {"claude-opus-4-8": 1, "unlisted": 7})

    def test_zero_rows_are_no_events(self):
        self.check(self.claude(claude(usage(), model="<synthetic>"), claude(usage(), mid="m2", rid="r2")), events=0)

    def test_web_searches_and_reasoning(self):
        t = self.claude(claude(usage(0, 10, output_tokens_details={"thinking_tokens": 4},
                                     server_tool_use={"web_search_requests": 3})))
        self.check(t, web_searches=3, reasoning_tokens=4, output_tokens=10, cost_nano_usd=30_000_000 + 50_000)

    def test_reported_cost_is_kept_apart(self):
        t = self.claude(claude(usage(1), model="nobody", costUSD=0.12), claude(usage(1), model="nobody", costUSD=0.12))
        self.check(t, events=1, reported_cost_nano_usd=120_000_000, cost_nano_usd=0, unpriced_events=1)

    def test_reported_cost_tells_a_lifetime_that_alone_explains_it(self):
        u = usage(10, 41, read=17536)
        u["cache_creation_input_tokens"] = 6646
        for reported, cost in ((0.0152606, 15_260_600), (0.0102761, 10_276_100), (0.015261, 15_260_600),
                               (0.0152607, 10_276_100), (None, 10_276_100)):
            more = {} if reported is None else {"costUSD": reported}
            self.write("projects/p/a.jsonl", [claude(u, model="claude-haiku-4-5", **more)])
            self.check(self.total(), events=1, cost_nano_usd=cost, cache_write_unknown_tokens=6646)

    def test_advisor_is_an_event_of_its_own_model(self):
        steps = [{"type": "message", "input_tokens": 10, "output_tokens": 5},
                 {"type": "advisor_message", "model": "claude-opus-4-8", "input_tokens": 100, "output_tokens": 50}]
        u = usage(10, 5, iterations=steps)
        self.check(self.claude(claude(u), claude(u)), events=2, input_tokens=110, output_tokens=55)
        self.assertEqual(self.rows["claude-opus-4-8"]["cost_nano_usd"], 100 * 5000 + 50 * 25000)

    def test_compaction_is_an_event_of_the_message_model_and_own_steps_are_summed(self):
        steps = [{"type": "compaction", "input_tokens": 1000, "output_tokens": 7},
                 {"type": "message", "input_tokens": 10, "output_tokens": 3},
                 {"type": "message", "input_tokens": 20, "output_tokens": 2}]
        self.check(self.claude(claude(usage(10, 5, iterations=steps))), events=2, input_tokens=1030, output_tokens=12)
        steps[1]["type"] = "fallback_message"
        self.check(self.claude(claude(usage(10, 5, iterations=steps))), events=2, input_tokens=1010, output_tokens=12)

    def test_bad_lines_are_skipped_and_counted(self):
        good = json.dumps(claude(usage(5))).encode()
        cut = json.dumps(claude(usage(9), mid="m2", rid="r2")).encode()[:-9]
        deep = b'{"a":' + b"[" * 200_000
        self.write("projects/p/a.jsonl", b"\n".join([
            b"no json", b"[1]", b'"x"', b"\0\0\0" + good, b'{"a":NaN}', deep, b"\xff\xfe", b"", good, cut]), raw=True)
        self.check(self.total(), events=1, input_tokens=5)
        self.assertEqual(self.notes.malformed, 8)

    def test_last_line_without_a_newline_counts_when_whole(self):
        self.write("projects/p/a.jsonl", json.dumps(claude(usage(5))).encode(), raw=True)
        self.check(self.total(), events=1)

    def test_bad_utf8_in_content_does_not_lose_the_usage(self):
        self.write("projects/p/a.jsonl", json.dumps(claude(usage(5), slug="@@")).encode().replace(b"@@", b"\xff\xc0"), raw=True)
        self.check(self.total(), events=1)

    def test_numbers_that_are_no_counts(self):
        u = usage(10, read=-5)
        u.update(output_tokens="12", cache_creation_input_tokens=2 ** 64)
        self.check(self.claude(claude(u)), events=1, input_tokens=10, output_tokens=0,
                   cache_read_tokens=0, cache_write_unknown_tokens=0)
        self.check(self.claude(claude(usage(1e3, True, 1.5))), input_tokens=1000, output_tokens=0, cache_read_tokens=0)

    def test_symbolic_links_and_loops(self):
        path = self.write("projects/p/a.jsonl", [claude(usage(5), mid=None)])
        os.symlink(path, os.path.join(self.dir, "projects/p/b.jsonl"))
        os.link(path, os.path.join(self.dir, "projects/p/c.jsonl"))
        os.symlink(self.dir, os.path.join(self.dir, "projects/p/loop"))
        os.symlink("/nowhere/at/all", os.path.join(self.dir, "projects/p/d.jsonl"))
        self.check(self.total(), events=1)
        self.assertEqual(self.notes.duplicate_files, 2)

    def test_line_without_a_time(self):
        t = self.claude(claude(usage(5), timestamp="yesterday"),
                        claude(usage(5), mid="m2", rid="r2", model="claude-sonnet-5-5", timestamp=None))
        self.check(t, events=2, first_ms=None, last_ms=None, cost_nano_usd=5000, unpriced_events=1)

    def test_days_are_utc(self):
        self.write("projects/p/a.jsonl", [claude(usage(1), timestamp="2026-03-01T23:59:59.999Z"),
                                          claude(usage(1), mid="m2", rid="r2", timestamp="2026-03-01T23:30:00-01:00")])
        rows = oracle.report(oracle.count_all(claude=[self.dir]), "day")["rows"]
        self.assertEqual([r["key"] for r in rows], ["2026-03-01", "2026-03-02"])

    def test_cost_is_rounded_once(self):
        # 0.10 USD/M * US 1.1 * batch 0.5 = 55 nano a token; three cached tokens at 5.5 make 16.5, to even 16.
        lines = [claude(usage(read=1, inference_geo="us", service_tier="batch"), mid="m%d" % i, rid="r%d" % i,
                        model="claude-haiku-5-5", timestamp="2026-11-01T00:00:00Z") for i in range(3)]
        self.check(self.claude(*lines), cost_nano_usd=16)
        self.check(self.claude(lines[0]), cost_nano_usd=6)      # 5.5, to even 6

    def test_modes(self):
        def cost(model="claude-opus-4-8", **mode):
            t = self.claude(claude(usage(1000, **mode), model=model))
            return None if t["unpriced_events"] else t["cost_nano_usd"]
        self.assertEqual(cost(), 5_000_000)
        self.assertEqual(cost(service_tier="standard", speed="standard", inference_geo="global"), 5_000_000)
        self.assertEqual(cost(service_tier="default", inference_geo="not_available"), 5_000_000)
        self.assertEqual(cost(speed="fast"), 10_000_000)
        self.assertEqual(cost("claude-opus-4-7", speed="fast"), 30_000_000)
        self.assertEqual(cost(speed="fast", inference_geo="us"), 11_000_000)
        self.assertEqual(cost(service_tier="batch"), 2_500_000)
        for bad in ({"service_tier": "priority"}, {"inference_geo": "eu"}, {"speed": "turbo"}):
            self.assertIsNone(cost(**bad))
        self.assertIsNone(cost("claude-opus-4-5", speed="fast"))


class Codex(Case):
    A, B = (10, 4, 1, 1), (5, 0, 1, 0)
    AB = (15, 4, 2, 1)

    def test_cached_is_inside_input(self):
        self.write("sessions/a.jsonl", [meta("a"), turn("GPT-5.2"), tok(self.A, self.A)])
        self.check(self.codex(), events=1, input_tokens=6, cache_read_tokens=4, output_tokens=1, reasoning_tokens=1,
                   cost_nano_usd=6 * 1750 + 4 * 175 + 14000)

    def test_reemits_and_zero_rows(self):
        zero = tok((0, 0, 0, 0), self.AB, extra=9148)
        self.write("sessions/a.jsonl", [meta("a"), turn("m"), tok(self.A, self.A), tok(self.A, self.A, 2),
                                        tok(self.B, self.AB), zero, tok(None, None), tok(self.B, self.AB, extra=99)])
        self.check(self.codex(), events=2, input_tokens=11, output_tokens=2)

    def test_equal_requests_with_growing_totals_both_count(self):
        self.write("sessions/a.jsonl", [meta("a"), turn("m"), tok(self.A, self.A), tok(self.A, (20, 8, 2, 2))])
        self.check(self.codex(), events=2)

    def test_last_is_trusted_when_totals_fall_or_jump(self):
        self.write("sessions/a.jsonl", [meta("a"), turn("m"), tok(self.A, (900, 0, 9, 0)), tok(self.B, self.B)])
        self.check(self.codex(), events=2, input_tokens=11)

    def test_totals_alone(self):
        self.write("sessions/a.jsonl", [meta("a"), turn("m"), tok(None, self.A), tok(None, self.AB), tok(None, self.B)])
        self.check(self.codex(), events=3, input_tokens=16, cache_read_tokens=4)

    def fork(self, **link):
        self.write("sessions/c.jsonl", [meta("c", **link), turn("m"), tok(self.A, self.A, 5), tok(self.B, self.AB, 6)])

    def test_fork_and_subagent_replay(self):
        for link in ({"forked_from_id": "a"}, {"parent_thread_id": "a"},
                     {"source": {"subagent": {"thread_spawn": {"parent_thread_id": "a"}}}}):
            self.write("archived_sessions/a.jsonl", [meta("a"), turn("m"), tok(self.A, self.A)])
            self.fork(**link)
            self.check(self.codex(), events=2, input_tokens=11)

    def test_fork_of_a_fork_and_replay_from_the_middle(self):
        self.write("sessions/a.jsonl", [meta("a"), turn("m"), tok(self.A, self.A), tok(self.B, self.AB)])
        self.write("sessions/b.jsonl", [meta("b", forked_from_id="a"), turn("m"), tok(self.A, self.A), tok(self.A, (20, 8, 2, 2))])
        self.write("sessions/c.jsonl", [meta("c", forked_from_id="b"), meta("b"), turn("m"), tok(self.A, (20, 8, 2, 2)), tok(self.B, (25, 8, 3, 2))])
        self.check(self.codex(), events=4)

    def test_own_work_equal_to_the_parents_after_it_split_off_is_kept(self):
        # The child's own row has the parent's total but not the parent's classes.
        self.write("sessions/a.jsonl", [meta("a"), turn("m"), tok(self.A, self.A), tok(self.B, self.AB)])
        self.write("sessions/c.jsonl", [meta("c", forked_from_id="a"), turn("m"), tok(self.A, self.A), tok((4, 0, 2, 0), (14, 4, 3, 1))])
        self.check(self.codex(), events=3)

    def test_unlinked_sessions_with_equal_rows_both_count(self):
        self.write("sessions/a.jsonl", [meta("a"), turn("m"), tok(self.A, self.A)])
        self.write("sessions/b.jsonl", [meta("b"), turn("m"), tok(self.A, self.A)])
        self.check(self.codex(), events=2)

    def test_siblings_of_a_parent_that_is_gone(self):
        self.fork(forked_from_id="gone")
        self.write("sessions/d.jsonl", [meta("d", forked_from_id="gone"), turn("m"), tok(self.A, self.A), tok(self.A, (20, 8, 2, 2))])
        self.check(self.codex(), events=3)

    def test_the_same_session_in_both_folders(self):
        rows = [meta("a"), turn("m"), tok(self.A, self.A), tok(self.B, self.AB)]
        self.write("sessions/a.jsonl", rows[:3])
        self.write("archived_sessions/a.jsonl", rows)
        self.check(self.codex(), events=2)

    def test_no_session_meta_and_models(self):
        self.write("sessions/a.jsonl", [tok(self.A, self.A), turn("One"), tok(self.B, self.AB),
                                        tok(self.A, (25, 8, 3, 2), info={"model": "two"})])
        self.codex()
        self.assertEqual(sorted(self.rows), ["one", "two", "unlisted"])

    def test_cycle_of_forks_counts_once(self):
        self.write("sessions/a.jsonl", [meta("a", forked_from_id="b"), turn("m"), tok(self.A, self.A)])
        self.write("sessions/b.jsonl", [meta("b", forked_from_id="a"), turn("m"), tok(self.A, self.A)])
        self.check(self.codex(), events=1)

    def test_service_tier(self):
        def tier(v):
            return {"type": "event_msg", "payload": {"type": "thread_settings_applied", "thread_settings": {"service_tier": v}}}
        self.write("sessions/a.jsonl", [meta("a"), turn("gpt-5.2"), tier("priority"), tok((1000, 0, 0, 0), (1000, 0, 0, 0)),
                                        tier("flex"), tok((1000, 0, 0, 0), (2000, 0, 0, 0)),
                                        tier("default"), tok((1000, 0, 0, 0), (3000, 0, 0, 0)),
                                        tier("odd"), tok((1000, 0, 0, 0), (4000, 0, 0, 0))])
        self.check(self.codex(), events=4, unpriced_events=1, cost_nano_usd=1_750_000 * 7 // 2)


def answer(mid, *tokens, second=1, model="gemini-3.1-pro"):
    names = ("input", "output", "cached", "thoughts", "tool", "total")
    return {"id": mid, "timestamp": T % second, "type": "gemini", "content": "x", "model": model,
            "tokens": dict(zip(names, tokens)) if tokens else None}


class Gemini(Case):
    CHATS = ".gemini/tmp/p/chats/"

    def gemini(self, *records):
        if records:
            self.write(self.CHATS + "session-1.jsonl", ({"sessionId": "s", "projectHash": "h"},) + records)
        return self.total(gemini=[self.dir])

    def test_classes_and_what_the_total_says_of_them(self):
        for tokens, want in (
                ((15327, 23, 11000, 919, 7, 16276), (4334, 11000, 942, 919)),
                ((15327, 23, 11000, 919, 7), (4334, 11000, 942, 919)), ((5, 9, 0, 4, 0, 14), (5, 0, 9, 4)),
                ((5, 1, 2, 0, 3, 6), (3, 2, 1, 0)), ((5, 1, 2, 0, 0, 8), (5, 2, 1, 0)),
                ((5, 1, 2, 3, 4, 999), (7, 2, 4, 3)), ((5, 1, 50, 0, 0, 6), (0, 5, 1, 0)),
                ((5, 1, 0, 3, 0, 6), (5, 0, 4, 3))):
            t = self.gemini(answer("a", *tokens))
            got = tuple(t[k + "_tokens"] for k in ("input", "cache_read", "output", "reasoning"))
            self.assertEqual(got, want, tokens)

    def test_the_last_word_on_a_message_counts(self):
        t = self.gemini(answer("a"), answer("a", 10, 50), answer("a", 10, 20), {"$rewindTo": "a"},
                        {"$set": {"messages": [answer("a", 10, 20), answer("b", 1, 1)]}}, answer("c", 0, 0))
        self.check(t, events=2, input_tokens=11, output_tokens=21)

    def test_a_chat_in_both_formats_counts_once_and_a_broken_one_as_far_as_it_goes(self):
        whole = json.dumps({"sessionId": "s", "messages": [answer("a", 10, 20), answer("d", 3, 1), answer("e", 9, 9)]})
        self.write(self.CHATS + "session-1.json", whole[:-40].encode(), raw=True)
        self.write(self.CHATS + "deep/x.jsonl", [answer("f", 7, 1)])
        self.write(".gemini/tmp/p/logs.json", [answer("g", 99, 9)])
        t = self.gemini(answer("a", 10, 20), answer("b", 1, 1))
        self.check(t, events=4, input_tokens=21, output_tokens=23)

    def test_models_and_other_messages(self):
        t = self.gemini(answer("a", 1, 1, model=None), dict(answer("b", 5, 5), type="user"), answer(None, 2, 2))
        self.check(t, events=2, input_tokens=3, unpriced_events=1)


class Prices(unittest.TestCase):
    MS = prices._ms("2026-11-01")

    def test_checked_case(self):
        base = {"input": 10, "output": 41, "read": 17_536}
        for k, want in (("w1h", 15_260_600), ("w5m", 10_276_100), ("wunk", 10_276_100)):
            self.assertEqual(prices.cost_nano("claude-haiku-4-5-20251001", self.MS, dict(base, **{k: 6_646})), want)

    def test_names(self):
        for name, row in {
            "claude-opus-4-20250514": "claude-opus-4", "claude-opus-4-1-20250805": "claude-opus-4-1",
            "anthropic/claude-opus-4-8": "claude-opus-4-8", "us.anthropic.claude-sonnet-4-20250514-v1:0": "claude-sonnet-4",
            "vertex_ai/claude-opus-4@20250514": "claude-opus-4", "vertex_ai/anthropic/claude-sonnet-5": "claude-sonnet-5",
            "openai/gpt-5.2-2025-12-11": "gpt-5.2", "gpt-5.3-codex": "gpt-5.3-codex",
            "gpt-5.2-codex": None, "gpt-5.3": None, "gpt-5": None, "claude-opus-4-9": None, "claude-opus-4-8-preview": None,
            "claude-opus": None, "claude-opus-4-2025": None, "claude-opus-4.1": None, "xclaude-opus-4": None,
            "claude-opus-4-latest": None, "claude-opus-4-20259999": None, "unlisted": None, "__proto__": None,
            "claude-opus-4-20250514-20250514": None, "claude-opus-4-v1:0": None,
        }.items():
            self.assertEqual(prices.book_name(name), row, name)

    def test_bands_take_the_whole_request(self):
        c = prices.cost_nano
        at = {"input": 1000, "read": 150_000, "w1h": 49_000}
        self.assertEqual(c("claude-sonnet-4-5", self.MS, at), 3000 * 1000 + 300 * 150_000 + 6000 * 49_000)
        at["input"] += 1
        self.assertEqual(c("claude-sonnet-4-5", self.MS, at), 6000 * 1001 + 600 * 150_000 + 12000 * 49_000)
        self.assertEqual(c("claude-sonnet-4-6", self.MS, {"input": 300_000}), 3000 * 300_000)
        self.assertEqual(c("claude-haiku-5-5", self.MS, {"input": 100_000, "output": 900_000}), 100 * 100_000 + 500 * 900_000)
        self.assertEqual(c("claude-haiku-5-5", self.MS, {"input": 100_001}), 500 * 100_001)
        self.assertEqual(c("gpt-5.2", self.MS, {"input": 272_000}), 1750 * 272_000)
        self.assertEqual(c("gpt-5.2", self.MS, {"input": 272_001, "output": 1}), 3500 * 272_001 + 21_000)

    def test_dates(self):
        before, after = prices.OCT7 - 1, prices.OCT7
        self.assertEqual(prices.cost_nano("claude-sonnet-5-5", before, {"read": 1}), 200)
        self.assertEqual(prices.cost_nano("claude-sonnet-5-5", after, {"read": 1}), 100)
        self.assertIsNone(prices.cost_nano("claude-haiku-5-5", before, {"input": 1}))
        self.assertEqual(prices.cost_nano("claude-haiku-5-5", after, {"input": 1}), 100)
        self.assertEqual(prices.cost_nano("gemini-3.7-flash", prices.NEWYEAR - 1, {"input": 1}), 750)
        self.assertEqual(prices.cost_nano("gemini-3.7-flash", prices.NEWYEAR, {"input": 1}), 1500)

    def test_a_class_without_a_rate_is_unpriced(self):
        self.assertIsNone(prices.cost_nano("gemini-3.8-flash", self.MS, {"input": 1, "read": 1}))
        self.assertIsNone(prices.cost_nano("gpt-6.1-sol", self.MS, {"input": 1}, tier="priority"))
        self.assertIsNone(prices.cost_nano("gpt-5.2", self.MS, {"input": 1}, speed="fast"))

    def test_half_to_even(self):
        self.assertEqual([prices.round_half_even(Fraction(n, 2)) for n in (1, 3, 5)], [0, 2, 2])


class CommandLine(Case):
    def test_json(self):
        self.write("projects/p/a.jsonl", [claude(usage(5))])
        out = io.StringIO()
        with redirect_stdout(out), redirect_stderr(io.StringIO()):
            oracle.main(["--claude", self.dir, "--json"])
        got = json.loads(out.getvalue())
        self.assertEqual(set(got), {"rows", "totals"})
        self.assertEqual(set(got["rows"][0]), {"key"} | set(oracle.FIGURES))


@unittest.skipUnless(os.path.isdir(TRANSCRIPTS), "no ../shared/data beside the repository")
class Fixtures(Case):
    def at(self, codex=False, *parts):
        return self.total(**{"codex" if codex else "claude": [os.path.join(TRANSCRIPTS, *parts)]})

    def test_archived_fork(self):
        t = self.at(True, "codexbar", "archived-fork-33ce-3869", "codex-home")
        self.check(t, events=155, input_tokens=1_703_587, cache_read_tokens=13_549_696,
                   output_tokens=55_895, reasoning_tokens=25_017, unpriced_events=155)
        self.assertEqual(t["input_tokens"] + t["cache_read_tokens"], 15_253_283)

    def test_harness_smoke(self):
        self.check(self.at(True, "codexbar", "harness-smoke", "codex-home"), events=2, input_tokens=15, output_tokens=2)

    def test_ccusage_codex(self):
        self.check(self.at(True, "ccusage", "codex"), events=2, input_tokens=2750, cache_read_tokens=750,
                   output_tokens=425, reasoning_tokens=275, cost_nano_usd=7_787_500, unpriced_events=1)

    def test_ccusage_claude(self):
        self.check(self.at(False, "ccusage", "claude"), events=5, input_tokens=730, cache_read_tokens=110,
                   cache_write_unknown_tokens=90, output_tokens=310, cost_nano_usd=4_386_500,
                   reported_cost_nano_usd=1_090_000_000, unpriced_events=1)

    def test_claudit(self):
        self.check(self.at(False, "claudit"), events=8, input_tokens=531, cache_read_tokens=4000,
                   cache_write_5m_tokens=800, cache_write_1h_tokens=200, output_tokens=1002,
                   cost_nano_usd=22_155_000, unpriced_events=1)
        self.assertEqual(self.notes.malformed, 2)

    def test_claude_code_log(self):
        self.check(self.at(False, "claude-code-log"), events=6, input_tokens=238, output_tokens=480, unpriced_events=6)


if __name__ == "__main__":
    unittest.main()
