import TallyModel

/// One object of a price book with its place, so that every refusal can name row and field.
struct BookFields {
    let row: Int?
    /// The path of this object within the row; empty for the row itself.
    let path: String
    private let members: [JSONMember]

    /// Throws unless `value` is an object with no key outside `allowed`.
    init(_ value: JSONValue, row: Int?, path: String, allowed: [String]) throws(PriceBookError) {
        guard case .object(let members) = value else {
            throw .refused(row: row, field: path.isEmpty ? "row" : path, .wrongType)
        }
        self.row = row
        self.path = path
        self.members = members
        for member in members where !allowed.contains(member.name) { throw refused(member.name, .unknownKey) }
    }

    func place(_ name: String) -> String { path.isEmpty ? name : "\(path).\(name)" }

    func refused(_ name: String, _ problem: PriceProblem) -> PriceBookError {
        .refused(row: row, field: place(name), problem)
    }

    /// The value of a key that may be left out.
    func optional(_ name: String) -> JSONValue? { members.first { $0.name == name }?.value }

    func required(_ name: String) throws(PriceBookError) -> JSONValue {
        guard let value = optional(name) else { throw refused(name, .missing) }
        return value
    }

    func text(_ name: String) throws(PriceBookError) -> String {
        guard case .string(let text) = try required(name) else { throw refused(name, .wrongType) }
        guard !text.isEmpty else { throw refused(name, .empty) }
        return text
    }

    func bool(_ name: String) throws(PriceBookError) -> Bool {
        guard case .bool(let value) = try required(name) else { throw refused(name, .wrongType) }
        return value
    }

    /// A whole number from 0 to `max`.
    func integer(_ name: String, max: Int64) throws(PriceBookError) -> Int64 {
        guard case .integer(let value) = try required(name) else { throw refused(name, .wrongType) }
        guard value >= 0 else { throw refused(name, .negative) }
        guard value <= max else { throw refused(name, .tooLarge) }
        return value
    }

    func texts(_ name: String, max: Int) throws(PriceBookError) -> [String] {
        guard case .array(let values) = try required(name) else { throw refused(name, .wrongType) }
        guard values.count <= max else { throw refused(name, .tooMany) }
        var texts: [String] = []
        for value in values {
            guard case .string(let text) = value else { throw refused(name, .wrongType) }
            guard !text.isEmpty else { throw refused(name, .empty) }
            texts.append(text)
        }
        return texts
    }

    /// Milliseconds of a date, or nil for null. The key must be there.
    func date(_ name: String) throws(PriceBookError) -> Int64? {
        switch try required(name) {
        case .null: return nil
        case .string(let text):
            guard let ms = PriceDate.ms(text) else { throw refused(name, .badDate) }
            return ms
        default: throw refused(name, .wrongType)
        }
    }
}
