"""The preload library of Tests/torture/shim: faults in real system calls, and stepped clocks.

Its contract stands at the head of shim/shim.c. Every program that runs under it maps a control file of its own, in
which its clock can be moved while it runs; faults by chance come with its environment.
"""

import os
import struct
import subprocess

HERE = os.path.dirname(os.path.abspath(__file__))


class Preload:
    def __init__(self, library, folder):
        self.library = library
        self.folder = folder
        os.makedirs(folder, exist_ok=True)

    @staticmethod
    def make(world, library=None):
        """(preload, None), or (None, why not). Builds the library unless it is given."""
        if library is None:
            library = os.path.join(world.root, "shim.so")
            try:
                done = subprocess.run([os.path.join(HERE, "shim", "build"), library], stdin=subprocess.DEVNULL,
                                      capture_output=True, text=True, timeout=120)
            except (OSError, subprocess.TimeoutExpired) as error:
                return None, str(error)
            if done.returncode != 0:
                return None, done.stderr.strip()[-300:]
        return Preload(os.path.abspath(library), os.path.join(world.root, "control")), None

    def _control(self, name):
        path = os.path.join(self.folder, name.replace("/", "."))
        if not os.path.exists(path):
            with open(path, "wb") as f:
                f.write(bytes(16))
        return path

    def environment(self, name, folder, faults=""):
        """For a program that works in `folder`, with these faults in its calls there."""
        values = {"LD_PRELOAD": self.library, "TORTURE_FOLDER": folder, "TORTURE_CONTROL": self._control(name)}
        if faults:
            values["TORTURE_FAULTS"] = faults
        return values

    def set_clock(self, name, seconds):
        """From now on, and in each later program of this name, the clock is off by so much."""
        with open(self._control(name), "r+b") as f:
            f.write(struct.pack("<q", int(seconds * 1_000_000_000)))

    def set_all_clocks_right(self):
        for name in os.listdir(self.folder):
            self.set_clock(name, 0)
