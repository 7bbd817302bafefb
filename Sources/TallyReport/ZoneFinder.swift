import TallyIO
import TallyUsage

/// Finds the reader's time zone: the one that was asked for, else that of TZ, else the system's, else UTC.
struct ZoneFinder {
    private static let folders = [
        "/usr/share/zoneinfo", "/usr/lib/zoneinfo", "/usr/share/lib/zoneinfo", "/etc/zoneinfo",
    ]
    private static let utcNames: Set<String> = ["UTC", "GMT", "Etc/UTC", "Etc/GMT"]

    /// A zone, and what to call it.
    struct Found {
        let zone: UsageZone
        let name: String

        static let utc = Found(zone: .utc, name: "UTC")
    }

    /// The value of TZ.
    let variable: String?

    func find(_ asked: String?) throws(ReportError) -> Found {
        if let asked { return try named(asked, isVariable: false) }
        guard let variable else {
            guard let bytes = Self.read("/etc/localtime") else { return .utc }
            guard let file = ZoneFile(bytes) else { throw .zoneDamaged("/etc/localtime") }
            return Found(zone: file.zone, name: file.zone.isUTC ? "UTC" : "this machine")
        }
        let name = variable.hasPrefix(":") ? String(variable.dropFirst()) : variable
        return name.isEmpty ? .utc : try named(name, isVariable: true)
    }

    private func named(_ name: String, isVariable: Bool) throws(ReportError) -> Found {
        if Self.utcNames.contains(name) { return .utc }
        let paths: [String]
        if isVariable, name.hasPrefix("/") {
            paths = [name]
        } else {
            paths = Self.isName(name) ? Self.folders.map { $0 + "/" + name } : []
        }
        for path in paths {
            guard let bytes = Self.read(path) else { continue }
            guard let file = ZoneFile(bytes) else { throw .zoneDamaged(path) }
            return Found(zone: file.zone, name: name)
        }
        // TZ may hold the rule itself.
        if isVariable, let rule = ZoneFile(rule: name) { return Found(zone: rule.zone, name: name) }
        throw .zoneUnknown(name)
    }

    /// `Europe/Berlin`: nothing that leads out of the folders of zones.
    private static func isName(_ name: String) -> Bool {
        let parts = name.split(separator: "/", omittingEmptySubsequences: false)
        return parts.count <= 4 && name.utf8.count <= 64
            && parts.allSatisfy { part in
                !part.isEmpty && part.utf8.first != UInt8(ascii: ".")
                    && part.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || "_-+".contains($0)) }
            }
    }

    private static func read(_ path: String) -> [UInt8]? {
        guard let slash = path.lastIndex(of: "/") else { return nil }
        let folder = slash == path.startIndex ? "/" : String(path[..<slash])
        let name = String(path[path.index(after: slash)...])
        return try? Directory.open(folder).readWhole(name, limit: ZoneFile.bytesMax, follows: true)
    }
}
