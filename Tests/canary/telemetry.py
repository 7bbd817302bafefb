"""Exports as agents and SDKs send them to `tally run --otlp`, each text a secret named by the field that it stands in."""

import gzip
import http.client
import json
import os
import struct
import sys
import time
from urllib.parse import urlsplit

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "otlp"))
from sender import attributes, field, json_value, value, varint  # noqa: E402


class Telemetry:
    """Posts to the receiver at `url`. `calls` is how many calls it has told of that nothing else tells of."""

    def __init__(self, vault, url):
        self.vault, self.calls = vault, 0
        self.place = urlsplit(url)

    def _s(self, name):
        return self.vault.new("otlp: " + name)

    def send(self):
        """Logs and spans in both encodings, packed and not; then what is refused."""
        for kind in ("application/json", "application/x-protobuf"):
            for packed in (False, True):
                for path, is_logs in (("/v1/logs", True), ("/v1/traces", False)):
                    body = self._export(kind, is_logs)
                    self._post(path, body, kind, packed, 200)
                    # A retry.
                    self._post(path, body, kind, packed, 200)
                    self._post(path, body[:-1], kind, packed, 400)
            self._post("/v1/metrics", self._s("metric").encode(), kind, False, 200)
            self._post("/v1/logs", self._s("damaged body").encode(), kind, False, 400)
        self._post("/v1/" + self._s("path"), b"{}", "application/json", False, 404)
        self._post("/v1/logs", b"{}", "text/" + self._s("type"), False, 415)
        self._post("/v1/logs", b"{}", "application/json", False, 403, {"Origin": self._s("origin")})

    def _records(self, is_logs):
        s = self._s
        beside = {
            "user.email": s("user.email"), "workspace.host_paths": [s("host path")], "prompt": s("prompt"),
            "tool_parameters": json.dumps({"full_command": s("command")}), s("attribute's name"): 1,
            "error.message": s("error"), "gen_ai.input.messages": s("messages")}
        if not is_logs:
            return [(s("span's name"), {
                **beside, "gen_ai.operation.name": "chat", "gen_ai.request.model": "gpt-5.2",
                "gen_ai.response.id": s("response id"), "gen_ai.conversation.id": s("conversation"),
                "gen_ai.usage.input_tokens": 100, "gen_ai.usage.output_tokens": 7})]
        return [
            ("claude_code.api_request", {
                **beside, "model": "claude-haiku-4-5", "session.id": s("session"), "request_id": s("request id"),
                "input_tokens": 10, "output_tokens": 4, "cost_usd": 0.25, "query_source": s("query source"),
                "speed": s("speed")}),
            (s("body"), {
                **beside, "event.name": "codex.sse_event", "event.kind": "response.completed", "model": "gpt-5.2",
                "conversation.id": s("conversation"), "input_token_count": "50", "output_token_count": "9"}),
            # Not counted: a number that is none, and an event that speaks of no call.
            ("claude_code.api_request", {**beside, "input_tokens": s("number"), "request_id": s("request id")}),
            ("claude_code.user_prompt", {**beside, "session.id": s("prompt's session")}),
            ("claude_code.api_error", {**beside, "session.id": s("error's session"), "status_code": "429"})]

    def _export(self, kind, is_logs):
        s, nanos = self._s, int(time.time() * 1000) * 1000000
        resource = {"service.name": s("service"), "host.name": s("host"), "process.command_line": s("command line")}
        records, scope = self._records(is_logs), s("scope")
        self.calls += 2 if is_logs else 1
        if kind == "application/json":
            listed = [{
                "timeUnixNano": str(nanos), "endTimeUnixNano": str(nanos), "name": name, "traceState": s("trace state"),
                "body": {"stringValue": name},
                "attributes": [{"key": key, "value": json_value(one)} for key, one in pairs.items()]}
                for name, pairs in records]
            scoped = {"scope": {"name": scope}, "logRecords" if is_logs else "spans": listed, s("member"): 1}
            return json.dumps({"resourceLogs" if is_logs else "resourceSpans": [{
                "scopeLogs" if is_logs else "scopeSpans": [scoped], "schemaUrl": s("schema url"),
                "resource": {"attributes": [{"key": key, "value": json_value(one)} for key, one in resource.items()]}}],
            }).encode()
        listed = b""
        for name, pairs in records:
            time_field = varint((1 if is_logs else 8) << 3 | 1) + struct.pack("<Q", nanos)
            named = field(5, value(name)) if is_logs else field(5, name.encode()) + field(3, s("trace state").encode())
            listed += field(2, time_field + named + attributes(6 if is_logs else 9, pairs))
        scoped = field(1, field(1, scope.encode())) + listed + field(3, s("schema url").encode())
        return field(1, field(1, attributes(1, resource)) + field(2, scoped))

    def _post(self, path, body, kind, packed, status, extra=None):
        headers = {"Content-Type": kind, "User-Agent": self._s("user agent"), "Authorization": self._s("authorization"),
                   **(extra or {})}
        if packed:
            body, headers["Content-Encoding"] = gzip.compress(body), "gzip"
        link = http.client.HTTPConnection(self.place.hostname, self.place.port, timeout=30)
        try:
            link.request("POST", path, body, headers)
            reply = link.getresponse()
            text = reply.read() + str(reply.headers).encode()
        finally:
            link.close()
        if reply.status != status:
            raise RuntimeError("the receiver answered %d where %d was due" % (reply.status, status))
        if self.vault.mark.encode() in text:
            raise RuntimeError("the receiver's answer says what was sent")
