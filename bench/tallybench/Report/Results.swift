/// A run's figures in order, by their JSON names: shown as a table and as one JSON object on one line.
struct Results: Sendable {
    enum Value: Hashable, Sendable {
        case whole(Int)
        /// With so many digits after the point.
        case decimal(Double, digits: Int)
        case flag(Bool)
        case text(String)
        /// Not known, or not asked for.
        case none
    }

    private(set) var rows: [(name: String, value: Value)] = []

    mutating func add(_ name: String, _ value: Value) { rows.append((name, value)) }
    mutating func add(_ name: String, _ value: Int) { add(name, .whole(value)) }
    mutating func add(_ name: String, _ value: Int?) { add(name, value.map { .whole($0) } ?? .none) }
    mutating func add(_ name: String, _ value: UInt64) { add(name, .whole(Int(clamping: value))) }
    mutating func add(_ name: String, _ value: Bool) { add(name, .flag(value)) }
    mutating func add(_ name: String, _ value: String) { add(name, .text(value)) }
    mutating func add(_ name: String, _ value: Double?, digits: Int) {
        add(name, value.flatMap { $0.isFinite ? .decimal($0, digits: digits) : nil } ?? .none)
    }

    var table: String {
        let width = rows.map(\.name.count).max() ?? 0
        return rows.filter { $0.value != .none }.map { row in
            row.name + String(repeating: " ", count: width + 2 - row.name.count) + Results.plain(row.value) + "\n"
        }.joined()
    }

    var json: String {
        "{" + rows.map { "\(Results.quoted($0.name)):\(Results.json($0.value))" }.joined(separator: ",") + "}\n"
    }

    private static func plain(_ value: Value) -> String {
        switch value {
        case .whole(let number): grouped(number)
        case .decimal(let number, let digits): fixed(number, digits)
        case .flag(let flag): flag ? "yes" : "no"
        case .text(let text): text
        case .none: "-"
        }
    }

    private static func json(_ value: Value) -> String {
        switch value {
        case .whole(let number): "\(number)"
        case .decimal(let number, let digits): fixed(number, digits)
        case .flag(let flag): flag ? "true" : "false"
        case .text(let text): quoted(text)
        case .none: "null"
        }
    }

    /// `12,345,678`.
    static func grouped(_ number: Int) -> String {
        var text = ""
        for (index, digit) in String(number.magnitude).reversed().enumerated() {
            if index > 0, index % 3 == 0 { text.append(",") }
            text.append(digit)
        }
        return (number < 0 ? "-" : "") + String(text.reversed())
    }

    /// Rounded to `digits` digits after the point.
    static func fixed(_ number: Double, _ digits: Int) -> String {
        guard number.isFinite, number.magnitude < 1e15 else { return "0" }
        var scale = 1
        for _ in 0..<digits { scale *= 10 }
        let scaled = Int((number.magnitude * Double(scale)).rounded())
        let sign = number < 0 && scaled > 0 ? "-" : ""
        guard digits > 0 else { return sign + "\(scaled)" }
        let rest = String(scaled % scale)
        return sign + "\(scaled / scale)." + String(repeating: "0", count: digits - rest.count) + rest
    }

    private static func quoted(_ text: String) -> String {
        var out = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": out += "\\\""
            case "\\": out += "\\\\"
            case "\u{20}"...: out.unicodeScalars.append(scalar)
            default: out += " "
            }
        }
        return out + "\""
    }
}
