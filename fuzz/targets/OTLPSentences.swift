import TallyWorkstation

/// What the receiver may answer to an export, as literal bytes, and other forms of the same body.
enum OTLPSentences {
    static func answer(_ outcome: OTLPOutcome, to request: OTLPRequest, keepsAlive: Bool) -> [UInt8] {
        let isJSON = request.encoding == .json
        var head = "HTTP/1.1 "
        var body: [UInt8] = []
        var retry: String?
        switch outcome {
        case .taken(let rejected):
            head += "200 OK"
            let message = "some calls hold numbers or times that cannot be counted"
            if isJSON {
                let name = request.signal == .logs ? "rejectedLogRecords" : "rejectedSpans"
                let inner = "{\"\(name)\":\"\(rejected)\",\"errorMessage\":\"\(message)\"}"
                body = Array((rejected == 0 ? "{}" : "{\"partialSuccess\":\(inner)}").utf8)
            } else if rejected > 0 {
                let inner = [8] + varint(rejected) + [0x12, 55] + Array(message.utf8)
                body = [0x0A, UInt8(inner.count)] + inner
            }
        case .refused(let refusal):
            let (status, code, text): (String, UInt8, String)
            switch refusal {
            case .malformed:
                (status, code, text) = ("400 Bad Request", 3, "the body is damaged, or not of its content type")
            case .tooLarge: (status, code, text) = ("413 Content Too Large", 3, "the body unpacks to too much")
            case .busy: (status, code, text) = ("429 Too Many Requests", 8, "too many exports wait")
            case .full: (status, code, text) = ("503 Service Unavailable", 14, "the spool is full")
            case .unavailable: (status, code, text) = ("503 Service Unavailable", 14, "not ready")
            }
            head += status
            body =
                isJSON
                ? Array("{\"code\":\(code),\"message\":\"\(text)\"}".utf8)
                : [8, code, 0x12, UInt8(text.utf8.count)] + Array(text.utf8)
            if refusal.isPassing { retry = refusal == .full ? "30" : "1" }
        }
        head += "\r\nContent-Type: application/\(isJSON ? "json" : "x-protobuf")\r\nContent-Length: \(body.count)"
        head += "\r\nCache-Control: no-store\r\nX-Content-Type-Options: nosniff"
        if let retry { head += "\r\nRetry-After: \(retry)" }
        head += "\r\nConnection: \(keepsAlive ? "keep-alive" : "close")\r\n\r\n"
        return Array(head.utf8) + body
    }

    private static func varint(_ value: UInt64) -> [UInt8] {
        value < 0x80 ? [UInt8(value)] : [UInt8(value & 0x7F) | 0x80] + varint(value >> 7)
    }

    /// A gzip member that holds the body as it is, in blocks without packing (RFC 1951, 3.2.4; RFC 1952).
    static func packed(_ body: [UInt8]) -> [UInt8] {
        precondition(body.count < 1 << 16, "one block")
        var bytes: [UInt8] = [0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 0xFF, 1]
        let count = UInt16(body.count)
        for half in [count, ~count] { bytes += [UInt8(half & 0xFF), UInt8(half >> 8)] }
        bytes += body
        for word in [checksum(body), UInt32(body.count)] {
            for shift in [0, 8, 16, 24] as [UInt32] { bytes.append(UInt8(word >> shift & 0xFF)) }
        }
        return bytes
    }

    private static func checksum(_ bytes: [UInt8]) -> UInt32 {
        var word: UInt32 = .max
        for byte in bytes { word = word >> 8 ^ remainders[Int(UInt8(word & 0xFF) ^ byte)] }
        return ~word
    }

    private static let remainders: [UInt32] = (0..<256).map { start in
        var word = UInt32(start)
        for _ in 0..<8 { word = word & 1 == 1 ? word >> 1 ^ 0xEDB8_8320 : word >> 1 }
        return word
    }

    /// The same export in JSON with a member more that nobody knows, and that looks like an export; nil where the body
    /// is no object.
    static func wider(_ body: [UInt8]) -> [UInt8]? {
        let blanks: [UInt8] = [0x20, 0x09, 0x0A, 0x0D]
        guard let start = body.firstIndex(where: { !blanks.contains($0) }), body[start] == UInt8(ascii: "{"),
            let next = body[(start + 1)...].first(where: { !blanks.contains($0) })
        else { return nil }
        let member = #"{"x":{"resourceLogs":[{"scopeLogs":[{"logRecords":[{},1,"\"]"]}]}],"resourceSpans":null}"#
        let comma: [UInt8] = next == UInt8(ascii: "}") ? [] : [UInt8(ascii: ",")]
        return Array(member.utf8) + comma + body[(start + 1)...]
    }
}
