"""Processes, files and certificates: what a benchmark asks of the machine. What is started here is ended by its id."""

import ctypes
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from typing import Dict, List, Optional

_TICK = os.sysconf("SC_CLK_TCK")
_PR_SET_PDEATHSIG = 1
_INTERRUPTIONS = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP}


class PeerError(Exception):
    """A peer that cannot be measured, and why."""


def _fields(pid: int) -> Optional[List[str]]:
    """Of /proc/PID/stat what follows the name, which may hold blanks and brackets: state, parent, …"""
    try:
        with open("/proc/%d/stat" % pid) as file:
            return file.read().rpartition(")")[2].split()
    except OSError:
        return None


def tree(root: int) -> List[int]:
    """``root`` and its living descendants."""
    children: Dict[int, List[int]] = {}
    for name in os.listdir("/proc"):
        fields = _fields(int(name)) if name.isdigit() else None
        if fields:
            children.setdefault(int(fields[1]), []).append(int(name))
    found, left = [], [root]
    while left:
        pid = left.pop()
        found.append(pid)
        left += children.get(pid, [])
    return found


def cpu_ns(root: int) -> int:
    """User and system time of a process tree. What children had used that have ended and were waited for is in their
    parent's cutime and cstime, so nothing is lost and nothing is counted twice: PostgreSQL's postmaster waits for all.
    """
    ticks = 0
    for pid in tree(root):
        fields = _fields(pid)
        if fields:
            ticks += sum(int(value) for value in fields[11:15])
    return ticks * (1_000_000_000 // _TICK)


def memory_bytes(root: int) -> int:
    """Resident memory of a process tree, pages that several share counted once (PSS)."""
    total = 0
    for pid in tree(root):
        try:
            with open("/proc/%d/smaps_rollup" % pid) as file:
                total += sum(int(line.split()[1]) * 1024 for line in file if line.startswith("Pss:"))
        except OSError:
            continue
    return total


def disk_bytes(folder: str) -> int:
    """Blocks in use by a folder's files."""
    total = 0
    for path, _, names in os.walk(folder):
        for name in names:
            try:
                total += os.lstat(os.path.join(path, name)).st_blocks * 512
            except OSError:
                continue
    return total


def file_system(folder: str) -> str:
    """The kind of file system that a folder lies on."""
    best, kind = "", "unknown"
    with open("/proc/mounts") as file:
        for line in file:
            _, point, this = line.split()[:3]
            inside = os.path.realpath(folder).startswith(point.rstrip("/") + "/")
            if inside and len(point) >= len(best):
                best, kind = point, this
    return kind


def barrier_us(folder: str) -> float:
    """The median of 64 times appending 4 KB to a file and fdatasync, in microseconds."""
    path, times = os.path.join(folder, "barrier"), []
    file = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600)
    for _ in range(64):
        begin = time.perf_counter()
        os.write(file, bytes(4096))
        os.fdatasync(file)
        times.append(time.perf_counter() - begin)
    os.close(file)
    os.unlink(path)
    return sorted(times)[32] * 1e6


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for_port(port: int, process: "Process", seconds: float = 60) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        process.check()
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.05)
    raise PeerError("%s does not listen after %d s" % (process.name, seconds))


class Process:
    """A child on one CPU. It is told to end if this program dies without having ended it."""

    def __init__(
        self,
        command: List[str],
        cpu: Optional[int],
        log: Optional[str] = None,
        user: Optional[str] = None,
        environment: Optional[Dict[str, str]] = None,
        pipes: bool = False,
        stop: int = signal.SIGTERM,
    ) -> None:
        self.name, self._log, self._stop = os.path.basename(command[0]), log, stop
        parent, library = os.getpid(), ctypes.CDLL(None)
        # An interruption between the fork and the assignment would leave a child that nobody can name, so it is put
        # off until there is a name for it.
        usual = signal.pthread_sigmask(signal.SIG_BLOCK, _INTERRUPTIONS)
        self.popen: subprocess.Popen  # type: ignore

        def before() -> None:
            signal.pthread_sigmask(signal.SIG_SETMASK, usual)
            library.prctl(_PR_SET_PDEATHSIG, stop)
            if os.getppid() != parent:
                os._exit(1)
            # Ctrl-C is for this program, which then ends its children in order.
            os.setpgid(0, 0)
            if cpu is not None:
                os.sched_setaffinity(0, {cpu})

        more = {"user": user, "group": user, "extra_groups": []} if user else {}
        output = open(log, "ab") if log else None
        try:
            self.popen = subprocess.Popen(
                command,
                stdin=subprocess.PIPE if pipes else subprocess.DEVNULL,
                stdout=subprocess.PIPE if pipes else output,
                stderr=None if pipes else output,
                preexec_fn=before,
                env=dict(os.environ, **(environment or {})),
                text=pipes,
                **more,  # type: ignore
            )
            signal.pthread_sigmask(signal.SIG_SETMASK, usual)
        except BaseException:
            if hasattr(self, "popen"):
                self.end()
            raise
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, usual)
            if output:
                output.close()

    @property
    def pid(self) -> int:
        return self.popen.pid

    def check(self) -> None:
        """Raises with the end of its log if it has ended."""
        if self.popen.poll() is None:
            return
        tail = ""
        if self._log:
            with open(self._log, errors="replace") as file:
                tail = file.read()[-800:]
        raise PeerError("%s ended with %s: %s" % (self.name, self.popen.returncode, tail.strip()))

    def end(self, seconds: float = 30) -> None:
        if self.popen.stdin:
            self.popen.stdin.close()
        if self.popen.poll() is None:
            self.popen.send_signal(self._stop)
            try:
                self.popen.wait(seconds)
            except subprocess.TimeoutExpired:
                self.popen.kill()
                self.popen.wait()
        if self.popen.stdout:
            self.popen.stdout.close()


class Certificates:
    """An authority and a server's certificate for 127.0.0.1 and localhost, both P-256 as the gateway's own are."""

    def __init__(self, folder: str) -> None:
        self.authority = os.path.join(folder, "ca.pem")
        self.certificate = os.path.join(folder, "server.pem")
        self.key = os.path.join(folder, "server-key.pem")
        authority_key, request = os.path.join(folder, "ca-key.pem"), os.path.join(folder, "server.csr")
        extensions = os.path.join(folder, "server.ext")
        with open(extensions, "w") as file:
            file.write(
                "subjectAltName=IP:127.0.0.1,DNS:localhost\nextendedKeyUsage=serverAuth\nbasicConstraints=CA:FALSE\n"
            )
        new = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-sha256"]
        self._openssl(
            ["req", "-x509", "-days", "2", "-subj", "/CN=peers", "-keyout", authority_key, "-out", self.authority] + new
        )
        self._openssl(["req", "-subj", "/CN=localhost", "-keyout", self.key, "-out", request] + new)
        self._openssl(
            ["x509", "-req", "-days", "2", "-sha256", "-in", request, "-CA", self.authority, "-CAkey", authority_key]
            + ["-CAcreateserial", "-extfile", extensions, "-out", self.certificate]
        )
        os.chmod(self.key, 0o600)

    @staticmethod
    def _openssl(arguments: List[str]) -> None:
        done = subprocess.run(["openssl"] + arguments, capture_output=True, text=True)
        if done.returncode != 0:
            raise PeerError("openssl %s: %s" % (arguments[0], done.stderr.strip()))


def program(name: str, *folders: str) -> Optional[str]:
    """The path of a program, on the PATH or in one of ``folders``."""
    found = shutil.which(name)
    if found:
        return found
    for folder in folders + ("/usr/sbin", "/usr/local/sbin"):
        path = os.path.join(folder, name)
        if os.access(path, os.X_OK) and not os.path.isdir(path):
            return path
    return None


def say(text: str) -> None:
    """Progress, on stderr: stdout is for the table."""
    print(text, file=sys.stderr, flush=True)
