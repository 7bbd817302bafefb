import Foundation
import GRDB
import TallyModel

/// Reading values out of rows without trusting the file: the library's own subscripts trap on a value of
/// another type, these throw.

/// A value that is not what its column holds, or is too large for it. Never leaves this module.
struct UnreadableValue: Error {
    enum Kind { case type, overflow }
    let kind: Kind

    static let type = UnreadableValue(kind: .type)
    static let overflow = UnreadableValue(kind: .overflow)
}

extension Row {
    func int(_ column: Int) throws -> Int64 {
        guard case .int64(let value) = (self[column] as DatabaseValue).storage else { throw UnreadableValue.type }
        return value
    }

    /// Nil for NULL.
    func intIfAny(_ column: Int) throws -> Int64? {
        switch (self[column] as DatabaseValue).storage {
        case .int64(let value): value
        case .null: nil
        default: throw UnreadableValue.type
        }
    }

    func isNull(_ column: Int) -> Bool { (self[column] as DatabaseValue).isNull }

    func text(_ column: Int) throws -> String {
        guard case .string(let value) = (self[column] as DatabaseValue).storage else { throw UnreadableValue.type }
        return value
    }

    func bytes(_ column: Int, count: Int) throws -> [UInt8] {
        guard case .blob(let value) = (self[column] as DatabaseValue).storage, value.count == count else {
            throw UnreadableValue.type
        }
        return Array(value)
    }

    func bytes16(_ column: Int) throws -> Bytes16 { Bytes16(try bytes(column, count: 16)) }

    /// A number kept as its bit pattern, since SQLite's integers are signed.
    func word(_ column: Int) throws -> UInt64 { UInt64(bitPattern: try int(column)) }

    func vocabulary<V: Vocabulary>(_ column: Int, as: V.Type = V.self) throws -> V {
        guard let raw = UInt8(exactly: try int(column)), let value = V(rawValue: raw) else {
            throw UnreadableValue.type
        }
        return value
    }
}

extension Database {
    /// The one number that `sql` gives.
    func number(_ sql: String, _ arguments: StatementArguments = []) throws -> Int64 {
        guard let row = try Row.fetchOne(self, sql: sql, arguments: arguments) else { throw UnreadableValue.type }
        return try row.int(0)
    }

    /// Runs a statement that is compiled once per connection.
    func run(_ sql: String, _ arguments: StatementArguments) throws {
        try cachedStatement(sql: sql).execute(arguments: arguments)
    }
}

extension Bytes16 {
    var data: Data { Data(bytes) }

    /// 32 hexadecimal digits.
    var hexText: String { uuidText.filter { $0 != "-" } }
}

extension [UInt8] {
    var data: Data { Data(self) }
}

extension UInt64 {
    /// The same bits, for a column.
    var pattern: Int64 { Int64(bitPattern: self) }
}

/// `value` for a column, or an error where it does not fit.
func checked(_ value: some BinaryInteger) throws -> Int64 {
    guard let fit = Int64(exactly: value) else { throw UnreadableValue.overflow }
    return fit
}
