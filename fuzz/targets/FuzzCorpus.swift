import Foundation

/// Files of inputs.
package enum FuzzCorpus {
    /// All files at `paths`, those of folders included, in order of their names. A path that is not there has none.
    package static func files(_ paths: [String]) -> [String] {
        paths.flatMap { path -> [String] in
            var isFolder: ObjCBool = false
            guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) else { return [] }
            guard isFolder.boolValue else { return [path] }
            let names = (try? FileManager.default.subpathsOfDirectory(atPath: path)) ?? []
            return names.filter { !$0.split(separator: "/").contains { $0.hasPrefix(".") } }.sorted()
                .map { "\(path)/\($0)" }.filter { file in
                    var isFolder: ObjCBool = false
                    return FileManager.default.fileExists(atPath: file, isDirectory: &isFolder) && !isFolder.boolValue
                }
        }
    }

    package static func bytes(_ file: String) throws -> [UInt8] {
        [UInt8](try Data(contentsOf: URL(filePath: file)))
    }
}
