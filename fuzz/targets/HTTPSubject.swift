import TallyHTTP

/// The head of an HTTP request.
///
/// Promises: a head is found when it is whole and not before, whatever follows it; it stays within its bound; a request
/// holds what can be said again, and said again it is the same; no answer holds a byte of what was refused.
class HTTPSubject: FuzzSubject {
    func parse(_ bytes: [UInt8]) -> RequestParser.Outcome { RequestParser().parse(bytes) }

    func answer(_ refusal: RequestParser.Refusal) -> [UInt8] {
        Response(refusal: refusal).bytes(isHead: false, keepsAlive: false)
    }

    func run(_ input: [UInt8]) throws(FuzzFinding) -> FuzzOutcome {
        switch parse(input) {
        case .needsMore:
            try expect(input.count <= RequestParser.headBytesMax, "a head that is too long is not waited for")
            return .refused
        case .refused(let refusal):
            try expect(answers.contains(answer(refusal)), "an answer says which rule was broken and nothing else")
            return .refused
        case .request(let request, let bytes):
            try check(request, bytes, input)
            return .reached
        }
    }

    /// One for each refusal, as made without any input.
    private let answers: [[UInt8]] = [.malformed, .tooLarge, .method, .body, .version].map {
        (refusal: RequestParser.Refusal) in Response(refusal: refusal).bytes(isHead: false, keepsAlive: false)
    }

    private func check(_ request: Request, _ bytes: Int, _ input: [UInt8]) throws(FuzzFinding) {
        try expect(
            bytes <= input.count && bytes <= RequestParser.headBytesMax, "a head is within the bytes and its bound")
        try expect(input[..<bytes].suffix(4) == [13, 10, 13, 10], "a head ends with an empty line")
        try expect(parse(Array(input[..<bytes])) == .request(request, bytes: bytes), "a head needs nothing behind it")
        try expect(
            parse(Array(input[..<bytes]) + [0, 255, 10]) == .request(request, bytes: bytes),
            "what follows changes nothing")
        for cut in [bytes - 1, bytes / 2, bytes / 3] {
            try expect(parse(Array(input[..<cut])) == .needsMore, "a head is not found before it is whole")
        }
        try expect(
            request.path.utf8.first == UInt8(ascii: "/") && request.path.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F },
            "a path is printable and begins with a slash")
        try expect(!request.path.contains("?"), "a path has no query")
        var head = "\(request.isHead ? "HEAD" : "GET") \(request.path) HTTP/1.1\r\n"
        if let host = request.host { head += "Host: \(host)\r\n" }
        if !request.keepsAlive { head += "Connection: close\r\n" }
        head += "\r\n"
        let again = Array(head.utf8)
        // Beyond ASCII a blank may be part of a character, and is then no blank.
        guard head.utf8.allSatisfy({ $0 < 0x80 }), again.count <= RequestParser.headBytesMax else { return }
        try expect(parse(again) == .request(request, bytes: again.count), "what was understood can be said again")
    }
}
