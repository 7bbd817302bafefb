import Foundation

/// Files of inputs.
package enum FuzzCorpus {
    /// All files at `paths`, those of folders included, in order of their names. A path that is not there has none.
    package static func files(_ paths: [String]) -> [String] {
        paths.flatMap { path -> [String] in
            guard isFolder(path) else { return FileManager.default.fileExists(atPath: path) ? [path] : [] }
            let names = (try? FileManager.default.subpathsOfDirectory(atPath: path)) ?? []
            return names.filter { !$0.split(separator: "/").contains { $0.hasPrefix(".") } }.sorted()
                .map { "\(path)/\($0)" }.filter { !isFolder($0) }
        }
    }

    private static func isFolder(_ path: String) -> Bool {
        let kind = (try? FileManager.default.attributesOfItem(atPath: path))?[.type] as? FileAttributeType
        return kind == .typeDirectory
    }

    package static func bytes(_ file: String) throws -> [UInt8] {
        [UInt8](try Data(contentsOf: URL(filePath: file)))
    }
}
