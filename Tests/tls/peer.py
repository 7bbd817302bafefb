"""Builds ``peer.c``: the other end of a connection, for what no program of the system does."""

import os
import shutil
import subprocess

HERE = os.path.dirname(os.path.abspath(__file__))


def build(folder):
    """The program, made in ``folder``; None where there is no C compiler."""
    names = (os.environ.get("CC"), "cc", "clang", "gcc")
    compiler = next((name for name in names if name and shutil.which(name)), None)
    if compiler is None:
        return None
    program = os.path.join(folder, "peer")
    shim = os.path.join(HERE, "..", "..", "Sources", "COpenSSL")
    subprocess.run(
        [compiler, "-O1", "-Wall", "-Wextra", "-Werror", "-Wno-unused-function", "-I", shim, "-o", program,
         os.path.join(HERE, "peer.c"), "-lssl", "-lcrypto"],
        check=True)
    return program
