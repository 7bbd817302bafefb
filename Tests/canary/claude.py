"""Sessions of Claude Code as its versions write them, each text a secret named by the field that it stands in."""

import json
import time
import uuid


def instant(ms):
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(ms // 1000)) + ".%03dZ" % (ms % 1000)


def encode(line):
    return json.dumps(line, separators=(",", ":")).encode() + b"\n"


class Claude:
    """One transcript. `named` says whether its ids are UUIDs, which are sent as they are, or secrets."""

    def __init__(self, homes, cwd, named, is_agent=False, is_control=False, ago_ms=0, is_counted=True):
        self.homes, self.cwd, self.is_agent, self.is_counted = homes, cwd, is_agent, is_counted
        self.is_uuid = named == "uuid"
        self.ago_ms = ago_ms
        self.model = homes.control if is_control else "claude-opus-4-8"
        self.file_id = self._id("name of the transcript")
        self.session = self.file_id if self.is_uuid else self._id("sessionId")

    def _s(self, name):
        return self.homes.vault.new(("claude agent: " if self.is_agent else "claude: ") + name)

    def _id(self, name):
        if self.is_uuid:
            return str(uuid.UUID(int=self.homes.vault.seed_bits(128), version=4))
        return self._s(name)

    def _line(self, kind, **members):
        line = {
            "parentUuid": self._id("parentUuid"), "isSidechain": self.is_agent, "userType": self._s("userType"),
            "cwd": self.cwd, "sessionId": self.session, "version": self._s("version"),
            "gitBranch": self._s("gitBranch"), "slug": self._s("slug"), "userEmail": self._s("userEmail"),
            "agentId": self._s("agentId"), "type": kind}
        line.update(members)
        line.update(uuid=self._id("uuid"), timestamp=instant(self.homes.next_ms() - self.ago_ms))
        return encode(line)

    def _user(self):
        s = self._s
        yield self._line("user", message={"role": "user", "content": s("user text")}, permissionMode=s("permission"))
        yield self._line("user", message={"role": "user", "content": [
            {"type": "text", "text": s("user text block")},
            {"type": "image", "source": {"type": "base64", "media_type": s("media_type"), "data": s("image data")}},
            {"type": "tool_result", "tool_use_id": s("tool_use_id"), "is_error": False, "content": s("tool result")}]},
            toolUseResult={
                "stdout": s("stdout"), "stderr": s("stderr"), "filePath": s("filePath"), "content": s("file content"),
                "oldString": s("oldString"), "newString": s("newString"), "originalFile": s("originalFile"),
                "structuredPatch": [{"lines": [s("diff line")]}], "usage": {"input_tokens": 54_321},
                "file": {"filePath": s("file's path"), "content": s("file's content")}})

    def _other(self):
        s = self._s
        yield self._line("system", subtype=s("subtype"), content=s("system content"), level=s("level"))
        yield self._line("progress", data={"type": "hook_progress", "hookName": s("hookName"), "command": s("hook")})
        yield self._line("attachment", attachment={"type": s("attachment type"), "content": s("attachment")})
        yield encode({"type": "summary", "summary": s("summary"), "leafUuid": s("leafUuid")})
        yield encode({"type": "custom-title", "customTitle": s("title"), "sessionId": self.session})
        yield encode({"type": "file-history-snapshot", "messageId": s("messageId"), "snapshot": {
            "trackedFileBackups": {s("tracked path"): {"backupFileName": s("backup name")}}}})
        yield encode({"type": "queue-operation", "operation": s("operation"), "content": s("queued prompt")})

    def _assistant(self, model, **members):
        """A call in two lines, the second with its final numbers."""
        s, homes = self._s, self.homes
        message, request = s("message id"), s("requestId")
        blocks = [
            [{"type": "thinking", "thinking": s("thinking"), "signature": s("signature")}],
            [{"type": "text", "text": s("assistant text"), "citations": [{"cited_text": s("citation")}]},
             {"type": "tool_use", "id": s("tool id"), "name": s("tool name"), "input": {
                 "command": s("command"), "file_path": s("tool path"), "old_string": s("tool old"),
                 s("tool argument's name"): {"usage": {"input_tokens": 77_777, "note": s("usage within")}}}},
             {"type": "server_tool_use", "id": s("server tool id"), "name": "web_search",
              "input": {"query": s("search query")}},
             {"type": "web_search_tool_result", "content": [{"url": s("url"), "title": s("page title")}]}]]
        for index, content in enumerate(blocks):
            usage = {
                "input_tokens": 11, "cache_creation_input_tokens": 2_000, "cache_read_input_tokens": 8_192,
                "output_tokens": 40 + 300 * index, "service_tier": s("service_tier"),
                "inference_geo": s("inference_geo"), "speed": s("speed"), s("usage's key"): s("usage's value"),
                "cache_creation": {"ephemeral_5m_input_tokens": 2_000, s("part's key"): s("part's value")},
                "server_tool_use": {"web_search_requests": 1, "note": s("server_tool_use")}}
            yield self._line("assistant", requestId=request, message={
                "id": message, "type": s("message type"), "role": s("role"), "model": model, "content": content,
                "container": {"id": s("container")}, "stop_sequence": s("stop_sequence"),
                "stop_reason": s("stop_reason") if index else None, "usage": usage}, **members)
        homes.calls += self.is_counted

    def lines(self):
        yield from self._user()
        yield from self._assistant(self.model)
        yield from self._other()
        # What is no label becomes "unlisted".
        yield from self._assistant("a model " + self._s("model that is no label"))
        yield from self._assistant("claude-haiku-4-5-20251001", isApiErrorMessage=True, error=self._s("error"))
        yield from self._synthetic()
        if self.homes.control_also and self.is_counted:
            yield from self._assistant(self.homes.control_also)

    def _synthetic(self):
        """An answer that the program made up itself: no call."""
        yield self._line("assistant", isApiErrorMessage=True, message={
            "id": self._s("synthetic id"), "model": "<synthetic>", "role": "assistant",
            "content": [{"type": "text", "text": "API Error: " + self._s("API error")}],
            "usage": {"input_tokens": 0, "output_tokens": 0, "service_tier": self._s("synthetic tier")}})

    def more(self):
        """What is written while somebody follows."""
        yield from self._user()
        yield from self._assistant("claude-opus-4-8")
