#!/usr/bin/env python3
"""Sends exports as OpenTelemetry exporters do, from an encoder that shares nothing with the product.

    sender.py URL            what agents send, by hand: JSON, protobuf, gzip, chunks, one connection kept; prints what it
                             was answered, a line each
    sender.py URL --sdk      two logs and a span by the real SDK, or "absent" where it is not installed

Every text beside numbers, models and ids holds the word in SECRET.
"""

import gzip
import http.client
import json
import struct
import sys
import time
from typing import Any, Dict, List, Optional, Tuple
from urllib.parse import urlsplit

SECRET = "CANARY-7f3a9c-CANARY"
NANOS = int(time.time() * 1000) * 1000000


def varint(number: int) -> bytes:
    out = b""
    number &= (1 << 64) - 1
    while number >= 0x80:
        out += bytes([number & 0x7F | 0x80])
        number >>= 7
    return out + bytes([number])


def field(number: int, data: bytes) -> bytes:
    return varint(number << 3 | 2) + varint(len(data)) + data


def value(one: Any) -> bytes:
    if isinstance(one, str):
        return field(1, one.encode())
    if isinstance(one, float):
        return varint(4 << 3 | 1) + struct.pack("<d", one)
    if isinstance(one, list):
        return field(5, b"".join(field(1, value(each)) for each in one))
    return varint(3 << 3) + varint(one)


def attributes(number: int, pairs: Dict[str, Any]) -> bytes:
    return b"".join(field(number, field(1, key.encode()) + field(2, value(one))) for key, one in pairs.items())


def json_value(one: Any) -> Dict[str, Any]:
    if isinstance(one, str):
        return {"stringValue": one}
    if isinstance(one, float):
        return {"doubleValue": one}
    if isinstance(one, list):
        return {"arrayValue": {"values": [json_value(each) for each in one]}}
    return {"intValue": str(one)}


RESOURCE = {"service.name": "claude-code", "host.name": SECRET, "user.name": SECRET}


def logs(records: List[Tuple[str, Dict[str, Any]]]) -> Tuple[bytes, bytes]:
    """One export in protobuf and in JSON."""
    body = b""
    listed = []
    for name, pairs in records:
        body += field(2, varint(1 << 3 | 1) + struct.pack("<Q", NANOS) + field(5, value(name)) + attributes(6, pairs))
        listed.append({
            "timeUnixNano": str(NANOS), "body": {"stringValue": name},
            "attributes": [{"key": key, "value": json_value(one)} for key, one in pairs.items()]})
    protobuf = field(1, field(1, attributes(1, RESOURCE)) + field(2, body))
    text = json.dumps({"resourceLogs": [{
        "resource": {"attributes": [{"key": key, "value": json_value(one)} for key, one in RESOURCE.items()]},
        "scopeLogs": [{"logRecords": listed}]}]})
    return protobuf, text.encode()


def claude(request: str, **numbers: Any) -> Tuple[str, Dict[str, Any]]:
    pairs = {
        "event.name": "api_request", "session.id": "5b0c0f6e-3a44-4d4e-9d6e-0d7a3b0c1d2e", "user.email": SECRET,
        "workspace.host_paths": [SECRET], "prompt": SECRET, "tool_parameters": json.dumps({"command": SECRET}),
        "model": "claude-haiku-4-5", "request_id": request, **numbers}
    return "claude_code.api_request", pairs


def codex(count: int) -> Tuple[str, Dict[str, Any]]:
    return SECRET, {
        "event.name": "codex.sse_event", "event.kind": "response.completed", "arguments": SECRET,
        "conversation.id": "0199f0aa-0000-7000-8000-000000000001", "model": "gpt-5.2", "user.account_id": SECRET,
        "input_token_count": str(count), "cached_token_count": 40, "output_token_count": "9",
        "reasoning_token_count": 4, "tool_token_count": "109"}


class Link:
    """One connection that is kept."""

    def __init__(self, url: str) -> None:
        place = urlsplit(url)
        self.connection = http.client.HTTPConnection(place.hostname or "", place.port, timeout=20)

    def post(self, path: str, body: bytes, kind: str, pack: bool = False, chunks: bool = False,
             extra: Optional[Dict[str, str]] = None) -> str:
        headers = {"Content-Type": kind, "User-Agent": SECRET, **(extra or {})}
        if pack:
            body = gzip.compress(body)
            headers["Content-Encoding"] = "gzip"
        if chunks:
            pieces = (body[at:at + 100] for at in range(0, len(body), 100))
            self.connection.request("POST", path, pieces, headers, encode_chunked=True)
        else:
            self.connection.request("POST", path, body, headers)
        reply = self.connection.getresponse()
        text = reply.read()
        if SECRET.encode() in text:
            raise SystemExit("the answer says what was sent")
        return "%d %s %s" % (reply.status, reply.getheader("Content-Type"), text.hex())


def by_hand(url: str) -> None:
    link = Link(url)
    proto, text = "application/x-protobuf", "application/json"
    numbers: Dict[str, Any] = {
        "input_tokens": 10, "output_tokens": "41", "cache_read_tokens": 17536, "cache_creation_tokens": 6646,
        "cost_usd": 0.0152606, "duration_ms": 1200}
    one = logs([claude("req_1", **numbers), codex(100)])
    print(link.post("/v1/logs", one[0], proto))
    # The same export again, in the other encoding: nothing of it counts twice.
    print(link.post("/v1/logs", one[1], text, chunks=True))
    two = logs([claude("req_2", **numbers), claude("req_bad", input_tokens="x", secret=SECRET)])
    print(link.post("/v1/logs", two[1], text, pack=True))
    print(link.post("/v1/logs", two[0], proto, pack=True, chunks=True))
    print(link.post("/v1/metrics", SECRET.encode(), proto))
    print(link.post("/v1/logs", two[0][:-1], proto))
    bomb = Link(url)
    print(bomb.post("/v1/logs", b" " * (17 << 20), text, pack=True)[:3])
    for extra in ({"Origin": "http://" + SECRET}, {"Host": "tally.example:4318"}):
        print(Link(url).post("/v1/logs", two[0], proto, extra=extra)[:3])
    print(Link(url).post("/v1/logs", two[0], "text/plain")[:3])
    print(Link(url).post("/v1/" + SECRET, two[0], proto)[:3])


def by_sdk(url: str) -> None:
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # type: ignore
        from opentelemetry.sdk.resources import Resource  # type: ignore
        from opentelemetry.sdk.trace import TracerProvider  # type: ignore
        from opentelemetry.sdk.trace.export import SimpleSpanProcessor  # type: ignore
    except ImportError:
        print("absent")
        return
    provider = TracerProvider(resource=Resource.create({"service.name": "a-service", "host.name": SECRET}))
    provider.add_span_processor(SimpleSpanProcessor(OTLPSpanExporter(endpoint=url + "/v1/traces")))
    tracer = provider.get_tracer("a-scope")
    for number in (1, 2, 2):
        with tracer.start_as_current_span(SECRET) as span:
            for key, one in {
                    "gen_ai.operation.name": "chat", "gen_ai.request.model": "gpt-5.2",
                    "gen_ai.input.messages": SECRET, "gen_ai.response.id": "resp_%d" % number,
                    "gen_ai.usage.input_tokens": 1000, "gen_ai.usage.cache_read.input_tokens": 900,
                    "gen_ai.usage.output_tokens": 7}.items():
                span.set_attribute(key, one)
    provider.shutdown()
    print("sent")


if __name__ == "__main__":
    (by_sdk if "--sdk" in sys.argv[2:] else by_hand)(sys.argv[1].rstrip("/"))
