package import Foundation
import TallyModel
import TallyPricing

/// Which price book a command means: a file's content, which goes along with the command, for the gateway may not see what
/// its owner sees; one that the data folder has; or the program's own.
package enum BookSource: Codable, Hashable, Sendable {
    case file(name: String, content: Data)
    /// 16 hexadecimal digits.
    case kept(id: String)
    case shipped

    /// A file, or where there is none of that name, a book's number.
    package init(argument: String) throws(BookFileError) {
        guard !FileManager.default.fileExists(atPath: argument), PriceBookID(name: argument) != nil else {
            self = .file(name: argument, content: try Self.read(argument))
            return
        }
        self = .kept(id: argument)
    }

    private static func read(_ path: String) throws(BookFileError) -> Data {
        let content: Data
        do {
            let file = try FileHandle(forReadingFrom: URL(fileURLWithPath: path))
            defer { try? file.close() }
            content = try file.read(upToCount: Limits.priceBookBytesMax + 1) ?? Data()
        } catch {
            throw .unreadable(path)
        }
        guard content.count <= Limits.priceBookBytesMax else { throw .tooLarge(path) }
        return content
    }
}

/// A price book's file that the command cannot read.
package enum BookFileError: Error, CustomStringConvertible, LocalizedError {
    case unreadable(String)
    case tooLarge(String)

    package var description: String {
        switch self {
        case .unreadable(let path):
            "\(path) cannot be read; give a price book's file, or the number of one that 'tallygate prices list' shows"
        case .tooLarge(let path): "\(path) is larger than a price book may be (\(Limits.priceBookBytesMax) bytes)"
        }
    }

    package var errorDescription: String? { description }
}
