import TallyModel

/// Walks an export in protobuf (opentelemetry-proto 1.x) and gives each log record or span to `take`, and nil for each
/// resource and scope that begins.
///
/// Field numbers are those of `opentelemetry/proto`: collector/{logs,trace}/v1, logs/v1, trace/v1, common/v1. The
/// resource and the scope may stand behind what they speak of, so each list is walked twice.
struct OTLPProtobuf: Sendable {
    let names: OTLPNames

    func walk(
        _ bytes: Span<UInt8>, _ signal: OTLPSignal,
        _ take: (OTLPRecord?) throws(OTLPRefusal) -> Void
    ) throws(OTLPRefusal) {
        do {
            try each(1, in: 0..<bytes.count, bytes) { resourceList in
                try take(nil)
                let isAgents = try isResourceAgents(resourceList, bytes)
                try each(2, in: resourceList, bytes) { scopeList in
                    try take(nil)
                    var isOurs = isAgents
                    try each(1, in: scopeList, bytes) { scope in
                        try each(1, in: scope, bytes) { name in
                            isOurs = isOurs || names.isAgents(OTLPText(raw: name), bytes)
                        }
                    }
                    try each(2, in: scopeList, bytes) { range in
                        var record = OTLPRecord()
                        record.isAgents = isOurs
                        if signal == .logs {
                            try readLog(&record, range, bytes)
                        } else {
                            try readSpan(&record, range, bytes)
                        }
                        try take(record)
                    }
                }
            }
        } catch let error as OTLPRefusal {
            throw error
        } catch {
            throw .malformed
        }
    }

    /// Every field of this number that is a message or a string.
    private func each(
        _ number: UInt32, in range: Range<Int>, _ bytes: Span<UInt8>, _ body: (Range<Int>) throws -> Void
    ) throws {
        var reader = ProtobufReader(range)
        while let field = try reader.next(bytes) {
            guard field.number == number else { continue }
            guard let range = field.range else { throw ProtobufError() }
            try body(range)
        }
    }

    private func isResourceAgents(_ range: Range<Int>, _ bytes: Span<UInt8>) throws -> Bool {
        var isAgents = false
        try each(1, in: range, bytes) { resource in
            try each(1, in: resource, bytes) { attribute in
                let (key, value) = try pair(attribute, bytes)
                guard let key,
                    JSONText(start: key.lowerBound, end: key.upperBound, hasEscapes: false)
                        .equals("service.name", bytes)
                else { return }
                if case .text(let name) = try self.value(value, bytes) { isAgents = names.isAgents(name, bytes) }
            }
        }
        return isAgents
    }

    private func readLog(_ record: inout OTLPRecord, _ range: Range<Int>, _ bytes: Span<UInt8>) throws {
        var reader = ProtobufReader(range)
        while let field = try reader.next(bytes) {
            switch field.number {
            case 1: record.timeNanos = field.fixed ?? 0
            case 11: record.observedNanos = field.fixed ?? 0
            case 5: if case .text(let text) = try value(field.range, bytes) { record.name(text, names, bytes) }
            case 12: if let range = field.range { record.name(OTLPText(raw: range), names, bytes) }
            case 9: record.trace = trace(field.range, bytes)
            case 10: record.span = span(field.range, bytes)
            case 6: try readAttribute(&record, field.range, bytes)
            default: break
            }
        }
        record.nameByAttribute(names, bytes)
    }

    private func readSpan(_ record: inout OTLPRecord, _ range: Range<Int>, _ bytes: Span<UInt8>) throws {
        var reader = ProtobufReader(range)
        while let field = try reader.next(bytes) {
            switch field.number {
            case 1: record.trace = trace(field.range, bytes)
            case 2: record.span = span(field.range, bytes)
            case 8: record.timeNanos = field.fixed ?? 0
            case 9: try readAttribute(&record, field.range, bytes)
            default: break
            }
        }
    }

    private func readAttribute(_ record: inout OTLPRecord, _ range: Range<Int>?, _ bytes: Span<UInt8>) throws {
        guard let range else { throw ProtobufError() }
        let (key, value) = try pair(range, bytes)
        guard let key,
            let name = names.keys.find(
                JSONText(start: key.lowerBound, end: key.upperBound, hasEscapes: false), bytes)
        else { return }
        record[name] = try self.value(value, bytes)
    }

    private func pair(_ range: Range<Int>, _ bytes: Span<UInt8>) throws -> (key: Range<Int>?, value: Range<Int>?) {
        var reader = ProtobufReader(range)
        var (key, value): (Range<Int>?, Range<Int>?) = (nil, nil)
        while let field = try reader.next(bytes) {
            if field.number == 1 { key = field.range }
            if field.number == 2 { value = field.range }
        }
        return (key, value)
    }

    /// An `AnyValue`; the last of its fields counts, as protobuf says of a choice.
    private func value(_ range: Range<Int>?, _ bytes: Span<UInt8>) throws -> OTLPValue {
        guard let range else { return .other }
        var reader = ProtobufReader(range)
        var value = OTLPValue.other
        while let field = try reader.next(bytes) {
            switch (field.number, field.value) {
            case (1, .bytes(let text)): value = .text(OTLPText(raw: text))
            case (3, .varint(let bits)): value = .integer(Int64(bitPattern: bits))
            case (4, .fixed64(let bits)): value = .double(bits)
            default: value = .other
            }
        }
        return value
    }

    private func trace(_ range: Range<Int>?, _ bytes: Span<UInt8>) -> Bytes16? {
        guard let range, range.count == 16 else { return nil }
        return Bytes16(high: word(range.lowerBound, bytes), low: word(range.lowerBound + 8, bytes))
    }

    private func span(_ range: Range<Int>?, _ bytes: Span<UInt8>) -> UInt64 {
        guard let range, range.count == 8 else { return 0 }
        return word(range.lowerBound, bytes)
    }

    private func word(_ start: Int, _ bytes: Span<UInt8>) -> UInt64 {
        var word: UInt64 = 0
        for index in start..<(start + 8) { word = word << 8 | UInt64(bytes[index]) }
        return word
    }
}
