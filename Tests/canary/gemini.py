"""Chats of Gemini CLI, each text a secret named by the field that it stands in."""

import json
import uuid

from claude import encode, instant


class Gemini:
    """One chat. `named` says whether its ids are UUIDs, which are sent as they are, or secrets."""

    def __init__(self, homes, cwd, named, is_control=False):
        self.homes, self.cwd = homes, cwd
        self.is_uuid = named == "uuid"
        self.model = homes.control if is_control else "gemini-3.1-pro"
        self.session = self._id("session")

    def _s(self, name):
        return self.homes.vault.new("gemini: " + name)

    def _id(self, name):
        if self.is_uuid:
            return str(uuid.UUID(int=self.homes.vault.seed_bits(128), version=4))
        return self._s(name)

    def _head(self):
        s = self._s
        return {"sessionId": self.session, "projectHash": s("projectHash"), "startTime": instant(self.homes.next_ms()),
                "lastUpdated": instant(self.homes.now_ms), "kind": "main", "summary": s("summary"),
                "directories": [self.cwd, "/" + s("directory")], "activeExtensionName": s("extension"),
                "memoryScratchpad": {s("scratchpad's key"): s("scratchpad")}, s("head's key"): s("head's value")}

    def _message(self, kind, **more):
        s = self._s
        return dict({"id": s("message id"), "timestamp": instant(self.homes.next_ms()), "type": kind,
                     "content": [{"text": s(kind + "'s text")}, {"inlineData": {"data": s("inline data")}}],
                     "displayContent": s("displayContent"), s("message's key"): {"tokens": s("a member's tokens")}}, **more)

    def _answer(self, model, is_counted=True):
        s = self._s
        call = {"id": s("tool call's id"), "name": s("tool"), "args": {s("argument's name"): s("argument")},
                "result": [{"functionResponse": {"response": {"output": s("tool's output")}}}], "status": s("status"),
                "displayName": s("tool's displayName"), "description": s("tool's description"),
                "resultDisplay": {"fileDiff": s("fileDiff"), "fileName": s("fileName")}, "agentId": s("agentId")}
        tokens = {"input": 15_327, "output": 23, "cached": 11_000, "thoughts": 919, "tool": 7, "total": 16_276,
                  s("tokens' key"): s("tokens' value")}
        if is_counted:
            self.homes.calls += 1
        return self._message("gemini", model=model, tokens=tokens, toolCalls=[call], thoughts=[
            {"subject": s("thought's subject"), "description": s("thought"), "timestamp": instant(self.homes.now_ms)}])

    def _messages(self):
        yield self._message("user")
        yield self._message("info")
        yield self._message("error")
        yield self._message(self._s("an unknown type"), tokens=self._s("tokens that are none"))
        yield self._answer(self.model)
        yield self._answer("no label " + self._s("model"))

    def document(self):
        """A `.json`, whole."""
        return json.dumps(dict(self._head(), messages=list(self._messages())), indent=2).encode()

    def broken(self):
        """A `.json` that was cut off behind its first answer."""
        whole = dict(self._head(), messages=[self._answer(self.model), self._message("user", last="-" * 80)])
        return json.dumps(whole).encode()[:-40]

    def lines(self):
        """A `.jsonl`: each message is written more than once."""
        yield encode(self._head())
        said = []
        for message in self._messages():
            said.append(message)
            if message["type"] == "gemini":
                yield encode(dict(message, tokens=None))
            yield encode(message)
        yield encode({"$set": {"lastUpdated": instant(self.homes.now_ms), "summary": self._s("summary set later")}})
        yield encode({"$set": {"messages": said}})
        yield encode({"$rewindTo": said[0]["id"]})

    def more(self):
        """What is written while somebody follows."""
        yield encode(self._message("user"))
        yield encode(self._answer("gemini-2.5-pro"))

    def neighbours(self):
        """What lies beside `chats` and is not read: name → content. `.project_root` is, for the project."""
        s = self._s
        return {"logs.json": encode([{"sessionId": s("log's session"), "type": "user", "message": s("logged message")}]),
                "shell_history": s("shell_history").encode(), ".project_root": self.cwd.encode(),
                "tool-outputs/" + s("name of an output"): s("tool's whole output").encode()}
