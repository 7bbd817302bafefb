import Testing

@testable import TallyHTTP

/// One HTTP/1.1 request head from bytes: what is taken, what is refused, and that the cut of the bytes does not matter.
@Suite("HTTP request heads")
struct ParserTests {
    struct Case: Sendable, CustomTestStringConvertible {
        var head: String
        var outcome: RequestParser.Outcome
        var testDescription: String { String(head.prefix(40).filter { !$0.isNewline }) }

        init(_ head: String, _ refusal: RequestParser.Refusal) {
            self.head = head
            outcome = .refused(refusal)
        }

        init(_ head: String, path: String, isHead: Bool = false, keepsAlive: Bool = true, host: String? = "x") {
            self.head = head
            var request = Request(path: path, isHead: isHead, keepsAlive: keepsAlive)
            request.host = host
            outcome = .request(request, bytes: head.utf8.count)
        }
    }

    static let cases: [Case] = [
        Case("GET / HTTP/1.1\r\nHost: x\r\n\r\n", path: "/"),
        Case("GET /metrics?a=b&c HTTP/1.1\r\nhost:x\r\nAccept: */*\r\n\r\n", path: "/metrics"),
        Case("HEAD /healthz HTTP/1.1\r\nHOST: \t x \t\r\n\r\n", path: "/healthz", isHead: true),
        Case("GET / HTTP/1.0\r\n\r\n", path: "/", keepsAlive: false, host: nil),
        Case("GET / HTTP/1.1\r\nHost: x\r\nConnection: Close\r\n\r\n", path: "/", keepsAlive: false),
        Case("GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n", path: "/"),
        Case("GET / HTTP/1.1\r\nHost: x\r\nX-Empty:\r\nX-Latin: \u{E9}\r\n\r\n", path: "/"),
        Case("GET / HTTP/1.1\r\n\r\n", .malformed),
        Case("GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n", .malformed),
        Case("GET  / HTTP/1.1\r\nHost: x\r\n\r\n", .malformed),
        Case(" GET / HTTP/1.1\r\nHost: x\r\n\r\n", .malformed),
        Case("GET / HTTP/1.1 \r\nHost: x\r\n\r\n", .malformed),
        Case("GET /\r\n\r\n", .malformed),
        Case("\r\n\r\n", .malformed),
        Case("GET http://x/ HTTP/1.1\r\nHost: x\r\n\r\n", .malformed),
        Case("GET * HTTP/1.1\r\nHost: x\r\n\r\n", .malformed),
        Case("GET /\u{1} HTTP/1.1\r\nHost: x\r\n\r\n", .malformed),
        Case("GET /\u{E9} HTTP/1.1\r\nHost: x\r\n\r\n", .malformed),
        Case("GET / HTTP/1.1\r\nHost: x\r\n folded\r\n\r\n", .malformed),
        Case("GET / HTTP/1.1\r\nHost : x\r\n\r\n", .malformed),
        Case("GET / HTTP/1.1\r\n: x\r\n\r\n", .malformed),
        Case("GET / HTTP/1.1\r\nno colon\r\n\r\n", .malformed),
        Case("GET / HTTP/1.1\r\nHost: x\u{0}\r\n\r\n", .malformed),
        Case("GET / HTTP/1.1\r\nHost: x\u{7F}\r\n\r\n", .malformed),
        Case("GET / HTTP/1.1\r\nHost: a\rb\r\n\r\n", .malformed),
        Case("GET / HTTP/1.1\nHost: x\r\n\r\n", .malformed),
        Case("POST / HTTP/1.1\r\nHost: x\r\n\r\n", .method),
        Case("get / HTTP/1.1\r\nHost: x\r\n\r\n", .method),
        Case("GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\n", .body),
        Case("GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 00\r\n\r\n", .body),
        Case("GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n", .body),
        Case("GET / HTTP/2.0\r\nHost: x\r\n\r\n", .version),
        Case("PRI * HTTP/2.0\r\n\r\n", .version),
        Case("GET / http/1.1\r\nHost: x\r\n\r\n", .malformed),
        Case("\u{16}\u{3}\u{1}\r\n\r\n", .malformed),
    ]

    @Test("A head gives its outcome, whatever follows it", arguments: cases)
    func outcomes(_ example: Case) {
        let parser = RequestParser()
        let head = Array(example.head.utf8)
        #expect(parser.parse(head) == example.outcome)
        #expect(parser.parse(head + Array("GET /next HTTP/1.1\r\n".utf8)) == example.outcome)
    }

    @Test("A parser that knows its paths judges alike, and keeps nothing of a request", arguments: cases)
    func knownPaths(_ example: Case) {
        let outcome = RequestParser(paths: ["/metrics"]).parse(Array(example.head.utf8))
        guard case .request(var wanted, let bytes) = example.outcome else {
            #expect(outcome == example.outcome)
            return
        }
        if wanted.path != "/metrics" { wanted.path = "" }
        if wanted.host != nil { wanted.host = "" }
        #expect(outcome == .request(wanted, bytes: bytes))
    }

    @Test("A head that is cut anywhere needs more and is never judged by its part", arguments: cases)
    func splits(_ example: Case) {
        let parser = RequestParser()
        let head = Array(example.head.utf8)
        for count in 0..<head.count { #expect(parser.parse(Array(head[..<count])) == .needsMore, "\(count) bytes") }
    }

    @Test("A head of 8,192 bytes is taken and one more is too large, complete or not")
    func headBytes() {
        let parser = RequestParser()
        func head(_ count: Int) -> [UInt8] {
            let start = Array("GET / HTTP/1.1\r\nHost: x\r\nX: ".utf8)
            return start + [UInt8](repeating: 0x61, count: count - start.count - 4) + Array("\r\n\r\n".utf8)
        }
        let max = RequestParser.headBytesMax
        guard case .request(_, max) = parser.parse(head(max)) else {
            Issue.record("refused: \(parser.parse(head(max)))")
            return
        }
        #expect(parser.parse(head(max + 1)) == .refused(.tooLarge))
        #expect(parser.parse(Array(head(max + 100).dropLast(4))) == .refused(.tooLarge))
        #expect(parser.parse(Array(head(max + 4).dropLast(4))) == .needsMore)
    }

    @Test("Sixty-four fields are taken and one more is too large")
    func fields() {
        let parser = RequestParser()
        func head(_ count: Int) -> [UInt8] {
            let fields = (1..<count).map { "X-\($0): 1\r\n" }.joined()
            return Array("GET / HTTP/1.1\r\nHost: x\r\n\(fields)\r\n".utf8)
        }
        guard case .request = parser.parse(head(RequestParser.fieldsMax)) else {
            Issue.record("refused: \(parser.parse(head(RequestParser.fieldsMax)))")
            return
        }
        #expect(parser.parse(head(RequestParser.fieldsMax + 1)) == .refused(.tooLarge))
    }

    @Test("Any byte in any place of a head is taken or refused, and never trapped on")
    func everyByte() {
        let parser = RequestParser()
        let head = Array("GET /m HTTP/1.1\r\nHost: x\r\n\r\n".utf8)
        for index in head.indices {
            for byte in UInt8.min...UInt8.max {
                var changed = head
                changed[index] = byte
                if case .request(let request, let bytes) = parser.parse(changed) {
                    #expect(bytes == head.count && request.path.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F })
                }
            }
        }
    }

    @Test("A refusal answers with its status, closes, and holds nothing of the request")
    func refusals() {
        let statuses: [(RequestParser.Refusal, Int)] = [
            (.malformed, 400), (.tooLarge, 431), (.method, 405), (.body, 413), (.version, 505),
        ]
        for (refusal, status) in statuses {
            let response = Response(refusal: refusal)
            let text = String(decoding: response.bytes(isHead: false, keepsAlive: false), as: UTF8.self)
            #expect(text.hasPrefix("HTTP/1.1 \(status) "))
            #expect(text.contains("Connection: close\r\n"))
            #expect(text.contains("Allow: GET, HEAD\r\n") == (status == 405))
        }
    }

    @Test("A response to HEAD has the length of the body that it leaves out")
    func headResponse() {
        let response = Response(.ok, body: "hello\n")
        let full = String(decoding: response.bytes(isHead: false, keepsAlive: true), as: UTF8.self)
        let head = String(decoding: response.bytes(isHead: true, keepsAlive: true), as: UTF8.self)
        #expect(full == head + "hello\n")
        #expect(head.contains("Content-Length: 6\r\n") && head.contains("X-Content-Type-Options: nosniff\r\n"))
        #expect(head.hasSuffix("\r\n\r\n"))
    }

    @Test("A line and a field are the bytes that came, not copies that nobody would overwrite")
    func nothingIsCopied() throws {
        let bytes = Array("Cookie: abc\r".utf8)
        let line = try #require(HeadBytes.line(bytes[...], isLast: false))
        let isSameLine = line.span.isIdentical(to: bytes.span.extracting(0..<11))
        #expect(isSameLine)
        let field = try #require(HeadBytes.field(line))
        let isSameName = field.name.span.isIdentical(to: bytes.span.extracting(0..<6))
        let isSameValue = field.value.span.isIdentical(to: bytes.span.extracting(8..<11))
        #expect(isSameName && isSameValue)
    }
}
