"""Homes of agents in which everything but numbers, times and models is a secret of its own: every text, path, title,
e-mail, tool argument, name of a file, folder, branch and remote, every identifier that is no UUID, every key that no
parser knows, and every value of the environment.

A model's name is the one text that the schema has, and goes out where it fits a label; so what stands there is a
secret with a blank, which must become `unlisted`, or the control (`run.py`), which must arrive.
"""

import json
import os
import time
import uuid

from claude import Claude, encode, instant
from codex import Codex
from gemini import Gemini


class Homes:
    """A workstation's home folder. `calls` counts what a gateway has to have, `later_calls` what it has to have once
    the lines of `later` are written."""

    def __init__(self, vault, root, control, is_quick):
        self.vault, self.control = vault, control
        self.home = os.path.join(root, "home-" + vault.new("name of the home folder"))
        self.claude = os.path.join(self.home, "agents-" + vault.new("name of Claude's folder"))
        self.codex = os.path.join(self.home, "agents-" + vault.new("name of Codex's folder"))
        self.gemini = os.path.join(self.home, "agents-" + vault.new("name of Gemini's folder"))
        # The state's own folder is named in what `tally` tells the person at this machine.
        self.tally = os.path.join(root, "tally")
        self.work = self._repositories()
        self.calls = 0
        self.now_ms = int(time.time() * 1000) - 3_600_000
        self.is_quick = is_quick
        # Another model's name, where a leak is planted.
        self.control_also = None
        # path → text of the lines that are written while `tally run` follows.
        self.later, self.later_calls = [], 0

    def next_ms(self):
        self.now_ms += 1_500
        return self.now_ms

    def folder(self, base, name):
        path = os.path.join(base, name + "-" + self.vault.new("name of a folder: " + name))
        os.makedirs(path, exist_ok=True)
        return path

    def _repositories(self):
        """A repository with a remote, a worktree of one, one without a remote, and a folder that is none."""
        s, base = self.vault.new, os.path.join(self.home, "src")
        os.makedirs(base)
        remote = self.folder(base, "repository")
        os.makedirs(os.path.join(remote, ".git"))
        config = ('[user]\n\temail = %s@example.test\n\tname = %s\n[remote "origin"]\n'
                  "\turl = https://%s:%s@git.example.test/%s/%s.git\n[branch \"%s\"]\n\tremote = origin\n")
        self.write(os.path.join(remote, ".git", "config"), config % tuple(
            s("git: " + what) for what in ("e-mail", "user", "remote's user", "remote's password", "remote's owner",
                                           "remote's repository", "branch in the config")))
        self.write(os.path.join(remote, ".git", "HEAD"), "ref: refs/heads/%s\n" % s("git: HEAD"))
        tree = self.folder(base, "worktree")
        inner = os.path.join(remote, ".git", "worktrees", s("git: name of a worktree"))
        os.makedirs(inner)
        self.write(os.path.join(inner, "commondir"), "../..\n")
        self.write(os.path.join(tree, ".git"), "gitdir: %s\n" % inner)
        local = self.folder(base, "local")
        os.makedirs(os.path.join(local, ".git"))
        self.write(os.path.join(local, ".git", "config"), "[core]\n\tcomment = %s\n" % s("git: a local config"))
        return [remote, tree, local, self.folder(base, "plain"), "/nowhere/" + s("a folder that does not exist")]

    @staticmethod
    def write(path, content):
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "ab") as f:
            f.write(content if isinstance(content, bytes) else content.encode())

    def build(self):
        """Writes all that is there before `tally` starts, and keeps some lines for later."""
        for index, cwd in enumerate(self.work):
            for named in ("uuid", "secret"):
                self._claude(cwd, named, index)
                self._codex(cwd, named, index)
                self._gemini(cwd, named, index)
        self._damage()
        self._too_old()
        if not self.is_quick:
            self._too_long()

    def _claude(self, cwd, named, index):
        author = Claude(self, cwd, named, is_control=index == 0)
        projects = os.path.join(self.claude, "projects", cwd.replace("/", "-"))
        path = os.path.join(projects, author.file_id + ".jsonl")
        self.write(path, b"".join(author.lines()))
        agent = Claude(self, cwd, named, is_agent=True)
        self.write(os.path.join(projects, author.file_id, "subagents", "agent-" + agent.file_id + ".jsonl"),
                   b"".join(agent.lines()))
        self._registry(author, cwd)
        self._keep(path, author)

    def _registry(self, author, cwd):
        """What the agent notes of its process, which has died since."""
        s = self.vault.new
        self.write(os.path.join(self.claude, "sessions", "%d.json" % (4_190_000 + self.calls)), json.dumps({
            "pid": 4_190_000 + self.calls, "sessionId": author.session, "cwd": cwd, "name": s("claude: session's name"),
            "status": "waiting", "waitingFor": s("claude: waitingFor"), "statusUpdatedAt": self.now_ms,
            "messagingSocketPath": s("claude: socket"), "kind": s("claude: kind"), s("claude: registry's key"): 1}))

    def _keep(self, path, author):
        """Lines that are written later; their calls count from then on."""
        before = self.calls
        self.later.append((path, b"".join(author.more())))
        self.later_calls += self.calls - before
        self.calls = before

    def _codex(self, cwd, named, index):
        author = Codex(self, cwd, named, is_control=index == 0)
        day = time.strftime("%Y/%m/%d", time.gmtime(self.now_ms // 1000))
        name = "rollout-%s-%s.jsonl" % (instant(self.now_ms)[:19].replace(":", "-"), author.file_id)
        base = os.path.join(self.codex, "archived_sessions" if index % 2 else os.path.join("sessions", day))
        self.write(os.path.join(base, name), b"".join(author.lines()))
        self._keep(os.path.join(base, name), author)

    def _gemini(self, cwd, named, index):
        """A chat in each format; the folder is named for the project, and in newer versions says which it is."""
        author = Gemini(self, cwd, named, is_control=index == 0)
        project = os.path.join(self.gemini, ".gemini", "tmp", self.vault.new("name of a project's folder"))
        for name, content in author.neighbours().items():
            if name != ".project_root" or index % 2 == 0:
                self.write(os.path.join(project, name), content)
        path = os.path.join(project, "chats", "session-%s.jsonl" % self.vault.new("name of a chat"))
        self.write(path, b"".join(author.lines()))
        self._keep(path, author)
        for kind in ("document", "broken"):
            older = Gemini(self, cwd, named)
            self.write(os.path.join(project, "chats", "session-%s.json" % self.vault.new("name of a document")),
                       getattr(older, kind)())

    def _damage(self):
        """Lines of damage, each with a secret, behind which a whole call counts."""
        s = self.vault.new
        author = Claude(self, self.work[0], "uuid")
        lines = list(author.lines())
        whole = encode({"type": "assistant", "message": {"content": s("claude: a line that breaks off")}})
        damage = [
            whole[:-3] + b"\n", s("claude: no JSON at all").encode() + b"\n",
            b"\0" * 30 + s("claude: behind zeros").encode() + b"\n",
            b'{"type":"' + s("claude: not UTF-8").encode() + b'\xff\xfe\x80","message":{}}\n',
            b"[" * 70 + b'"' + s("claude: too deep").encode() + b'"' + b"]" * 70 + b"\n",
            encode({s("claude: an unknown key"): {s("claude: a key within"): [s("claude: a value within")]}}),
            encode({"type": "assistant", "timestamp": instant(self.next_ms()), "uuid": s("claude: bad number's uuid"),
                    "message": {"id": s("claude: bad number's id"), "model": "claude-opus-4-8",
                                "usage": {"input_tokens": s("claude: text for a number"), "output_tokens": 1}}})]
        path = os.path.join(self.claude, "projects", "damage", author.file_id + ".jsonl")
        # The last line has no end: it is read only when it does.
        self.write(path, b"".join(damage + lines) + s("claude: a line without its end").encode())

    def _too_old(self):
        """Older than any tenant keeps: left out, and counted nowhere."""
        author = Claude(self, self.work[0], "uuid", ago_ms=900 * 86_400_000, is_counted=False)
        self.write(os.path.join(self.claude, "projects", "old", author.file_id + ".jsonl"), b"".join(author.lines()))

    def _too_long(self):
        """A line beyond what is held, passed over in many readings."""
        author = Claude(self, self.work[0], "uuid")
        text = self.vault.new("claude: in a line of 17 MB")
        long = encode({"type": "user", "message": {"role": "user", "content": (text + " ") * (17 << 20 >> 5)}})
        path = os.path.join(self.claude, "projects", "long", author.file_id + ".jsonl")
        self.write(path, long + b"".join(author.lines()))

    def sent(self):
        """Standard input of `tally send`: good lines, whose ids, sessions and projects are secrets; and bad ones."""
        s, lines = self.vault.new, []
        for session in (str(uuid.UUID(int=self.vault.seed_bits(128), version=4)), s("send: session")):
            for model in ("acme-1", "Not a label " + s("send: model")):
                lines.append({"time_ms": self.next_ms(), "session": session, "agent": "other", "model": model,
                              "project": s("send: project"), "id": s("send: id"), "input_tokens": 5})
                self.calls += 1
        good = {"time_ms": self.now_ms, "session": s("send: session of a bad line"), "agent": "other",
                "model": "acme-1"}
        lines += [dict(good, **{key: s("send: " + key)}) for key in (
            "prompt", "completion", "tool_arguments", "title", "email", "environment", "file_path", "diff")]
        lines += [dict(good, **{s("send: an unknown key"): 1}), dict(good, agent=s("send: agent")),
                  dict(good, input_tokens=s("send: text for a number")), dict(good, time_ms=s("send: time"))]
        return b"".join(encode(line) for line in lines) + s("send: no JSON").encode() + b"\n"

    def environment(self):
        """Values that a program could read; those that tell it where to look are paths made of secrets already."""
        s = self.vault.new
        names = ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "AWS_SECRET_ACCESS_KEY", "GITHUB_TOKEN", "USER", "LOGNAME",
                 "HOSTNAME", "EMAIL", "SSH_AUTH_SOCK", "GIT_AUTHOR_EMAIL", "PWD", "OLDPWD", "TERM", "TMPDIR", "EDITOR")
        values = {name: s("environment: " + name) for name in names}
        values[s("environment: a name")] = "1"
        return dict(values, HOME=self.home, TALLY_HOME=self.tally, CLAUDE_CONFIG_DIR=self.claude, CODEX_HOME=self.codex,
                    GEMINI_CLI_HOME=self.gemini)
