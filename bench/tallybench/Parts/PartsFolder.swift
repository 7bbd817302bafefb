import Foundation

extension Parts {
    /// A folder for one run: a temporary one that goes with this value, or one that the caller named and keeps.
    final class Folder {
        let path: String
        private let isKept: Bool

        init(kept: String? = nil) throws {
            isKept = kept != nil
            path = kept ?? FileManager.default.temporaryDirectory.path + "/tallybench-\(UUID().uuidString)"
            try FileManager.default.createDirectory(
                atPath: path, withIntermediateDirectories: true, attributes: isKept ? nil : [.posixPermissions: 0o700])
        }

        deinit { if !isKept { try? FileManager.default.removeItem(atPath: path) } }

        /// Bytes of all files below `path`.
        static func bytes(below path: String) -> Int { files(below: path).reduce(0) { $0 + $1.bytes } }

        /// All files below `path`, links left out, in order of path.
        static func files(below path: String) -> [(path: String, bytes: Int)] {
            let root = URL(fileURLWithPath: path)
            let keys: [URLResourceKey] = [.isRegularFileKey, .fileSizeKey]
            guard let walk = FileManager.default.enumerator(at: root, includingPropertiesForKeys: keys) else {
                return []
            }
            var found: [(path: String, bytes: Int)] = []
            for case let file as URL in walk {
                guard let values = try? file.resourceValues(forKeys: Set(keys)), values.isRegularFile == true else {
                    continue
                }
                found.append((file.path, values.fileSize ?? 0))
            }
            return found.sorted { $0.path < $1.path }
        }
    }

    /// `64M`, `2G`, `500K` or plain bytes.
    static func bytes(_ text: String) -> Int? {
        let units: [Character: Int] = ["K": 1_000, "M": 1_000_000, "G": 1_000_000_000]
        let unit = text.last.flatMap { units[Character($0.uppercased())] }
        guard let number = Int(unit == nil ? text[...] : text.dropLast()), number > 0 else { return nil }
        let (bytes, isOver) = number.multipliedReportingOverflow(by: unit ?? 1)
        return isOver ? nil : bytes
    }
}
