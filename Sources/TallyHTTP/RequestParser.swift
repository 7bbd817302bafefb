/// Reads one HTTP/1.1 request head from bytes, strictly and within bounds; sans I/O.
///
/// It takes what metrics scrapers, load balancers and browsers send and refuses the rest: no obsolete line
/// folding, no bare line feeds, no control bytes, no body (a request that announces one is refused), a head of at
/// most 8 KB with at most 64 fields. Nothing here ever answers with bytes of the request. A
/// parser that is told which paths there are copies nothing of a request either.
package struct RequestParser: Sendable {
    package static let headBytesMax = 8_192
    package static let fieldsMax = 64

    package enum Outcome: Hashable, Sendable {
        /// The head is not complete yet; call again with more bytes.
        case needsMore
        /// A request, and how many bytes it took.
        case request(Request, bytes: Int)
        case refused(Refusal)
    }

    package enum Refusal: Error, Hashable, Sendable {
        /// Not HTTP/1.x at all, or a malformed line: 400.
        case malformed
        /// More than `headBytesMax` or `fieldsMax`: 431.
        case tooLarge
        /// Any method but GET and HEAD: 405.
        case method
        /// It announces a body: 413.
        case body
        /// HTTP/2 or later by preface: 505.
        case version
    }

    private let paths: [String]?

    /// Where `paths` are given, a request's path is one of them or empty, and its host is empty.
    package init(paths: [String]? = nil) { self.paths = paths }

    /// Parses the head at the beginning of `bytes`.
    package func parse(_ bytes: [UInt8]) -> Outcome {
        guard let end = HeadBytes.end(of: bytes, bytesMax: Self.headBytesMax) else {
            return bytes.count > Self.headBytesMax ? .refused(.tooLarge) : .needsMore
        }
        guard end <= Self.headBytesMax else { return .refused(.tooLarge) }
        var lines = bytes[..<(end - 4)].split(separator: 0x0A, omittingEmptySubsequences: false)[...]
        guard let first = lines.popFirst() else { return .refused(.malformed) }
        guard lines.count <= Self.fieldsMax else { return .refused(.tooLarge) }
        do {
            var request = try requestLine(strippingReturn(first, isLast: lines.isEmpty))
            while let line = lines.popFirst() {
                try field(strippingReturn(line, isLast: lines.isEmpty), into: &request)
            }
            guard request.host != nil || !request.keepsAlive else { return .refused(.malformed) }
            return .request(request, bytes: end)
        } catch {
            return .refused(error)
        }
    }

    private func strippingReturn(_ line: ArraySlice<UInt8>, isLast: Bool) throws(Refusal) -> ArraySlice<UInt8> {
        guard let stripped = HeadBytes.line(line, isLast: isLast) else { throw .malformed }
        return stripped
    }

    private func requestLine(_ line: ArraySlice<UInt8>) throws(Refusal) -> Request {
        let parts = line.split(separator: 0x20, omittingEmptySubsequences: false)
        guard parts.count == 3 else { throw .malformed }
        let isLatest = parts[2].spells("HTTP/1.1")
        guard isLatest || parts[2].spells("HTTP/1.0") else {
            throw parts[2].starts(with: "HTTP/".utf8) ? .version : .malformed
        }
        let isHead = parts[0].spells("HEAD")
        guard isHead || parts[0].spells("GET") else { throw .method }
        guard parts[1].first == UInt8(ascii: "/"), parts[1].allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
            throw .malformed
        }
        let path = parts[1].prefix { $0 != UInt8(ascii: "?") }
        return Request(path: text(of: path), isHead: isHead, keepsAlive: isLatest)
    }

    private func field(_ line: ArraySlice<UInt8>, into request: inout Request) throws(Refusal) {
        guard let (name, value) = HeadBytes.field(line) else { throw .malformed }
        if name.spells("content-length", ignoringCase: true) {
            if !value.spells("0") { throw .body }
        } else if name.spells("transfer-encoding", ignoringCase: true) {
            throw .body
        } else if name.spells("connection", ignoringCase: true) {
            if value.spells("close", ignoringCase: true) { request.keepsAlive = false }
        } else if name.spells("host", ignoringCase: true) {
            guard request.host == nil else { throw .malformed }
            request.host = paths == nil ? String(decoding: value, as: UTF8.self) : ""
        }
    }

    private func text(of path: ArraySlice<UInt8>) -> String {
        guard let paths else { return String(decoding: path, as: UTF8.self) }
        return paths.first { path.spells($0) } ?? ""
    }
}

/// What a request asks for.
package struct Request: Hashable, Sendable {
    /// Without the query.
    package var path: String
    package var isHead: Bool
    package var keepsAlive: Bool
    package var host: String?

    package init(path: String, isHead: Bool, keepsAlive: Bool) {
        self.path = path
        self.isHead = isHead
        self.keepsAlive = keepsAlive
    }
}
