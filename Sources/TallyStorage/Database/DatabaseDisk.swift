package import TallyIO

/// What is done to database files besides SQLite: seen, made, removed, written again, and their names made durable.
///
/// SQLite itself finds its files through its own door, by path. A simulation puts its disk behind both.
package protocol DatabaseDisk: Sendable {
    func exists(_ path: String) throws(SystemError) -> Bool
    /// Makes an empty file that nobody else may read; one that exists is an error.
    func create(_ path: String) throws(SystemError)
    func remove(_ path: String) throws(SystemError)
    /// Bytes; a file that does not exist is an error.
    func size(_ path: String) throws(SystemError) -> Int
    /// Writes the file's bytes over themselves and syncs it.
    func rewrite(_ path: String) throws(SystemError)
    /// Makes the names in the folder of `path` durable.
    func syncFolder(of path: String) throws(SystemError)
}

/// The disk of this machine.
package struct MachineDisk: DatabaseDisk {
    package init() {}

    package func exists(_ path: String) throws(SystemError) -> Bool {
        do throws(SystemError) {
            let place = try MachineDisk.place(of: path)
            _ = try place.folder.facts(place.name)
            return true
        } catch {
            guard error.isNotFound else { throw error }
            return false
        }
    }

    package func create(_ path: String) throws(SystemError) {
        let place = try MachineDisk.place(of: path)
        _ = try place.folder.create(place.name)
    }

    package func remove(_ path: String) throws(SystemError) {
        let place = try MachineDisk.place(of: path)
        try place.folder.unlink(place.name)
    }

    package func size(_ path: String) throws(SystemError) -> Int {
        let place = try MachineDisk.place(of: path)
        return try place.folder.facts(place.name).bytes
    }

    package func rewrite(_ path: String) throws(SystemError) {
        let place = try MachineDisk.place(of: path)
        let file = try place.folder.open(place.name, .write)
        let size = try file.size()
        var offset = 0
        while offset < size {
            var piece: [UInt8] = []
            try file.read(at: offset, count: min(1 << 20, size - offset), into: &piece)
            guard !piece.isEmpty else { break }
            try file.write(piece.span, at: offset)
            offset += piece.count
        }
        try file.sync()
    }

    package func syncFolder(of path: String) throws(SystemError) { try MachineDisk.place(of: path).folder.sync() }

    /// The folder that `path` lies in, and its name there.
    private static func place(of path: String) throws(SystemError) -> (folder: Directory, name: String) {
        guard let slash = path.lastIndex(of: "/") else { return (try Directory.open("."), path) }
        let above = path[..<slash]
        return (try Directory.open(above.isEmpty ? "/" : String(above)), String(path[path.index(after: slash)...]))
    }
}

extension DatabaseDisk where Self == MachineDisk {
    package static var machine: MachineDisk { MachineDisk() }
}

extension DatabaseDisk {
    /// Makes the file where it is missing, and its name durable: a commit is no more durable than the name of its file.
    ///
    /// What an earlier process left is written again first. Where its last sync failed, its log may read whole and yet
    /// not be on the medium: a commit appended to such a log would go with it when the power does, and a checkpoint of
    /// it would tear the database.
    func prepare(_ path: String, _ schema: DatabaseSchema) throws(StorageError) {
        do throws(SystemError) {
            if try !exists(path) { try create(path) }
            for suffix in schema.isDerived ? ["-journal", "-wal"] : ["-journal", "-wal", ""] {
                try rewriteIfAny(path + suffix)
            }
            try syncFolder(of: path)
        } catch {
            throw StorageError(error, file: path)
        }
    }

    /// Makes durable what was written to the log while the library had switched waiting for the disk off. Otherwise it
    /// would be the next commit's sync that keeps it; and where that one fails, a later commit, which writes itself
    /// again but not what stands before it, would be lost with it.
    func syncLog(_ path: String) throws(StorageError) {
        do throws(SystemError) { try rewriteIfAny(path + "-wal") } catch { throw StorageError(error, file: path) }
    }

    private func rewriteIfAny(_ path: String) throws(SystemError) {
        guard try exists(path), try size(path) > 0 else { return }
        try rewrite(path)
    }

    /// Removes a database that nobody has open.
    ///
    /// The database goes first, durably: without its log it might pass for a sound one of wrong numbers, while a log
    /// beside an empty database is thrown away by SQLite.
    func discard(_ path: String) throws(StorageError) {
        for suffix in ["", "-wal", "-shm", "-journal"] {
            do throws(SystemError) {
                guard try exists(path + suffix) else { continue }
                try remove(path + suffix)
                try syncFolder(of: path)
            } catch {
                throw StorageError(error, file: path + suffix)
            }
        }
    }
}
