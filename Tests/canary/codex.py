"""Rollouts of Codex, each text a secret named by the field that it stands in."""

import uuid

from claude import encode, instant


class Codex:
    """One rollout. `named` says whether its ids are UUIDs, which are sent as they are, or secrets."""

    def __init__(self, homes, cwd, named, is_control=False):
        self.homes, self.cwd = homes, cwd
        self.is_uuid = named == "uuid"
        self.model = homes.control if is_control else "gpt-5.3-codex"
        self.file_id = self._id("name of the rollout")
        self.session = self.file_id if self.is_uuid else self._id("session")
        self.total = [0, 0, 0, 0]

    def _s(self, name):
        return self.homes.vault.new("codex: " + name)

    def _id(self, name):
        if self.is_uuid:
            return str(uuid.UUID(int=self.homes.vault.seed_bits(128), version=4))
        return self._s(name)

    def _line(self, kind, payload):
        return encode({"timestamp": instant(self.homes.next_ms()), "type": kind, "payload": payload,
                       "note": self._s("a member of a line")})

    def _meta(self):
        s = self._s
        return self._line("session_meta", {
            "id": self.session, "timestamp": instant(self.homes.now_ms), "cwd": self.cwd, "originator": s("originator"),
            "cli_version": s("cli_version"), "instructions": s("instructions"), "model_provider": s("model_provider"),
            "base_instructions": {"text": s("base_instructions")}, "source": s("source"),
            "forked_from_id": s("forked_from_id"),
            "git": {"branch": s("branch"), "commit_hash": s("commit_hash"), "repository_url": s("repository_url")}})

    def _turn(self, model):
        s = self._s
        return self._line("turn_context", {
            "cwd": self.cwd, "approval_policy": s("approval_policy"), "model": model, "effort": s("effort"),
            "sandbox_policy": {"mode": s("sandbox mode"), "writable_roots": [s("writable root")]},
            "summary": s("summary"), "user_instructions": s("user_instructions"),
            "developer_instructions": s("developer_instructions"), "output_schema": {s("schema's key"): s("schema")}})

    def _settings(self):
        s = self._s
        return self._line("event_msg", {"type": "thread_settings_applied", "thread_settings": {
            "model": s("settings' model") + " no label", "service_tier": s("service_tier"),
            "title": s("thread title")}})

    def _items(self):
        s = self._s
        items = [
            {"type": "message", "role": s("role"), "content": [{"type": "input_text", "text": s("input_text")},
                                                              {"type": "input_image", "image_url": s("image_url")}]},
            {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": s("output_text")}]},
            {"type": "reasoning", "summary": [{"type": "summary_text", "text": s("reasoning summary")}],
             "content": [{"text": s("reasoning")}], "encrypted_content": s("encrypted_content")},
            {"type": "function_call", "name": s("function name"), "arguments": '{"command":["%s"]}' % s("arguments"),
             "call_id": s("call_id")},
            {"type": "function_call_output", "call_id": s("output's call_id"), "output": s("function output")},
            {"type": "custom_tool_call", "name": s("custom tool"), "input": s("patch"), "status": s("status")},
            {"type": "local_shell_call", "action": {"command": [s("shell command")], "env": {s("env name"): s("env")},
                                                    "working_directory": s("working_directory"), "user": s("user")}},
            {"type": "web_search_call", "action": {"query": s("query"), "url": s("url")}},
            {"type": "ghost_snapshot", "ghost_commit": {"id": s("ghost commit")}}]
        for item in items:
            yield self._line("response_item", item)
        events = [
            {"type": "user_message", "message": s("user_message"), "images": [s("image")]},
            {"type": "agent_message", "message": s("agent_message")},
            {"type": "agent_reasoning", "text": s("agent_reasoning")},
            {"type": "exec_command_end", "command": [s("exec command")], "cwd": s("exec cwd"),
             "stdout": s("exec stdout"), "stderr": s("exec stderr"), "aggregated_output": s("exec output")},
            {"type": "patch_apply_end", "changes": {s("patched path"): {"unified_diff": s("unified_diff")}}},
            {"type": "mcp_tool_call_end", "invocation": {"server": s("mcp server"), "tool": s("mcp tool"),
                                                         "arguments": {s("mcp argument"): s("mcp value")}}},
            {"type": "error", "message": s("error message")},
            {"type": "task_started", "turn_id": s("turn id")},
            {"type": "task_complete", "turn_id": s("ended turn's id"), "last_agent_message": s("last_agent_message"),
             "error": {"message": s("turn's error"), "codex_error_info": s("error's kind")}},
            {"type": "thread_name_updated", "thread_name": s("thread name")},
            {"type": s("an unknown event"),
             "info": {"last_token_usage": {"input_tokens": 99}, "x": s("info's member")}}]
        for event in events:
            yield self._line("event_msg", event)
        yield self._line("compacted", {"message": s("compacted"), "replacement_history": [{"text": s("history")}]})
        yield self._line(s("an unknown type"), {"text": s("payload of an unknown type")})

    def _count(self):
        s = self._s
        names = ("input_tokens", "cached_input_tokens", "output_tokens", "reasoning_output_tokens")
        last = [1_200, 1_024, 210, 64]
        self.total = [a + b for a, b in zip(self.total, last)]
        yield self._line("event_msg", {
            "type": "token_count", "rate_limits": {"plan_type": s("plan_type"), "primary": {"name": s("limit's name")}},
            "info": {"total_token_usage": dict(zip(names, self.total), note=s("total's member")),
                     "last_token_usage": dict(zip(names, last), **{s("usage's key"): s("usage's value")}),
                     "model_context_window": 400_000}})
        self.homes.calls += 1

    def lines(self):
        yield self._meta()
        yield self._settings()
        yield self._turn(self.model)
        yield from self._items()
        yield from self._count()
        yield self._turn("no label " + self._s("turn's model"))
        yield from self._count()

    def more(self):
        """What is written while somebody follows."""
        yield self._turn("gpt-5.3-codex")
        yield from self._items()
        yield from self._count()
