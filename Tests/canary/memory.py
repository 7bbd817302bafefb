"""What a process holds: its memory as it runs, and the core that it leaves."""

import os
import re
import shutil
import signal
import subprocess
import time

MAPPING = re.compile(r"^([0-9a-f]+)-([0-9a-f]+) (\S{4}) \S+ (\S+) (\d+)\s*(.*)$")
# Not memory: the kernel's own pages.
SKIPPED = ("[vvar]", "[vsyscall]", "[vdso]")


def mappings(pid):
    """(start, end, permissions, name) of what holds data: all that may be written, and all that is of no file."""
    with open("/proc/%d/maps" % pid) as f:
        for line in f:
            found = MAPPING.match(line.rstrip("\n"))
            start, end, permissions, inode, name = (
                int(found[1], 16), int(found[2], 16), found[3], found[5], found[6])
            if name in SKIPPED or permissions[0] != "r":
                continue
            if permissions[1] == "w" or inode == "0":
                yield start, end, permissions, name or "anonymous"


def search_process(searcher, pid, place):
    """Stops the process while it is read, so that nothing moves from a page that is still to come to one that was
    read. Returns (hits, bytes of memory that were there)."""
    os.kill(pid, signal.SIGSTOP)
    try:
        _wait_stopped(pid)
        hits, total = [], 0
        with open("/proc/%d/mem" % pid, "rb", buffering=0) as memory:
            for start, end, _, name in list(mappings(pid)):
                total += end - start
                where = "%s: %s" % (place, os.path.basename(name))
                hits += searcher.chunks(lambda at, count: _read(memory, at, count), where, start, end)
        return hits, total
    finally:
        os.kill(pid, signal.SIGCONT)


def _wait_stopped(pid):
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        with open("/proc/%d/stat" % pid) as f:
            if f.read().rsplit(")", 1)[1].split()[0] == "T":
                return
        time.sleep(0.01)
    raise RuntimeError("process %d does not stop" % pid)


def _read(memory, at, count):
    try:
        return os.pread(memory.fileno(), count, at)
    except OSError:
        # A guard page, or a mapping that ends within a page of a file that is shorter.
        return b""


def core_of(program, folder):
    """Aborts `program`, which was started in `folder` with cores allowed. Returns (path of the core or None, how)."""
    pid = program.pid
    if _is_written_to_folder():
        program.signal(signal.SIGABRT)
        _wait_ended(program)
        for name in os.listdir(folder):
            if name == "core" or name.startswith("core."):
                return os.path.join(folder, name), "the kernel's core of SIGABRT"
        return None, "SIGABRT left no core in the folder"
    if shutil.which("gcore"):
        path = os.path.join(folder, "gcore")
        subprocess.run(["gcore", "-o", path, str(pid)], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL, timeout=120, check=False)
        made = "%s.%d" % (path, pid)
        if os.path.exists(made):
            return made, "gcore"
    return None, "this machine's kernel sends cores elsewhere (/proc/sys/kernel/core_pattern), and there is no gcore"


def _is_written_to_folder():
    """A pattern with a pipe or a path gives the core to somebody else."""
    with open("/proc/sys/kernel/core_pattern") as f:
        pattern = f.read().strip()
    return pattern.startswith("core") and "/" not in pattern


def _wait_ended(program):
    deadline = time.monotonic() + 60
    while program.poll() is None:
        if time.monotonic() > deadline:
            raise RuntimeError("process %d does not end" % program.pid)
        time.sleep(0.02)
