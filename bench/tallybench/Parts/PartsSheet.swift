import Foundation

extension Parts {
    enum Figure {
        case count(Int)
        case real(Double)
        case text(String)
        case isHeld(Bool)
        case rows([Sheet])

        /// As it stands in JSON. Texts here are words of this program: nothing to escape but a path's quotes.
        fileprivate var json: String {
            switch self {
            case .count(let value): "\(value)"
            case .real(let value): Figure.short(value)
            case .text(let text):
                "\"" + text.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"") + "\""
            case .isHeld(let isHeld): "\(isHeld)"
            case .rows(let rows): "[" + rows.map(\.json).joined(separator: ",") + "]"
            }
        }

        fileprivate var shown: String {
            switch self {
            case .text(let text): text
            case .count(let value): Figure.grouped(value)
            case .isHeld(let isHeld): isHeld ? "yes" : "no"
            case .real, .rows: json
            }
        }

        /// Three digits behind the point are more than the clock is worth.
        private static func short(_ value: Double) -> String {
            guard value.isFinite else { return "0" }
            return String(format: value.magnitude >= 100 ? "%.1f" : "%.3f", value)
        }

        private static func grouped(_ value: Int) -> String {
            var digits = String(value.magnitude)
            var parts: [Substring] = []
            while digits.count > 3 {
                parts.insert(digits.suffix(3), at: 0)
                digits.removeLast(3)
            }
            return (value < 0 ? "-" : "") + ([Substring(digits)] + parts).joined(separator: ",")
        }
    }

    /// Named figures in order: a JSON object for programs, a table for people.
    struct Sheet {
        private(set) var figures: [(name: String, value: Figure)] = []

        mutating func add(_ name: String, _ value: Int) { figures.append((name, .count(value))) }
        mutating func add(_ name: String, _ value: Double) { figures.append((name, .real(value))) }
        mutating func add(_ name: String, _ value: String) { figures.append((name, .text(value))) }
        mutating func add(_ name: String, _ value: Bool) { figures.append((name, .isHeld(value))) }
        mutating func add(_ name: String, _ value: [Sheet]) { figures.append((name, .rows(value))) }

        /// One step of something done `count` times.
        static func step(_ name: String, _ span: Span, per count: Int) -> Sheet {
            var sheet = Sheet()
            sheet.add("step", name)
            sheet.add("cpu_ns_per_event", Double(span.cpuNs) / Double(max(1, count)))
            sheet.add("wall_ns_per_event", Double(span.wallNs) / Double(max(1, count)))
            return sheet
        }

        func show(asJSON: Bool) { print(asJSON ? json : table) }

        var json: String {
            "{" + figures.map { "\"\($0.name)\":\($0.value.json)" }.joined(separator: ",") + "}"
        }

        private var table: String {
            var lines: [String] = []
            let width = figures.map(\.name.count).max() ?? 0
            for (name, value) in figures {
                if case .rows(let rows) = value {
                    lines += Sheet.columns(rows)
                } else {
                    lines.append(name + String(repeating: " ", count: width - name.count + 2) + value.shown)
                }
            }
            return lines.joined(separator: "\n")
        }

        /// The rows below a line of their names; the first column to the left, the others to the right.
        private static func columns(_ rows: [Sheet]) -> [String] {
            guard let first = rows.first else { return [] }
            let cells = [first.figures.map(\.name)] + rows.map { $0.figures.map(\.value.shown) }
            let widths = first.figures.indices.map { column in
                cells.map { column < $0.count ? $0[column].count : 0 }.max() ?? 0
            }
            return cells.map { line in
                "  "
                    + zip(line, widths).enumerated().map { index, cell in
                        let blank = String(repeating: " ", count: cell.1 - cell.0.count)
                        return index == 0 ? cell.0 + blank : blank + cell.0
                    }.joined(separator: "  ")
            }
        }
    }
}
