import TallyHTTP
import Testing

@testable import TallyWorkstation

@Suite("Requests of exporters, byte by byte")
struct OTLPExchangeTests {
    private func head(
        _ fields: [String] = ["Host: 127.0.0.1:4318", "Content-Type: application/json", "Content-Length: 2"],
        _ line: String = "POST /v1/logs HTTP/1.1"
    ) -> [UInt8] {
        Array(([line] + fields + ["", ""]).joined(separator: "\r\n").utf8)
    }

    /// What comes of these pieces: requests, and the answer that ends the connection.
    private func run(_ pieces: [[UInt8]]) -> (requests: [OTLPRequest], refusal: String?) {
        var exchange = OTLPExchange()
        var requests: [OTLPRequest] = []
        for piece in pieces {
            // What the socket holds back while an answer is awaited comes later: here the answer is at once.
            exchange.feed(piece.span)
            steps: while true {
                switch exchange.next() {
                case .needsMore: break steps
                case .goOn: continue
                case .request(let request):
                    requests.append(request)
                    exchange.answered()
                case .refused(let answer):
                    return (requests, String(decoding: answer.bytes(keepsAlive: true).prefix(12), as: UTF8.self))
                }
            }
        }
        return (requests, nil)
    }

    private static let chunks = Array("2;x=y\r\n{}\r\n1\r\n \r\n0\r\nTrailer: x\r\n\r\n".utf8)

    @Test("Two requests on one connection are the same split at every position, with a length and in chunks")
    func splits() {
        let json = "Content-Type: application/json; charset=utf-8"
        let bytes =
            head() + Array("{}".utf8)
            + head(
                ["host: localhost:4318", json, "transfer-encoding: chunked", "Content-Encoding: gzip"],
                "POST /v1/traces HTTP/1.1") + Self.chunks
        let whole = run([bytes])
        #expect(whole.refusal == nil)
        #expect(
            whole.requests == [
                OTLPRequest(.logs, .json, body: Array("{}".utf8)),
                OTLPRequest(.traces, .json, isGzip: true, body: Array("{} ".utf8)),
            ])
        for cut in 0...bytes.count {
            let parts = run([Array(bytes[..<cut]), Array(bytes[cut...])])
            #expect(parts.requests == whole.requests && parts.refusal == nil, "cut at \(cut)")
        }
        #expect(run(bytes.map { [$0] }).requests == whole.requests)
    }

    struct Refused: Sendable {
        let name: String
        let status: String
        let fields: [String]
        var line = "POST /v1/logs HTTP/1.1"
    }

    private static let host = "Host: 127.0.0.1:4318"
    private static let type = "Content-Type: application/x-protobuf"

    @Test(
        "What does not come from an exporter is refused, with the status that says why",
        arguments: [
            Refused(name: "a web page", status: "403", fields: [host, type, "Content-Length: 0", "Origin: null"]),
            Refused(name: "a browser", status: "403", fields: [host, type, "Sec-Fetch-Site: same-origin"]),
            Refused(name: "a bound name", status: "403", fields: ["Host: evil.example:4318", type]),
            Refused(name: "a name like ours", status: "403", fields: ["Host: 127.0.0.1.evil.example", type]),
            Refused(name: "a form", status: "415", fields: [host, "Content-Type: text/plain", "Content-Length: 2"]),
            Refused(name: "no type", status: "415", fields: [host, "Content-Length: 2"]),
            Refused(name: "another packing", status: "415", fields: [host, type, "Content-Encoding: br"]),
            Refused(name: "no length", status: "411", fields: [host, type]),
            Refused(name: "too long", status: "413", fields: [host, type, "Content-Length: 4194305"]),
            Refused(
                name: "two lengths", status: "400", fields: [host, type, "Content-Length: 2", "Content-Length: 2"]),
            Refused(
                name: "both lengths", status: "400",
                fields: [host, type, "Content-Length: 2", "Transfer-Encoding: chunked"]),
            Refused(name: "a signed length", status: "400", fields: [host, type, "Content-Length: +2"]),
            Refused(name: "no host", status: "400", fields: [type, "Content-Length: 2"]),
            Refused(name: "a GET", status: "405", fields: [host], line: "GET /v1/logs HTTP/1.1"),
            Refused(name: "a preflight", status: "405", fields: [host], line: "OPTIONS /v1/logs HTTP/1.1"),
            Refused(
                name: "another path", status: "404", fields: [host, type, "Content-Length: 0"],
                line: "POST /v1/other HTTP/1.1"),
            Refused(name: "HTTP/2", status: "505", fields: [host], line: "PRI * HTTP/2.0"),
            Refused(name: "a large head", status: "431", fields: [host, "X: " + String(repeating: "x", count: 9_000)]),
        ])
    func refusals(_ refused: Refused) {
        let outcome = run([head(refused.fields, refused.line) + Array("{}".utf8)])
        #expect(outcome.requests.isEmpty, "\(refused.name)")
        #expect(outcome.refusal == "HTTP/1.1 \(refused.status)", "\(refused.name)")
    }

    @Test("Chunks that are none, or too much together, are refused")
    func badChunks() {
        let open = head(["Host: localhost", Self.type, "Transfer-Encoding: chunked"])
        for text in ["g\r\n", "\r\n", "2\n{}", "2\r\n{}x", "123456789\r\n", "2\r\n{}\r\n0\r\nx\u{1}"] {
            #expect(run([open + Array(text.utf8)]).refusal == "HTTP/1.1 400", "\(text)")
        }
        #expect(run([open + Array("400001\r\n".utf8)]).refusal == "HTTP/1.1 413")
        #expect(run([open + Array("1;\(String(repeating: "x", count: 5_000))".utf8)]).refusal == "HTTP/1.1 400")
    }

    @Test("A sender that waits to go on is told to, and one that says close is heard")
    func goesOn() {
        var exchange = OTLPExchange()
        let bytes = head([
            "Host: [::1]:4318", Self.type, "Content-Length: 1", "Expect: 100-continue", "Connection: close",
        ])
        exchange.feed(bytes.span)
        guard case .goOn = exchange.next() else {
            Issue.record("not told to go on")
            return
        }
        exchange.feed([0].span)
        guard case .request(let request) = exchange.next() else {
            Issue.record("no request")
            return
        }
        #expect(request.body == [0] && !exchange.keepsAlive)
        exchange.answered()
        exchange.feed(bytes.span)
        guard case .needsMore = exchange.next() else {
            Issue.record("nothing is read behind the last request")
            return
        }
    }

    @Test("Answers are in the sender's encoding, and a partial success says how many calls cannot be counted")
    func answers() {
        func text(_ outcome: OTLPOutcome, _ encoding: OTLPEncoding) -> String {
            String(decoding: OTLPAnswer(outcome, .logs, encoding).bytes(keepsAlive: true), as: UTF8.self)
        }
        #expect(text(.taken(rejected: 0), .json).hasSuffix("\r\n\r\n{}"))
        #expect(text(.taken(rejected: 0), .protobuf).contains("Content-Length: 0\r\n"))
        #expect(text(.taken(rejected: 3), .json).contains("\"rejectedLogRecords\":\"3\""))
        #expect(OTLPAnswer(.taken(rejected: 3), .logs, .protobuf).response.body.dropFirst(2).prefix(2) == [8, 3])
        #expect(text(.refused(.full), .protobuf).contains("503 Service Unavailable"))
        #expect(text(.refused(.full), .json).contains("Retry-After: 30\r\n"))
        #expect(text(.refused(.busy), .json).contains("429 Too Many Requests"))
        #expect(text(.refused(.malformed), .json).hasSuffix("content type\"}"))
    }
}
