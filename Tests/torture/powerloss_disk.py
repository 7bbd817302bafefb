"""A folder as a log of system calls makes it: what the kernel has, what the disk is sure to have, and what a power
loss may leave.

Rules, stricter than any one file system's:
- A write is on the disk once a sync of its file, or of the file system, that began after it has ended well. Until then
  each sector of 512 bytes stands in any of the states that it went through since, each by itself.
- The size of a file is any of those it went through since its last sync; what lies beyond the written sectors is zeros.
- A name (made, renamed, unlinked) is on the disk once its folder, or the file system, was synced; a file's own sync
  does not keep its name. Of the changes of a folder's names that were not, a part from the first on is kept.
- After a failed sync the pages count as clean: each sector of what it should have covered is on the disk or not, and no
  later sync changes that.
"""

import os
import random
import stat
from typing import Callable, Iterator, Optional

import powerloss_log as log

SECTOR = 512


class ModelError(Exception):
    """The log does not fit the folder: the model knows too little to judge."""


class File:
    __slots__ = ("live", "durable", "pending", "cover")

    def __init__(self, content: bytes = b"") -> None:
        self.live = bytearray(content)
        self.durable = bytearray(content)
        # (order, offset, bytes), or (order, None, new size)
        self.pending: list = []
        # What covered it last: "file" or "file system".
        self.cover = ""


class Folder:
    __slots__ = ("live", "durable")

    def __init__(self) -> None:
        self.live: dict = {}
        self.durable: dict = {}


def put(content: bytearray, offset: int, data: bytes) -> None:
    if len(content) < offset:
        content.extend(bytes(offset - len(content)))
    content[offset:offset + len(data)] = data


def resize(content: bytearray, size: int) -> None:
    if size < len(content):
        del content[size:]
    else:
        content.extend(bytes(size - len(content)))


class Disk:
    # Of what a failed sync should have covered: some sectors are on the disk; or nothing, which is as good a disk.
    keeps_some_of_failed = True

    def __init__(self) -> None:
        self.root = Folder()
        # By inode: folders and files, also such as have lost their name since.
        self.nodes: dict = {}
        # (order, [(folder, name, node or None), ...]): one step each.
        self.names: list = []
        self.tickets: dict = {}
        # Counts records over all processes that wrote to the folder one after the other.
        self.now = 0
        self.writes = self.syncs = self.bytes = self.faults = 0

    @staticmethod
    def of(found: "dict[str, tuple[int, Optional[bytes]]]") -> "Disk":
        """A folder of which `snapshot` found this, all of it durable."""
        disk = Disk()
        disk.reconcile(found)
        for node in list(disk._all_nodes()):
            if isinstance(node, File):
                _apply(node.durable, node.pending)
                node.pending = []
        disk._keep_names(disk.now + 1, None)
        return disk

    # MARK: Looking

    def find(self, path: str, durable: bool = False):
        """The node at `path`, or None."""
        node = self.root
        for part in path.split("/") if path else []:
            if not isinstance(node, Folder):
                return None
            node = (node.durable if durable else node.live).get(part)
        return node

    def durable_files(self) -> "Iterator[tuple[str, File]]":
        """Files that every power loss leaves, with their paths."""
        yield from _walk(self.root, "", lambda folder: folder.durable)

    # MARK: Taking a record

    def take(self, record: log.Record) -> "Optional[set]":
        """Brings the folder up to `record`. Returns the nodes that a sync covered, if it was the end of one."""
        kind = record.kind
        self.now += 1
        if kind == log.START:
            # Another process; the syncs of the one before that had not ended never will.
            self.tickets.clear()
        elif kind == log.WRITE:
            data = bytes(record.b) if record.flags & 1 else record.data
            node = self._file(record)
            put(node.live, record.a, data)
            node.pending.append((self.now, record.a, data))
            self.writes += 1
            self.bytes += len(data)
        elif kind == log.SIZE:
            self._resize(self._file(record), record.a)
        elif kind == log.SYNC_BEGINS:
            self.tickets[record.b] = self.now
        elif kind == log.SYNC_ENDED:
            return self._end_sync(record)
        elif kind == log.OPEN:
            self._open(record)
        elif kind == log.MAKEDIR:
            folder, name = self._place(record.name)
            node = self.nodes[record.file] = Folder()
            self._change([(folder, name, node)])
        elif kind in (log.RENAME, log.LINK):
            self._move(record)
        elif kind == log.UNLINK:
            folder, name = self._place(record.name)
            # A socket's name is not of the model.
            if name in folder.live:
                self._change([(folder, name, None)])
        elif kind == log.FAULT:
            self.faults += 1
        elif kind == log.UNMODELLED:
            raise ModelError(f"record {record.order}: {record.name} is not modelled")
        return None

    def _file(self, record: log.Record) -> File:
        node = self.nodes.get(record.file)
        if not isinstance(node, File):
            raise ModelError(f"record {record.order}: no file {record.file}")
        return node

    def _place(self, path: str) -> "tuple[Folder, str]":
        above, _, name = path.rpartition("/")
        folder = self.find(above)
        if not isinstance(folder, Folder) or not name:
            raise ModelError(f"no folder {above!r} for {name!r}")
        return folder, name

    def _resize(self, node: File, size: int) -> None:
        resize(node.live, size)
        node.pending.append((self.now, None, size))

    def _open(self, record: log.Record) -> None:
        if record.a & 1:
            folder, name = self._place(record.name)
            node = self.nodes[record.file] = File()
            self._change([(folder, name, node)])
            return
        node = self.find(record.name)
        known = self.nodes.get(record.file)
        if node is None or (known is not None and known is not node and record.a & 8 == 0):
            raise ModelError(f"record {record.order}: {record.name} is another file than the model's")
        # A copy of the folder at the start has other inodes.
        self.nodes[record.file] = node
        if record.a & 2:
            self._resize(node, 0)

    def _move(self, record: log.Record) -> None:
        old_folder, old_name = self._place(record.name)
        new_folder, new_name = self._place(record.data.decode("utf-8", "surrogateescape"))
        node = old_folder.live.get(old_name)
        if node is None:
            raise ModelError(f"record {record.order}: nothing at {record.name}")
        steps = [(new_folder, new_name, node)]
        if record.kind == log.RENAME:
            steps.insert(0, (old_folder, old_name, None))
        self._change(steps)

    def _change(self, steps: list) -> None:
        for folder, name, node in steps:
            _set(folder.live, name, node)
        self.names.append((self.now, steps))

    # MARK: Syncs

    def _end_sync(self, record: log.Record) -> "Optional[set]":
        begun = self.tickets.pop(record.b, None)
        if begun is None:
            raise ModelError(f"record {record.order}: a sync ended that never began")
        self.syncs += 1
        whole = record.a == log.FILE_SYSTEM
        nodes = list(self._all_nodes()) if whole else [self.nodes.get(record.file)]
        if nodes == [None]:
            raise ModelError(f"record {record.order}: a sync of an unknown file")
        failed = record.flags & 1
        covered = set()
        for node in nodes:
            if isinstance(node, File):
                mine = [entry for entry in node.pending if entry[0] < begun]
                node.pending = [entry for entry in node.pending if entry[0] >= begun]
                if failed and self.keeps_some_of_failed:
                    _tear(node.durable, mine, random.Random(self.now))
                elif failed:
                    pass
                elif mine:
                    _apply(node.durable, mine)
                    node.cover = "file system" if whole else "file"
                covered.add(node)
        if not failed:
            self._keep_names(begun, None if whole else nodes[0])
        return set() if failed else covered

    def _all_nodes(self) -> "Iterator":
        # Unlinked files too: their names may come back.
        return iter(set(self.nodes.values()) | {node for _, steps in self.names for _, _, node in steps if node})

    def _keep_names(self, before: int, folder) -> None:
        """Makes name changes durable: all, or those of one folder with whatever they stand behind."""
        wanted = None if folder is None else {folder}
        kept, left = [], []
        for order, steps in reversed(self.names):
            touched = {step[0] for step in steps}
            if order < before and (wanted is None or touched & wanted):
                kept.append(steps)
                if wanted is not None:
                    wanted |= touched
            else:
                left.append((order, steps))
        for steps in reversed(kept):
            for place, name, node in steps:
                _set(place.durable, name, node)
        self.names = left[::-1]

    # MARK: After a kill

    def reconcile(self, found: "dict[str, tuple[int, Optional[bytes]]]") -> None:
        """Takes in what a folder holds after its process was killed: the last calls may be done and not in the log.
        `found` is what `snapshot` returned."""
        self.now += 1
        self.tickets.clear()
        for path, (inode, content) in sorted(found.items()):
            folder, name = self._place(path)
            node, known = folder.live.get(name), self.nodes.get(inode)
            if node is None or known is not node:
                # Made, or renamed, in the last moment.
                is_new = known is None or isinstance(known, Folder) != (content is None)
                node = (Folder() if content is None else File()) if is_new else known
                self._change([(folder, name, node)])
                self.nodes[inode] = node
            if content is not None and bytes(node.live) != content:
                self._resize(node, len(content))
                put(node.live, 0, content)
                node.pending.append((self.now, 0, content))
        for path, node in list(_walk(self.root, "", lambda folder: folder.live)):
            if path not in found:
                folder, name = self._place(path)
                self._change([(folder, name, None)])

    # MARK: Images

    def after_power_loss(self, chance: random.Random) -> "dict[str, Optional[bytes]]":
        """What the disk may hold if the power goes now: path to content, None for a folder. Changes nothing."""
        mood = chance.choice(("nothing", "everything", "any", "any", "any"))
        names = self._names_left(chance, mood)
        image: dict = {}
        for path, node in _walk(self.root, "", lambda folder: names.get(folder, folder.durable), image):
            content = bytearray(node.durable)
            if mood == "everything":
                _apply(content, node.pending)
            elif mood == "any":
                _tear(content, node.pending, chance)
            image[path] = bytes(content)
        return image

    def as_it_stands(self) -> "dict[str, Optional[bytes]]":
        """What a killed process leaves: everything that the kernel has."""
        image: dict = {}
        for path, node in _walk(self.root, "", lambda folder: folder.live, image):
            image[path] = bytes(node.live)
        return image

    def _names_left(self, chance: random.Random, mood: str) -> dict:
        """Entries of the folders whose unsynced names survive in part."""
        entries: dict = {}
        ended: set = set()
        if mood == "nothing":
            return entries
        stop = 0.0 if mood == "everything" else chance.choice((0.02, 0.2, 0.5))
        for _, steps in self.names:
            folders = {step[0] for step in steps}
            if folders & ended or chance.random() < stop:
                ended |= folders
                continue
            for folder, name, node in steps:
                _set(entries.setdefault(folder, dict(folder.durable)), name, node)
        return entries


def snapshot(top: str) -> "dict[str, tuple[int, Optional[bytes]]]":
    """What stands in a folder that nobody writes: path to inode and content, None for a folder."""
    found: dict = {}
    for folder, folders, files in os.walk(top):
        for name in folders + files:
            path = os.path.join(folder, name)
            facts = os.lstat(path)
            if stat.S_ISDIR(facts.st_mode):
                found[os.path.relpath(path, top)] = (facts.st_ino, None)
            elif stat.S_ISREG(facts.st_mode) and not name.endswith("-shm"):
                with open(path, "rb") as file:
                    found[os.path.relpath(path, top)] = (facts.st_ino, file.read())
    return found


def write_image(image: "dict[str, Optional[bytes]]", target: str) -> None:
    """Lays an image out as a folder. Files are 0600 and folders 0700, as the programs make them."""
    os.makedirs(target, mode=0o700)
    for path in sorted(image):
        content = image[path]
        full = os.path.join(target, path)
        if content is None:
            os.makedirs(full, mode=0o700, exist_ok=True)
        else:
            with open(os.open(full, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(content)


def _set(entries: dict, name: str, node) -> None:
    if node is None:
        entries.pop(name, None)
    else:
        entries[name] = node


def _walk(folder: Folder, path: str, entries: "Callable[[Folder], dict]", folders: Optional[dict] = None):
    for name, node in sorted(entries(folder).items()):
        full = f"{path}/{name}" if path else name
        if isinstance(node, Folder):
            if folders is not None:
                folders[full] = None
            yield from _walk(node, full, entries, folders)
        else:
            yield full, node


def _apply(content: bytearray, pending: list) -> None:
    for _, offset, value in pending:
        if offset is None:
            resize(content, value)
        else:
            put(content, offset, value)


def _tear(content: bytearray, pending: list, chance: random.Random) -> None:
    """Each sector in one of the states it went through, the size one of those that the file had."""
    if not pending:
        return
    keep = chance.choice((0.05, 0.5, 0.95))
    sizes = [len(content)]
    for _, offset, value in pending:
        sizes.append(value if offset is None else max(sizes[-1], offset + len(value)))
    last = chance.choice((0, len(pending), chance.randint(0, len(pending))))
    seen: dict = {}
    for index, (_, offset, value) in enumerate(pending):
        if offset is None:
            # Metadata goes in order: a cut that the disk did not see cuts nothing.
            if index < last and value < len(content):
                resize(content, value)
            continue
        for sector in range(offset // SECTOR, (offset + len(value) + SECTOR - 1) // SECTOR):
            # The first write that a sector does not take ends its history.
            if not seen.setdefault(sector, chance.random() < keep):
                continue
            start, end = max(offset, sector * SECTOR), min(offset + len(value), (sector + 1) * SECTOR)
            put(content, start, value[start - offset:end - offset])
            seen[sector] = chance.random() < keep
    resize(content, sizes[last])
