"""Builds the load clients, and installs by package name what is missing, only when asked to."""

import os
import shutil
import subprocess
import sys
from typing import Any, List

from machine import PeerError, say

CLIENT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "client")
_FLAGS = ["-O2", "-Wall", "-Wextra", "-Werror", "-std=gnu11"]
_POLICY = "/usr/sbin/policy-rc.d"


def _build(build: str, name: str, sources: List[str], more: List[str]) -> str:
    """Compiles unless the program is younger than every file of the client."""
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if not compiler:
        raise PeerError("no C compiler (Debian: gcc)")
    os.makedirs(build, exist_ok=True)
    out = os.path.join(os.path.realpath(build), name)
    youngest = max(os.path.getmtime(os.path.join(CLIENT, file)) for file in os.listdir(CLIENT))
    if not os.path.exists(out) or os.path.getmtime(out) <= youngest:
        paths = [os.path.join(CLIENT, source) for source in sources]
        # Under another name first: a second run may be starting the old one.
        fresh = "%s.%d" % (out, os.getpid())
        done = subprocess.run([compiler] + _FLAGS + ["-o", fresh] + paths + more, capture_output=True, text=True)
        if done.returncode != 0:
            raise PeerError("%s does not compile: %s" % (name, done.stderr.strip()))
        os.replace(fresh, out)
    return out


def build_load(build: str) -> str:
    sources = ["load.c", "channel.c", "messages.c", "replies.c", "base.c"]
    return _build(build, "load", sources, ["-lssl", "-lcrypto"])


def build_load_pg(build: str) -> str:
    where = subprocess.run(["pg_config", "--includedir"], capture_output=True, text=True, check=True).stdout.strip()
    return _build(build, "load_pg", ["load_pg.c", "base.c"], ["-I" + where, "-lpq"])


def _is_installed(package: str) -> bool:
    done = subprocess.run(["dpkg-query", "-W", "-f=${Status}", package], capture_output=True, text=True)
    return "install ok installed" in done.stdout


def install(kinds: List[Any], packages: str) -> None:
    """Debian's packages through apt-get, PyPI's into a folder of their own."""
    debian = [name for kind in kinds for name in kind.debian if not _is_installed(name)]
    pypi = [name for kind in kinds for name in kind.pypi] + ["lz4"]
    if debian:
        _install_debian(debian)
    say("pip install %s" % " ".join(pypi))
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--upgrade", "--target", packages]
    if subprocess.run(pip + pypi).returncode != 0:
        say("LOUD: pip could not install %s" % " ".join(pypi))


def _install_debian(names: List[str]) -> None:
    before = [] if os.getuid() == 0 else ["sudo", "-n"]
    say("apt-get install %s" % " ".join(names))
    # Debian's packages start their services; a policy of 101 leaves that to whoever wants them.
    holds = os.getuid() == 0 and not os.path.exists(_POLICY)
    try:
        if holds:
            with open(_POLICY, "w") as file:
                file.write("#!/bin/sh\nexit 101\n")
            os.chmod(_POLICY, 0o755)
        subprocess.run(before + ["apt-get", "update", "-qq"])
        command = [
            "env",
            "DEBIAN_FRONTEND=noninteractive",
            "apt-get",
            "install",
            "-y",
            "-qq",
            "--no-install-recommends",
        ]
        # One by one: a name that this release does not have shall not keep the others out.
        for name in names:
            if subprocess.run(before + command + [name], stdout=subprocess.DEVNULL).returncode != 0:
                say("LOUD: apt-get could not install %s" % name)
    finally:
        if holds:
            os.unlink(_POLICY)
