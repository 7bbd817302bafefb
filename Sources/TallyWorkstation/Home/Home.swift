import TallyHash
package import TallyIO
import TallyModel

/// The workstation's own folder: its settings, its keys, its spool. 0700, made if missing.
///
///     config    the gateway, the token, its authorities, the tenant's key      0600
///     pause     whether a person wants nothing read or sent                    0600
///     ignore    folders of which nothing is counted                            0600
///     keys      32 random bytes for hashes that never leave this machine       0600
///     spool/    the log of events and reading positions
///     lock      one owner at a time
///     run.sock  how other commands reach a running `tally run`
package struct Home: Sendable {
    package static let socketName = "run.sock"
    package let path: String
    package let folder: Directory

    /// `tallyHome` and `home` as the environment gives them; empty counts as not set.
    package static func path(tallyHome: String?, home: String?) throws(WorkstationError) -> String {
        let home = home.flatMap { $0.isEmpty ? nil : $0 }
        guard let chosen = tallyHome, !chosen.isEmpty else {
            guard let home else { throw .noHome }
            return home + "/.local/state/tally"
        }
        guard chosen == "~" || chosen.hasPrefix("~/") else { return chosen }
        guard let home else { throw .noHome }
        return home + chosen.dropFirst()
    }

    package init(path: String) throws(WorkstationError) {
        self.path = path
        do throws(SystemError) {
            folder = try Directory.openOrMake(path)
            let facts = try folder.facts(".")
            if facts.mode & 0o077 != 0 { try folder.restrictToOwner() }
        } catch {
            throw .system(error)
        }
    }

    /// Becomes the one owner of spool and keys, or says who is.
    package func own() throws(WorkstationError) -> FileLock {
        let lock: FileLock
        do throws(FileLock.Refusal) { lock = try FileLock.take(in: folder) } catch { throw .locked(error) }
        // Keys that are used now and gone after a power loss would give every session another name.
        do throws(SystemError) { try Directory.settle(path, folder) } catch { throw .system(error) }
        return lock
    }

    /// The folder of the spool, made if missing.
    package func spoolFolder() throws(WorkstationError) -> Directory {
        do throws(SystemError) { return try folder.openOrMakeDirectory("spool") } catch { throw .system(error) }
    }

    /// Nil if there is none yet.
    func existingSpool() throws(WorkstationError) -> Directory? {
        do throws(SystemError) { return try folder.openDirectory("spool") } catch {
            if error.isNotFound { return nil }
            throw .system(error)
        }
    }

    // MARK: Keys

    /// The key for hashes of message ids and names of sessions, drawn at first use. The caller owns the home.
    package func ownKey() throws(WorkstationError) -> [UInt8] {
        do throws(SystemError) {
            let bytes = try folder.readWhole("keys", limit: WorkstationHash.keyBytes)
            guard bytes.count == WorkstationHash.keyBytes else { throw SystemError("read", "keys", number: 0) }
            return bytes
        } catch {
            guard error.isNotFound else { throw .keysDamaged }
        }
        let key = Random.bytes(WorkstationHash.keyBytes)
        do throws(SystemError) { try folder.writeDurably("keys", key.span) } catch { throw .system(error) }
        return key
    }

    // MARK: Settings

    /// Nil if there is no gateway.
    package func enrolment() throws(WorkstationError) -> Enrolment? {
        let bytes: [UInt8]
        do throws(SystemError) {
            bytes = try folder.readWhole("config", limit: Limits.configBytesMax)
        } catch {
            if error.isNotFound { return nil }
            throw .system(error)
        }
        return try Enrolment(decoding: bytes)
    }

    /// The tenant's key out of the home at `path`, which is neither made nor changed; nil if it has none.
    package static func tenantKey(at path: String) -> [UInt8]? {
        guard let folder = try? Directory.open(path),
            let bytes = try? folder.readWhole("config", limit: Limits.configBytesMax)
        else { return nil }
        return try? Enrolment(decoding: bytes).tenantKey
    }

    /// Replaces the settings in one durable step; nil forgets the gateway.
    package func save(_ enrolment: Enrolment?) throws(WorkstationError) {
        try replace("config", with: enrolment?.encode())
    }

    /// Puts `bytes` in place of a small file in one durable step; nil removes it.
    func replace(_ name: String, with bytes: [UInt8]?) throws(WorkstationError) {
        // Two commands must not write at the same time; the lock of the folder may be a running tally's.
        let lock: FileLock
        do throws(FileLock.Refusal) { lock = try FileLock.take(in: folder, name: "config.lock") } catch {
            throw .locked(error)
        }
        do throws(SystemError) {
            if let bytes {
                try folder.writeDurably(name, bytes.span)
            } else {
                do throws(SystemError) { try folder.unlink(name) } catch {
                    guard error.isNotFound else { throw error }
                }
                try folder.sync()
            }
        } catch {
            throw .system(error)
        }
        _ = consume lock
    }
}
