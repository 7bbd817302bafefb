"""A small file system of the gateway's own, so that a full disk is really full and nobody else's.

A loop-mounted ext4 image with blocks of 4 KiB, as real disks have: with the 1 KiB that mkfs takes for small ones, SQLite
reserves a page of its mapped `-shm` by writing one byte of it, gets a quarter of the page, and dies of SIGBUS once the
disk is full. Needs root and loop devices; where they are missing, the caller is told why.
"""

import os
import subprocess

SIZE_MB = 96


class SmallDisk:
    def __init__(self, root):
        self.image = os.path.join(root, "disk.img")
        self.folder = os.path.join(root, "disk")
        self.is_mounted = False
        self.ballast = os.path.join(self.folder, "ballast")

    def open(self):
        """None, or why it cannot be had."""
        if os.geteuid() != 0:
            return "only root can mount it"
        os.makedirs(self.folder, exist_ok=True)
        with open(self.image, "wb") as f:
            f.truncate(SIZE_MB << 20)
        for words in (["mkfs.ext4", "-q", "-F", "-b", "4096", "-m", "0", self.image],
                      ["mount", "-o", "loop", self.image, self.folder]):
            try:
                done = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
            except (OSError, subprocess.TimeoutExpired) as error:
                return "%s: %s" % (words[0], error)
            if done.returncode != 0:
                return "%s: %s" % (words[0], done.stderr.strip())
        self.is_mounted = True
        return None

    def fill(self, leave_bytes):
        """Leaves about so many bytes free."""
        room = os.statvfs(self.folder)
        size = room.f_bavail * room.f_frsize - leave_bytes
        if size <= 0:
            return 0
        handle = os.open(self.ballast, os.O_CREAT | os.O_WRONLY, 0o600)
        try:
            while size > 4096:
                try:
                    os.posix_fallocate(handle, os.fstat(handle).st_size, size)
                    break
                except OSError:
                    size //= 2
            return os.fstat(handle).st_size
        finally:
            os.close(handle)

    def free(self):
        if os.path.exists(self.ballast):
            os.unlink(self.ballast)

    def used_bytes(self):
        room = os.statvfs(self.folder)
        return (room.f_blocks - room.f_bfree) * room.f_frsize

    def close(self):
        if self.is_mounted:
            for words in (["umount", self.folder], ["umount", "-l", self.folder]):
                if subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True).returncode == 0:
                    break
            self.is_mounted = False
