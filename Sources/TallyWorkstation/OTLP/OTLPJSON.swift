import TallyModel

/// Walks an export in JSON (the OTLP mapping: lowerCamelCase names, hexadecimal ids, 64-bit numbers as text or as
/// numbers) and gives each log record or span to `take`, and nil for each resource and scope that begins.
///
/// The resource and the scope may stand behind the list that they speak of: then the list is walked again from where it
/// began, once.
struct OTLPJSON: Sendable {
    private enum Key: String, CaseIterable {
        case resourceLogs, resourceSpans, resource, scopeLogs, scopeSpans, scope, logRecords, spans, attributes
        case key, value, name, body, eventName, timeUnixNano, observedTimeUnixNano, endTimeUnixNano, traceId, spanId
        case stringValue, intValue, doubleValue
    }
    private enum Service: String, CaseIterable { case name = "service.name" }

    let names: OTLPNames
    private let table = NameTable<Key>(\.rawValue)
    private let services = NameTable<Service>(\.rawValue)
    private let object = UInt8(ascii: "{")
    private let array = UInt8(ascii: "[")

    init(names: OTLPNames) { self.names = names }

    func walk(
        _ bytes: Span<UInt8>, _ signal: OTLPSignal,
        _ take: (OTLPRecord?) throws(OTLPRefusal) -> Void
    ) throws(OTLPRefusal) {
        do {
            var cursor = JSONCursor()
            try members(&cursor, bytes) { key, cursor in
                guard key == (signal == .logs ? .resourceLogs : .resourceSpans) else {
                    return try cursor.skip(bytes)
                }
                try elements(&cursor, bytes) { cursor in try readResource(&cursor, bytes, signal, take) }
            }
            try cursor.finish(bytes)
        } catch let error as OTLPRefusal {
            throw error
        } catch {
            throw .malformed
        }
    }

    // MARK: Lists

    private func readResource(
        _ cursor: inout JSONCursor, _ bytes: Span<UInt8>, _ signal: OTLPSignal,
        _ take: (OTLPRecord?) throws(OTLPRefusal) -> Void
    ) throws {
        try take(nil)
        var isAgents = false
        var lists: [Int] = []
        try members(&cursor, bytes) { key, cursor in
            switch key {
            case .resource:
                try attributes(&cursor, bytes) { name, value in
                    guard services.find(name, bytes) != nil, case .text(let text) = value else { return }
                    isAgents = names.isAgents(text, bytes)
                }
            case .scopeLogs where signal == .logs, .scopeSpans where signal == .traces:
                lists.append(cursor.position)
                try cursor.skip(bytes)
            default: try cursor.skip(bytes)
            }
        }
        for start in lists {
            var list = JSONCursor(at: start)
            try elements(&list, bytes) { cursor in try readScope(&cursor, bytes, signal, isAgents, take) }
        }
    }

    private func readScope(
        _ cursor: inout JSONCursor, _ bytes: Span<UInt8>, _ signal: OTLPSignal, _ isResourceAgents: Bool,
        _ take: (OTLPRecord?) throws(OTLPRefusal) -> Void
    ) throws {
        try take(nil)
        var isAgents = isResourceAgents
        var lists: [Int] = []
        try members(&cursor, bytes) { key, cursor in
            switch key {
            case .scope:
                try members(&cursor, bytes) { key, cursor in
                    guard key == .name, let name = try cursor.optionalText(bytes) else {
                        if key != .name { try cursor.skip(bytes) }
                        return
                    }
                    isAgents = isAgents || names.isAgents(OTLPText(name), bytes)
                }
            case .logRecords where signal == .logs, .spans where signal == .traces:
                lists.append(cursor.position)
                try cursor.skip(bytes)
            default: try cursor.skip(bytes)
            }
        }
        for start in lists {
            var list = JSONCursor(at: start)
            try elements(&list, bytes) { cursor in
                var record = OTLPRecord()
                record.isAgents = isAgents
                try readRecord(&record, &cursor, bytes, signal)
                try take(record)
            }
        }
    }

    // MARK: Records

    private func readRecord(
        _ record: inout OTLPRecord, _ cursor: inout JSONCursor, _ bytes: Span<UInt8>, _ signal: OTLPSignal
    ) throws {
        var (time, observed, end): (UInt64, UInt64, UInt64) = (0, 0, 0)
        var (trace, span): (JSONText?, JSONText?) = (nil, nil)
        try members(&cursor, bytes) { key, cursor in
            switch key {
            case .timeUnixNano: time = try nanos(&cursor, bytes)
            case .observedTimeUnixNano: observed = try nanos(&cursor, bytes)
            case .endTimeUnixNano: end = try nanos(&cursor, bytes)
            case .traceId: trace = try cursor.optionalText(bytes)
            case .spanId: span = try cursor.optionalText(bytes)
            case .body where signal == .logs:
                if case .text(let text) = try value(&cursor, bytes) { record.name(text, names, bytes) }
            case .eventName where signal == .logs:
                if let text = try cursor.optionalText(bytes) { record.name(OTLPText(text), names, bytes) }
            case .attributes:
                try attributeList(&cursor, bytes) { name, value in
                    if let key = names.keys.find(name, bytes) { record[key] = value }
                }
            default: try cursor.skip(bytes)
            }
        }
        record.timeNanos = signal == .logs ? time : end
        record.observedNanos = signal == .logs ? observed : 0
        record.trace = trace.flatMap { hex($0, digits: 32, bytes) }.map { Bytes16(high: $0.high, low: $0.low) }
        record.span = span.flatMap { hex($0, digits: 16, bytes) }?.low ?? 0
        if signal == .logs { record.nameByAttribute(names, bytes) }
    }

    /// An object with `attributes`.
    private func attributes(
        _ cursor: inout JSONCursor, _ bytes: Span<UInt8>, _ body: (JSONText, OTLPValue) throws -> Void
    ) throws {
        try members(&cursor, bytes) { key, cursor in
            guard key == .attributes else { return try cursor.skip(bytes) }
            try attributeList(&cursor, bytes, body)
        }
    }

    private func attributeList(
        _ cursor: inout JSONCursor, _ bytes: Span<UInt8>, _ body: (JSONText, OTLPValue) throws -> Void
    ) throws {
        try elements(&cursor, bytes) { cursor in
            var name: JSONText?
            var value = OTLPValue.other
            try members(&cursor, bytes) { key, cursor in
                switch key {
                case .key: name = try cursor.optionalText(bytes)
                case .value: value = try self.value(&cursor, bytes)
                default: try cursor.skip(bytes)
                }
            }
            if let name { try body(name, value) }
        }
    }

    private func value(_ cursor: inout JSONCursor, _ bytes: Span<UInt8>) throws -> OTLPValue {
        var value = OTLPValue.other
        try members(&cursor, bytes) { key, cursor in
            switch key {
            case .stringValue: value = try cursor.optionalText(bytes).map { .text(OTLPText($0)) } ?? .other
            case .intValue: value = integer(try number(&cursor, bytes))
            case .doubleValue: value = try number(&cursor, bytes).map { .decimal($0) } ?? .other
            default:
                value = .other
                try cursor.skip(bytes)
            }
        }
        return value
    }

    /// A number, or text that is one: JSON cannot hold all 64-bit integers.
    private func number(_ cursor: inout JSONCursor, _ bytes: Span<UInt8>) throws -> JSONDecimal? {
        let first = try cursor.peek(bytes)
        if first == UInt8(ascii: "-") || (0x30...0x39).contains(first) { return try cursor.decimal(bytes) }
        return try cursor.optionalText(bytes).flatMap { OTLPNumber.decimal(OTLPText($0), bytes) }
    }

    private func integer(_ number: JSONDecimal?) -> OTLPValue {
        guard let number else { return .other }
        // What is negative is refused wherever a number is wanted; which one it is nobody asks.
        if number.isNegative, number.digits > 0 { return .integer(-1) }
        return number.wholeNumber.flatMap { Int64(exactly: $0) }.map { .integer($0) } ?? .other
    }

    private func nanos(_ cursor: inout JSONCursor, _ bytes: Span<UInt8>) throws -> UInt64 {
        // Nineteen digits: one more than a decimal keeps exactly.
        let first = try cursor.peek(bytes)
        if first == UInt8(ascii: "\""), let text = try cursor.optionalText(bytes) { return digits(text, bytes) }
        let start = cursor.position
        try cursor.skip(bytes)
        return digits(JSONText(start: start, end: cursor.position, hasEscapes: false), bytes)
    }

    /// A whole number below 2^64 in digits alone; 0 for anything else.
    private func digits(_ text: JSONText, _ bytes: Span<UInt8>) -> UInt64 {
        guard (1...20).contains(text.count) else { return 0 }
        var value: UInt64 = 0
        for index in text.start..<text.end {
            let digit = bytes[index] &- 0x30
            let (product, isOver) = value.multipliedReportingOverflow(by: 10)
            let (sum, isBeyond) = product.addingReportingOverflow(UInt64(digit))
            guard digit < 10, !isOver, !isBeyond else { return 0 }
            value = sum
        }
        return value
    }

    private func hex(_ text: JSONText, digits: Int, _ bytes: Span<UInt8>) -> (high: UInt64, low: UInt64)? {
        guard text.count == digits else { return nil }
        var (high, low): (UInt64, UInt64) = (0, 0)
        for index in text.start..<text.end {
            let digit: UInt64
            switch bytes[index] {
            case 0x30...0x39: digit = UInt64(bytes[index] - 0x30)
            case 0x41...0x46: digit = UInt64(bytes[index] - 0x41 + 10)
            case 0x61...0x66: digit = UInt64(bytes[index] - 0x61 + 10)
            default: return nil
            }
            high = high << 4 | low >> 60
            low = low << 4 | digit
        }
        return (high, low)
    }

    // MARK: Walking

    /// Each member of an object; a value of another type is passed over. `body` takes the value.
    private func members(
        _ cursor: inout JSONCursor, _ bytes: Span<UInt8>, _ body: (Key?, inout JSONCursor) throws -> Void
    ) throws {
        guard try cursor.isObject(bytes) else { return }
        var isOver = try cursor.enter(object, bytes)
        while !isOver {
            try body(table.find(try cursor.key(bytes), bytes), &cursor)
            isOver = try !cursor.next(object, bytes)
        }
    }

    private func elements(
        _ cursor: inout JSONCursor, _ bytes: Span<UInt8>, _ body: (inout JSONCursor) throws -> Void
    ) throws {
        guard try cursor.peek(bytes) == array else { return try cursor.skip(bytes) }
        var isOver = try cursor.enter(array, bytes)
        while !isOver {
            try body(&cursor)
            isOver = try !cursor.next(array, bytes)
        }
    }
}
