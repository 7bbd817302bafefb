import Foundation
import TallyGenerator

/// The folder that a home is written to.
struct HomeFolder {
    let path: String

    /// Removes an earlier output, so that nothing of another seed stays. A folder with anything else in it is
    /// refused: only what this program wrote may be removed.
    func clear() throws(HomeFolderError) {
        let files = FileManager.default
        let held = (try? files.contentsOfDirectory(atPath: path)) ?? []
        guard !held.isEmpty else { return }
        guard Set(held).isSubset(of: ["claude", "codex", "gemini", "truth.json"]),
            files.fileExists(atPath: path + "/truth.json")
        else { throw .notOurs(path) }
        for name in ["claude", "codex", "gemini", "truth.json"] where held.contains(name) {
            do {
                try files.removeItem(atPath: path + "/" + name)
            } catch {
                throw .notWritable(path + "/" + name)
            }
        }
    }

    /// Writes every file, `truth.json` last: where it stands, the home is whole.
    func write(_ home: GeneratedHome) throws(HomeFolderError) {
        for file in home.files { try write(file) }
        try write(GeneratedFile(path: "truth.json", content: .bytes(home.truth.json(seed: home.seed))))
    }

    private func write(_ file: GeneratedFile) throws(HomeFolderError) {
        let full = path + "/" + file.path
        do {
            try FileManager.default.createDirectory(
                atPath: URL(filePath: full).deletingLastPathComponent().path, withIntermediateDirectories: true)
            switch file.content {
            case .bytes(let bytes): try Data(bytes).write(to: URL(filePath: full))
            case .link(let target):
                try FileManager.default.createSymbolicLink(atPath: full, withDestinationPath: target)
            }
        } catch {
            throw .notWritable(full)
        }
    }
}

enum HomeFolderError: Error, CustomStringConvertible {
    case notOurs(String)
    case notWritable(String)

    var description: String {
        switch self {
        case .notOurs(let path): "\(path) holds something that tallygen did not write: name another folder"
        case .notWritable(let path): "cannot write \(path): check the folder's permissions and the disk's space"
        }
    }
}
