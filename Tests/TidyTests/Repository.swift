import Foundation

/// The checkout as text: what the rule tests read.
struct Repository {
    let root: URL

    init(file: String = #filePath) {
        root = URL(fileURLWithPath: file).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
    }

    /// The Swift files below `folders`, relative path and lines.
    func swiftFiles(in folders: [String]) -> [SourceFile] {
        folders.flatMap { folder in files(in: folder).filter { $0.hasSuffix(".swift") } }.sorted().compactMap { path in
            text(path).map { SourceFile(path: path, lines: $0.components(separatedBy: "\n")) }
        }
    }

    /// All regular files below `folder`, relative to the root, hidden ones left out.
    func files(in folder: String) -> [String] {
        let base = root.appendingPathComponent(folder)
        guard let walk = FileManager.default.enumerator(at: base, includingPropertiesForKeys: [.isRegularFileKey])
        else {
            return []
        }
        return walk.compactMap { entry in
            guard let url = entry as? URL,
                (try? url.resourceValues(forKeys: [.isRegularFileKey]))?.isRegularFile == true,
                !url.path.contains("/.build"), !url.path.contains("/__pycache__/")
            else { return nil }
            return String(url.path.dropFirst(root.path.count + 1))
        }
    }

    func text(_ path: String) -> String? {
        try? String(contentsOf: root.appendingPathComponent(path), encoding: .utf8)
    }
}

struct SourceFile {
    let path: String
    let lines: [String]

    /// The target the file belongs to: `Sources/TallyWire/Frame.swift` is in `TallyWire`.
    var target: String { path.split(separator: "/").dropFirst().first.map(String.init) ?? "" }

    /// Lines of code: what stands before `//`, string literals emptied so that a rule is not met by a message.
    var code: [(number: Int, text: String)] {
        lines.enumerated().map { index, line in
            var kept = ""
            var isInString = false
            var previous: Character = " "
            for character in line {
                if character == "\"", previous != "\\" {
                    isInString.toggle()
                    kept.append(character)
                } else if !isInString {
                    if character == "/", previous == "/" {
                        kept.removeLast()
                        break
                    }
                    kept.append(character)
                }
                previous = character
            }
            return (index + 1, kept)
        }
    }
}
