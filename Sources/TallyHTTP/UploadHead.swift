/// The head of a request that brings a body, as a receiver on loopback takes it: strict, bounded, and never from a web
/// page.
///
/// A browser sends `Origin` with every POST to another origin, and `Host` is the name that a page was loaded from: a
/// head with an origin, or with a host that is not this machine's own loopback name, is refused, so that neither a page
/// nor a name that was bound to 127.0.0.1 meanwhile can post here. Nothing of the head is kept but closed words.
package struct UploadHead: Hashable, Sendable {
    package enum MediaType: Hashable, Sendable { case json, protobuf }
    package enum Length: Hashable, Sendable {
        case bytes(Int)
        case chunked
    }

    package enum Refusal: Error, Hashable, Sendable {
        /// Not HTTP/1.x, or a line that is none: 400.
        case malformed
        /// More than `RequestParser.headBytesMax` or `fieldsMax`: 431.
        case tooLarge
        case version, method, notFound
        /// It comes from a web page, or for another host: 403.
        case foreign
        /// It says neither how long its body is nor that it comes in chunks: 411.
        case length
        case bodyTooLarge
        /// Neither JSON nor protobuf, or packed in another way than gzip: 415.
        case mediaType
    }

    /// Which of the parser's paths it is for.
    package let path: Int
    package var mediaType: MediaType
    package var length: Length
    package var isGzip = false
    package var keepsAlive: Bool
    /// The sender waits for `100 Continue`.
    package var expectsContinue = false
}

/// Reads `UploadHead`s; sans I/O.
package struct UploadParser: Sendable {
    private let paths: [String]
    private let bodyBytesMax: Int

    package init(paths: [String], bodyBytesMax: Int) {
        self.paths = paths
        self.bodyBytesMax = bodyBytesMax
    }

    /// What the fields have said so far.
    private struct Fields {
        var mediaType: UploadHead.MediaType?
        var length: UploadHead.Length?
        var isGzip = false
        var keepsAlive: Bool
        var expectsContinue = false
        var hasHost = false
    }

    /// The head at the beginning of `bytes` and how many bytes it took; nil while it is not whole.
    package func parse(_ bytes: [UInt8]) throws(UploadHead.Refusal) -> (head: UploadHead, bytes: Int)? {
        guard let end = HeadBytes.end(of: bytes, bytesMax: RequestParser.headBytesMax) else {
            if bytes.count > RequestParser.headBytesMax { throw .tooLarge }
            return nil
        }
        guard end <= RequestParser.headBytesMax else { throw .tooLarge }
        var lines = bytes[..<(end - 4)].split(separator: 0x0A, omittingEmptySubsequences: false)[...]
        guard let first = lines.popFirst() else { throw .malformed }
        guard lines.count <= RequestParser.fieldsMax else { throw .tooLarge }
        let (path, isLatest) = try requestLine(first, isLast: lines.isEmpty)
        var fields = Fields(keepsAlive: isLatest)
        while let line = lines.popFirst() {
            guard let stripped = HeadBytes.line(line, isLast: lines.isEmpty), let field = HeadBytes.field(stripped)
            else { throw .malformed }
            try take(field.name, field.value, &fields)
        }
        guard fields.hasHost || !isLatest else { throw .malformed }
        guard let path else { throw .notFound }
        guard let length = fields.length else { throw .length }
        guard let mediaType = fields.mediaType else { throw .mediaType }
        var head = UploadHead(path: path, mediaType: mediaType, length: length, keepsAlive: fields.keepsAlive)
        head.isGzip = fields.isGzip
        head.expectsContinue = fields.expectsContinue
        return (head, end)
    }

    private func requestLine(
        _ line: ArraySlice<UInt8>, isLast: Bool
    ) throws(UploadHead.Refusal) -> (path: Int?, isLatest: Bool) {
        guard let line = HeadBytes.line(line, isLast: isLast) else { throw .malformed }
        let parts = line.split(separator: 0x20, omittingEmptySubsequences: false)
        guard parts.count == 3 else { throw .malformed }
        let isLatest = parts[2].spells("HTTP/1.1")
        guard isLatest || parts[2].spells("HTTP/1.0") else {
            throw parts[2].starts(with: "HTTP/".utf8) ? .version : .malformed
        }
        guard parts[0].spells("POST") else { throw .method }
        guard parts[1].first == UInt8(ascii: "/") else { throw .malformed }
        return (paths.firstIndex { parts[1].spells($0) }, isLatest)
    }

    private func take(
        _ name: ArraySlice<UInt8>, _ value: ArraySlice<UInt8>, _ fields: inout Fields
    ) throws(UploadHead.Refusal) {
        func isNamed(_ word: String) -> Bool { name.spells(word, ignoringCase: true) }
        if isNamed("content-length") {
            guard fields.length == nil else { throw .malformed }
            fields.length = .bytes(try length(value))
        } else if isNamed("transfer-encoding") {
            // Both lengths at once are how requests are smuggled.
            guard fields.length == nil, value.spells("chunked", ignoringCase: true) else { throw .malformed }
            fields.length = .chunked
        } else if isNamed("content-type") {
            guard fields.mediaType == nil else { throw .malformed }
            fields.mediaType = try mediaType(value)
        } else if isNamed("content-encoding") {
            fields.isGzip = value.spells("gzip", ignoringCase: true)
            guard fields.isGzip || value.spells("identity", ignoringCase: true) else { throw .mediaType }
        } else if isNamed("connection") {
            if value.spells("close", ignoringCase: true) { fields.keepsAlive = false }
        } else if isNamed("expect") {
            guard value.spells("100-continue", ignoringCase: true) else { throw .malformed }
            fields.expectsContinue = true
        } else if isNamed("host") {
            guard !fields.hasHost else { throw .malformed }
            fields.hasHost = true
            guard isLoopback(value) else { throw .foreign }
        } else if isNamed("origin") || isNamed("sec-fetch-site") {
            throw .foreign
        }
    }

    private func length(_ value: ArraySlice<UInt8>) throws(UploadHead.Refusal) -> Int {
        guard (1...18).contains(value.count) else { throw .malformed }
        var length = 0
        for byte in value {
            guard byte >= 0x30, byte <= 0x39 else { throw .malformed }
            length = length * 10 + Int(byte - 0x30)
        }
        guard length <= bodyBytesMax else { throw .bodyTooLarge }
        return length
    }

    private func mediaType(_ value: ArraySlice<UInt8>) throws(UploadHead.Refusal) -> UploadHead.MediaType {
        let type = value.prefix { $0 != UInt8(ascii: ";") }.trimmed
        if type.spells("application/json", ignoringCase: true) { return .json }
        if type.spells("application/x-protobuf", ignoringCase: true) { return .protobuf }
        throw .mediaType
    }

    /// `localhost`, `127.x.y.z` or `[::1]`, with a port or without.
    private func isLoopback(_ value: ArraySlice<UInt8>) -> Bool {
        var host = value
        if let colon = host.lastIndex(of: UInt8(ascii: ":")),
            host[(colon + 1)...].allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }),
            host.last != UInt8(ascii: "]")
        {
            host = host[..<colon]
        }
        if host.spells("localhost", ignoringCase: true) || host.spells("[::1]") { return true }
        let parts = host.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        return parts.count == 4 && parts[0].spells("127")
            && parts.allSatisfy { (1...3).contains($0.count) && $0.allSatisfy { $0 >= 0x30 && $0 <= 0x39 } }
    }
}
