"""Starting programs, and ending every one of them by its own process number."""

import os
import resource
import signal
import subprocess

# A trap in a program under test is a finding of its own, whatever the sums say.
CRASHES = {signal.SIGILL, signal.SIGTRAP, signal.SIGSEGV, signal.SIGBUS, signal.SIGABRT, signal.SIGFPE, signal.SIGSYS}


class Programs:
    """All children of this run. Where a folder for cores is given, a crash leaves one there."""

    def __init__(self, cores=None):
        self._running = {}
        self._cores = cores
        if cores:
            os.makedirs(cores, exist_ok=True)
            resource.setrlimit(resource.RLIMIT_CORE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))

    def start(self, arguments, environment, output, errors):
        """`output` and `errors` are paths that are appended to: no pipe can fill and hold a program up."""
        with open(output, "ab") as out, open(errors, "ab") as err:
            child = subprocess.Popen(
                arguments, env=environment, stdin=subprocess.DEVNULL, stdout=out, stderr=err, cwd=self._cores,
                start_new_session=True)
        program = Program(child, self)
        self._running[child.pid] = program
        return program

    def ended(self, pid):
        self._running.pop(pid, None)

    def kill_all(self):
        for program in list(self._running.values()):
            program.signal(signal.SIGCONT)
            program.kill()


class Program:
    def __init__(self, child, programs):
        self._child = child
        self._programs = programs
        self.pid = child.pid

    def poll(self):
        """None while it runs; else its exit code, or minus the signal's number."""
        code = self._child.poll()
        if code is not None:
            self._programs.ended(self.pid)
        return code

    def signal(self, number):
        if self._child.poll() is None:
            self._child.send_signal(number)

    def kill(self):
        self.signal(signal.SIGKILL)
        self._child.wait(30)
        self._programs.ended(self.pid)

    @property
    def has_crashed(self):
        code = self._child.poll()
        return code is not None and code < 0 and -code in CRASHES

    def peak_bytes(self):
        """The most memory that it has held so far; 0 once it is gone."""
        try:
            with open("/proc/%d/status" % self.pid) as f:
                for line in f:
                    if line.startswith("VmHWM:"):
                        return int(line.split()[1]) * 1024
        except OSError:
            pass
        return 0


def environment(**values):
    """The environment of a program under test: nothing of this shell's but the path."""
    base = {"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "SWIFT_BACKTRACE": "enable=no", "LC_ALL": "C.UTF-8"}
    if "LD_LIBRARY_PATH" in os.environ:
        base["LD_LIBRARY_PATH"] = os.environ["LD_LIBRARY_PATH"]
    base.update({k: v for k, v in values.items() if v is not None})
    return base
