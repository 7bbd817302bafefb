"""Seeds for the target `otlp`: exports in each encoding and packing, and whole requests, good and bad.

Made by the encoder of Tests/otlp/sender.py, at a time that stands still: the same program gives the same seeds.
"""

import gzip
import json
import os
import struct
import sys
from typing import Any, Dict, Iterator, List, Tuple

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "Tests", "otlp"))

import sender  # noqa: E402

NANOS = 1775815201000000000
# Of fuzz/targets/OTLPSubject.swift.
TRACES, METRICS, PROTOBUF, GZIP, CHUNKS, TRANSCRIPTS, TWICE, RAW = 1, 2, 4, 8, 16, 32, 64, 128
Record = Tuple[str, Dict[str, Any]]


def packed(data: bytes) -> bytes:
    return gzip.compress(data, mtime=0)


def gemini(**numbers: int) -> Record:
    return "API response", {
        "event.name": "gemini_cli.api_response", "session.id": "s", "model": "gemini-3.1-pro",
        "response_text": "x", **{"%s_token_count" % name: count for name, count in numbers.items()}}


def spans(records: List[Dict[str, Any]], service: str = "a-service", scope: str = "a.scope") -> Tuple[bytes, bytes]:
    """Like sender.logs, of spans: in protobuf and in JSON."""
    body = b""
    listed = []
    for number, pairs in enumerate(records, 1):
        trace, span = bytes([number]) * 16, bytes([number]) * 8
        body += sender.field(2, (
            sender.field(1, trace) + sender.field(2, span) + sender.varint(8 << 3 | 1) + struct.pack("<Q", NANOS)
            + sender.attributes(9, pairs)))
        listed.append({
            "traceId": trace.hex(), "spanId": span.hex(), "endTimeUnixNano": str(NANOS),
            "attributes": [{"key": key, "value": sender.json_value(one)} for key, one in pairs.items()]})
    resource = {"service.name": service}
    protobuf = sender.field(1, sender.field(1, sender.attributes(1, resource)) + sender.field(
        2, sender.field(1, sender.field(1, scope.encode())) + body))
    text = json.dumps({"resourceSpans": [{
        "resource": {"attributes": [{"key": "service.name", "value": {"stringValue": service}}]},
        "scopeSpans": [{"scope": {"name": scope}, "spans": listed}]}]})
    return protobuf, text.encode()


def logs() -> Iterator[Tuple[bytes, bytes]]:
    sender.NANOS = NANOS
    numbers: Dict[str, Any] = {
        "input_tokens": 10, "output_tokens": "41", "cache_read_tokens": 17536.0, "cache_creation_tokens": 6646,
        "cost_usd": 0.0152606, "duration_ms": 1200, "speed": "fast", "query_source": "subagent"}
    name, pairs = sender.claude("req_1", **numbers)
    pairs = {key: one for key, one in pairs.items() if not isinstance(one, list) and sender.SECRET not in str(one)}
    nameless = {key: one for key, one in pairs.items() if key != "request_id"}
    yield sender.logs([(name, pairs)])
    yield sender.logs([(name, pairs), sender.codex(100), gemini(input=20, output=5, thoughts=3, total=28)])
    yield sender.logs([("x", {**nameless, "event.name": name, "cost_usd_micros": 15260, "cost_usd": "x"})])
    yield sender.logs([(name, {**pairs, "input_tokens": one}) for one in (-1, 0.5, "1.5", 1 << 40, "", [], float(7))])
    yield sender.logs([(name, {**nameless, "cost_usd": one}) for one in (3, "0.0000000025", 2.5e-9, 1e30, -1.0)])
    yield sender.logs([sender.codex(count) for count in (0, 1, 100, 100)])
    yield sender.logs([gemini(input=9, cached_content=10), gemini(input=9, tool=2, output=4, thoughts=4, total=15)])
    yield sender.logs([(name, {"input_tokens": 0}), ("other", pairs)])
    sender.NANOS = 0
    yield sender.logs([(name, {**pairs, "event.timestamp": "2026-04-10T10:00:01.123Z"}), (name, pairs)])
    sender.NANOS = NANOS


def traces() -> Iterator[Tuple[bytes, bytes]]:
    usage: Dict[str, Any] = {
        "gen_ai.operation.name": "chat", "gen_ai.request.model": "GPT-5.2[1m]",
        "gen_ai.usage.input_tokens": 1000, "gen_ai.usage.cache_read.input_tokens": 900,
        "gen_ai.usage.cache_creation.input_tokens": 20, "gen_ai.usage.output_tokens": 7,
        "gen_ai.usage.reasoning.output_tokens": 9}
    named = {**usage, "gen_ai.response.id": "resp_1", "gen_ai.response.model": "gpt-5.2", "session.id": "s"}
    yield spans([usage])
    yield spans([named, {**named, "gen_ai.usage.output_tokens": 8}, {**usage, "gen_ai.operation.name": "invoke_agent"}])
    yield spans([{**usage, "gen_ai.usage.input_tokens": 50, "gen_ai.conversation.id": "c"}, {"x": 1}])
    yield spans([usage], service="gemini-cli")
    yield spans([usage], scope="com.anthropic.claude_code.tracing")


def request(fields: List[str], body: bytes, line: str = "POST /v1/logs HTTP/1.1") -> bytes:
    return "\r\n".join([line] + fields + ["", ""]).encode() + body


def requests(protobuf: bytes, text: bytes) -> Iterator[bytes]:
    host, kind = "Host: localhost", "Content-Type: application/json"
    length, chunked = "Content-Length: %d" % len(text), "Transfer-Encoding: chunked"
    chunks = b"".join(b"%x;a=b\r\n%s\r\n" % (len(part), part) for part in (text[:9], text[9:])) + b"0\r\nA: b\r\n\r\n"
    good = request([host, kind + "; charset=utf-8", length], text)
    yield good
    yield good + request(
        ["Host: [::1]:4318", kind, "Content-Encoding: gzip", "Content-Length: %d" % len(packed(text)),
         "Connection: close"], packed(text)) + good
    yield request([host, kind, chunked], chunks) + good
    yield request(["Expect: 100-continue", host, kind, length], text)
    yield request([host, "Content-Type: application/x-protobuf", "Content-Length: %d" % len(protobuf)], protobuf)
    yield request([kind, length], text, "POST /v1/logs HTTP/1.0")
    yield request([host, kind, "Content-Length: 0"], b"", "POST /v1/metrics HTTP/1.1")
    for bad in (
            [host, kind, length, "Origin: null"], ["Host: evil.example", kind, length], [host, length], [host, kind],
            [host, "Content-Type: text/plain", length], [host, kind, "Content-Length: 4194305"], [kind, length],
            [host, kind, length, chunked], [host, kind, "Content-Encoding: br", length], [host, kind, "X" * 5000]):
        yield request(bad, text)
    for line in ("GET /v1/logs HTTP/1.1", "POST /v1/other HTTP/1.1", "PRI * HTTP/2.0", "POST  HTTP/1.1"):
        yield request([host, kind, length], text, line)
    for body in (b"g\r\n", b"2\r\n{}x", b"400001\r\n", b"1;" + b"x" * 4200):
        yield request([host, kind, chunked], body)


def exports() -> Iterator[bytes]:
    """Inputs of the target."""
    pairs = [(0, one) for one in logs()] + [(TRACES, one) for one in traces()]
    for signal, (protobuf, text) in pairs:
        for how, body in ((PROTOBUF, protobuf), (0, text)):
            yield bytes([signal | how, 6]) + body
            yield bytes([signal | how | GZIP | CHUNKS, 30]) + packed(body)
            yield bytes([signal | how | TRANSCRIPTS | TWICE, 99]) + body
            yield bytes([signal | how | CHUNKS, 255]) + body[:-1]
    for how in (METRICS, METRICS | PROTOBUF, GZIP):
        yield bytes([how, 3]) + b"no export at all"
    yield bytes([GZIP, 9]) + packed(b" " * (17 << 20))[:1000]
    yield bytes([PROTOBUF | GZIP, 9]) + packed(sender.field(1, sender.field(2, b"\x12\0" * 9000)))
    yield bytes([PROTOBUF | GZIP, 9]) + packed(b"\x0a\0" * 70000)
    for start, end in ((b'{"resourceLogs":[', b"]}"), (b'{"a":', b"}")):
        yield bytes([0, 9]) + start + b"[" * 130 + b"]" * 130 + end
    protobuf, text = next(logs())
    for connection in requests(protobuf, text):
        for piece in (0, 77):
            yield bytes([RAW, piece]) + connection
