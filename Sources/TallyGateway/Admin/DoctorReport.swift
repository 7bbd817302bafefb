import Foundation
import TallyHash
import TallyIO
import TallyModel
import TallyStorage
import TallyTLS

/// `tallygate doctor`: what this machine and the data folder are like, and what to mend. Takes no lock and changes
/// nothing but a probe file that it removes.
package struct DoctorReport: Sendable {
    enum Verdict: String, Encodable { case ok, warning, problem }

    struct Check: Encodable {
        let name: String
        let verdict: Verdict
        let finding: String
    }

    let checks: [Check]

    package static func make(folder path: String) -> DoctorReport {
        var checks = [versions, openSSL, sqlite, descriptors, clock]
        checks += folderChecks(path)
        return DoctorReport(checks: checks)
    }

    package func reply(format: OutputFormat) -> AdminReply {
        let isHealthy = !checks.contains { $0.verdict == .problem }
        let output: String
        if format == .text {
            let width = checks.map(\.name.count).max() ?? 0
            output = checks.map { check in
                let mark = check.verdict == .ok ? "ok     " : check.verdict == .warning ? "warning" : "PROBLEM"
                return
                    "\(mark)  \(check.name.padding(toLength: width, withPad: " ", startingAt: 0))  \(check.finding)\n"
            }.joined()
        } else {
            output = AdminTables.json(["checks": checks])
        }
        return isHealthy ? .done(output) : .failed("something needs mending: see PROBLEM above", output: output)
    }

    // MARK: The machine

    private static var versions: Check {
        Check(name: "tallygate", verdict: .ok, finding: "version \(ProgramVersion.text)")
    }

    private static var openSSL: Check {
        Check(name: "OpenSSL", verdict: .ok, finding: TLSLibrary.version)
    }

    private static var sqlite: Check {
        let version = SQLiteLibrary.version
        guard SQLiteLibrary.isNewEnough else {
            return Check(name: "SQLite", verdict: .problem, finding: "\(version) is too old; 3.37 or later is needed")
        }
        guard SQLiteLibrary.corruptsWithTwoWriters else {
            return Check(name: "SQLite", verdict: .ok, finding: version)
        }
        return Check(
            name: "SQLite", verdict: .warning,
            finding: "\(version) can corrupt a database that two connections write or checkpoint at the same instant; "
                + "tallygate never does, so let no other program open its databases for writing (fixed in 3.51.3)")
    }

    private static var descriptors: Check {
        let limit = ResourceLimits.openFiles
        let needed = UInt64(Limits.connectionsMax) + 1_000
        guard limit < needed else { return Check(name: "open files", verdict: .ok, finding: "limit \(limit)") }
        return Check(
            name: "open files", verdict: limit < 1_024 ? .problem : .warning,
            finding:
                "limit \(limit); \(needed) are needed for \(Limits.connectionsMax) connections (ulimit -n, LimitNOFILE)"
        )
    }

    private static var clock: Check {
        let now = WallClock.nowMs()
        // 2025-01-01: this program is younger.
        guard now > 1_735_689_600_000 else {
            return Check(
                name: "clock", verdict: .problem, finding: "stands at \(AdminTables.time(now)); set it, or run NTP")
        }
        return Check(name: "clock", verdict: .ok, finding: AdminTables.time(now))
    }

    // MARK: The folder

    private static func folderChecks(_ path: String) -> [Check] {
        let directory: Directory
        do throws(SystemError) {
            directory = try Directory.open(path)
        } catch {
            let hint = error.isNotFound ? "does not exist yet; it is made by the first command or serve" : "\(error)"
            return [Check(name: "data folder", verdict: error.isNotFound ? .warning : .problem, finding: hint)]
        }
        return [permissions(path), keys(directory), disk(directory), barrier(directory)] + certificates(directory)
            + [newest(path)]
    }

    private static func permissions(_ path: String) -> Check {
        let facts = try? FileManager.default.attributesOfItem(atPath: path)
        let mode = (facts?[.posixPermissions] as? NSNumber)?.intValue ?? 0
        let text = String(mode, radix: 8)
        guard mode & 0o077 == 0 else {
            return Check(
                name: "permissions", verdict: .problem, finding: "\(path) is \(text), open to others; chmod 700 \(path)"
            )
        }
        return Check(name: "permissions", verdict: .ok, finding: "\(path) is \(text)")
    }

    /// `serve` refuses to start with a private key that others may read.
    private static func keys(_ directory: Directory) -> Check {
        guard let tls = try? directory.openDirectory("tls") else {
            return Check(name: "private keys", verdict: .ok, finding: "none yet; serve makes them")
        }
        var found = 0
        for name in TLSIdentity.keyNames {
            do throws(SecretFileError) {
                try tls.checkSecret(name)
                found += 1
            } catch {
                guard error.isNotFound else {
                    return Check(name: "private keys", verdict: .problem, finding: "\(error)")
                }
            }
        }
        let finding = found == 0 ? "none yet; serve makes them" : "their owner's alone"
        return Check(name: "private keys", verdict: .ok, finding: finding)
    }

    private static func disk(_ directory: Directory) -> Check {
        guard let facts = try? FileSystemFacts.under(directory) else {
            return Check(name: "disk", verdict: .problem, finding: "cannot be asked")
        }
        let percent = facts.totalBytes == 0 ? 0 : facts.freeBytes * 100 / facts.totalBytes
        let finding = "\(facts.name), \(facts.freeBytes >> 20) MiB free (\(percent) %)"
        let network: Set<String> = ["nfs", "cifs", "fuse", "9p"]
        if network.contains(facts.name) {
            return Check(
                name: "disk", verdict: .problem, finding: finding + "; a network file system keeps no promise of ours")
        }
        return Check(
            name: "disk", verdict: percent < 5 ? .problem : .ok,
            finding: finding + (facts.mayShareBarrier(on: .current) ? "" : "; each segment is synced by itself here"))
    }

    /// Times ten barriers of the kind that every acknowledgement waits for.
    private static func barrier(_ directory: Directory) -> Check {
        let name = ".doctor-\(Random.uint64())"
        do throws(SystemError) {
            let file = try directory.create(name)
            defer { try? directory.unlink(name) }
            var times: [Int64] = []
            for round in 0..<10 {
                let bytes = [UInt8](repeating: UInt8(round), count: 4_096)
                let started = MonotonicClock.nowNanoseconds()
                try file.write(bytes.span, at: round * 4_096)
                try file.sync()
                times.append(MonotonicClock.nowNanoseconds() - started)
            }
            let median = times.sorted()[5] / 1_000
            return Check(
                name: "barrier", verdict: median > 50_000 ? .warning : .ok,
                finding: "a synced write takes \(median) µs (median of 10)")
        } catch {
            return Check(name: "barrier", verdict: .problem, finding: "\(error)")
        }
    }

    private static func certificates(_ directory: Directory) -> [Check] {
        guard let tls = try? directory.openDirectory("tls"),
            let pem = try? tls.readWhole(TLSIdentity.certificateName, limit: 1 << 20)
        else { return [Check(name: "certificate", verdict: .ok, finding: "none yet; serve makes one")] }
        do throws(CertificateError) {
            let facts = try CertificateFacts(pem: pem, name: TLSIdentity.certificateName)
            let days = (facts.notAfterSeconds - WallClock.nowMs() / 1_000) / 86_400
            return [
                Check(
                    name: "certificate", verdict: days < 0 ? .problem : days < 20 ? .warning : .ok,
                    finding: "valid for \(days) days; renewed by itself while serving")
            ]
        } catch {
            return [Check(name: "certificate", verdict: .problem, finding: "\(error)")]
        }
    }

    /// A catalog that is of a newer version is refused by every command; say so here.
    private static func newest(_ path: String) -> Check {
        do throws(StorageError) {
            let catalog = try Catalog(reading: path)
            let count = try catalog.tenants().count
            return Check(name: "catalog", verdict: .ok, finding: "\(count) tenants")
        } catch {
            if case .absent = error { return Check(name: "catalog", verdict: .ok, finding: "none yet") }
            return Check(name: "catalog", verdict: .problem, finding: "\(error)")
        }
    }
}
