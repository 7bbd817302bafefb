package import Foundation

/// The cases of `protocol/vectors`, as an implementation in another language wrote them.
package enum Vectors {
    package static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()
    package static var folder: URL { root.appending(path: "protocol/vectors") }

    package struct Missing: Error, CustomStringConvertible {
        package let description: String
        package init(description: String) { self.description = description }
    }

    /// All cases of the files whose names begin with `prefix`. Throws if there are none.
    package static func cases<Case: Decodable>(_ prefix: String, as type: Case.Type) throws -> [Case] {
        let names = try FileManager.default.contentsOfDirectory(atPath: folder.path)
        let cases = try names.sorted().filter { $0.hasPrefix(prefix) && $0.hasSuffix(".json") }.flatMap { name in
            try JSONDecoder().decode([Case].self, from: Data(contentsOf: folder.appending(path: name)))
        }
        guard !cases.isEmpty else { throw Missing(description: "no vectors \(prefix)*.json in \(folder.path)") }
        return cases
    }

    /// Files of random batches hold millions of digits, so they are read as bytes.
    package static func bytes(_ hex: String) throws -> [UInt8] {
        let digits = Array(hex.utf8)
        guard digits.count % 2 == 0 else { throw Missing(description: "half a byte") }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(digits.count / 2)
        var place = 0
        while place < digits.count {
            guard let high = nibble(digits[place]), let low = nibble(digits[place + 1]) else {
                throw Missing(description: "no hexadecimal digits")
            }
            bytes.append(high << 4 | low)
            place += 2
        }
        return bytes
    }

    private static func nibble(_ digit: UInt8) -> UInt8? {
        switch digit {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): digit - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): digit - UInt8(ascii: "a") + 10
        default: nil
        }
    }

    package static func word(_ hex: String) throws -> UInt64 {
        guard let value = UInt64(hex, radix: 16) else { throw Missing(description: "no 64-bit word: \(hex)") }
        return value
    }
}
