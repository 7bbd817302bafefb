import Synchronization
import TallyIO
package import TallyModel
package import TallyWorkstation

/// The hashes of a report: those of the real scan, which besides hands the names of projects to a `ProjectNames`.
///
/// Names so reach the report without any parser, counter or event holding one: they live in this object, in a program that
/// sends nothing and writes nothing.
package struct NamingHash: KeyedHash {
    private let hash: WorkstationHash
    private let names: ProjectNames

    /// `tenantKey` is the home's where there is one, so that ids are those that the gateway shows; nil for any.
    package init(ownKey: [UInt8], tenantKey: [UInt8]?, names: ProjectNames) {
        let key = tenantKey ?? [UInt8](repeating: 0, count: WorkstationHash.keyBytes)
        guard let hash = WorkstationHash(ownKey: ownKey, tenantKey: key) else {
            preconditionFailure("both keys have their length")
        }
        self.hash = hash
        self.names = names
    }

    package func digest(_ domain: HashDomain, _ bytes: Span<UInt8>) -> Bytes16 {
        if domain == .project, let project = hash.projectID(bytes) { names.note(project, bytes) }
        return hash.digest(domain, bytes)
    }
}

/// What projects are called on this machine, by their ids. For display alone.
///
/// A name is the last part of the repository's address or of the folder's path, with as many parts before it as tell it
/// from the others'. Characters that could lead a terminal astray are shown as `?`.
package final class ProjectNames: Sendable {
    /// Beyond it a project is shown by its id.
    private static let projectsMax = 65_536
    private static let shownMax = 60

    private let names = Guarded<[ProjectID: [UInt8]]>([:])

    package init() {}

    /// `name` is `host/path` of a repository, or a path.
    func note(_ project: ProjectID, _ name: Span<UInt8>) {
        var copy: [UInt8] = []
        for index in name.indices { copy.append(name[index]) }
        let bytes = copy
        names.withLock { names in
            guard names.count < Self.projectsMax, names[project] == nil else { return }
            names[project] = bytes
        }
    }

    /// What to show, by the id's text.
    package func shown() -> [String: String] {
        let parts = names.withLock { $0 }.map { (id: $0.key.value.uuidText, parts: Self.parts($0.value)) }
        var shown: [String: String] = [:]
        var open = parts
        var count = 1
        while !open.isEmpty {
            let groups = Dictionary(grouping: open) { $0.parts.suffix(count).joined(separator: "/") }
            open = []
            for (name, members) in groups {
                let isClear = members.count == 1 || members.allSatisfy { $0.parts.count <= count }
                for member in members {
                    // A longer path may still be told apart from one that is shown whole already.
                    if isClear || member.parts.count <= count { shown[member.id] = name } else { open.append(member) }
                }
            }
            count += 1
        }
        return shown.mapValues(Self.clipped)
    }

    private static func parts(_ name: [UInt8]) -> [String] {
        var parts = String(decoding: name, as: UTF8.self).split(separator: "/").map { part in
            String(String.UnicodeScalarView(part.unicodeScalars.map { isShown($0) ? $0 : "?" }))
        }
        // What a repository's worktrees share lies in its `.git`.
        if parts.count > 1, parts.last == ".git" { parts.removeLast() }
        return parts.isEmpty ? ["/"] : parts
    }

    private static func clipped(_ name: String) -> String {
        name.count <= shownMax ? name : "…" + name.suffix(shownMax - 1)
    }

    private static func isShown(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.generalCategory {
        case .control, .format, .surrogate, .privateUse, .unassigned, .lineSeparator, .paragraphSeparator: false
        default: true
        }
    }
}
