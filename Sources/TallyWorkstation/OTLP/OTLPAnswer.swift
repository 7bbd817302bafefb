package import TallyHTTP

/// What an exporter is answered, by the OTLP specification: its own encoding, a partial success for calls that cannot
/// be counted, a status for an error. Every byte is ours; nothing of a request is said again.
package struct OTLPAnswer: Hashable, Sendable {
    /// Seconds until another try makes sense.
    private static let busySeconds = 1
    private static let fullSeconds = 30

    let response: Response
    /// The connection is closed behind it.
    var isLast = false

    /// The answer to an export that was read.
    package init(_ outcome: OTLPOutcome, _ signal: OTLPSignal, _ encoding: OTLPEncoding) {
        switch outcome {
        case .taken(let rejected):
            response = Response(
                .ok, contentType: OTLPAnswer.type(encoding), body: OTLPAnswer.success(rejected, signal, encoding))
        case .refused(let refusal):
            let (status, code, text, seconds): (Response.Status, UInt8, String, Int?) =
                switch refusal {
                case .malformed: (.badRequest, 3, "the body is damaged, or not of its content type", nil)
                case .tooLarge: (.contentTooLarge, 3, "the body unpacks to too much", nil)
                case .busy: (.tooManyRequests, 8, "too many exports wait", OTLPAnswer.busySeconds)
                case .full: (.unavailable, 14, "the spool is full", OTLPAnswer.fullSeconds)
                case .unavailable: (.unavailable, 14, "not ready", OTLPAnswer.busySeconds)
                }
            response = OTLPAnswer.failure(status, code, text, seconds, encoding)
        }
    }

    /// The answer to a head that was refused.
    package init(_ refusal: UploadHead.Refusal) {
        isLast = true
        let (status, text): (Response.Status, String) =
            switch refusal {
            case .malformed: (.badRequest, "malformed request")
            case .tooLarge: (.headTooLarge, "request head too large")
            case .version: (.versionNotSupported, "only HTTP/1.1 and HTTP/1.0 are served here")
            case .method: (.methodNotAllowed, "only POST is served here")
            case .notFound: (.notFound, "there are /v1/logs, /v1/traces and /v1/metrics")
            case .foreign: (.forbidden, "web pages and other hosts are not served here")
            case .length: (.lengthRequired, "a body needs its length or chunks")
            case .bodyTooLarge: (.contentTooLarge, "body too large")
            case .mediaType:
                (.unsupportedMediaType, "bodies are application/json or application/x-protobuf, plain or gzip")
            }
        response = Response(status, body: text + "\n")
    }

    init(chunks failure: ChunkReader.Failure) { self.init(failure == .tooLarge ? .bodyTooLarge : .malformed) }

    private init(last response: Response) {
        self.response = response
        isLast = true
    }

    static let late = OTLPAnswer(last: Response(.requestTimeout, body: "the request took too long\n"))

    /// There is no room for one more body, or for one more connection.
    static let crowded: OTLPAnswer = {
        var response = Response(.tooManyRequests, body: "too many exports at once\n")
        response.retryAfterSeconds = busySeconds
        return OTLPAnswer(last: response)
    }()

    static let goOn = Array("HTTP/1.1 100 Continue\r\n\r\n".utf8)

    package func bytes(keepsAlive: Bool) -> [UInt8] {
        response.bytes(isHead: false, keepsAlive: keepsAlive && !isLast, allow: "POST")
    }

    // MARK: Bodies

    private static func type(_ encoding: OTLPEncoding) -> String {
        encoding == .json ? "application/json" : "application/x-protobuf"
    }

    /// `Export…ServiceResponse`: empty, or field 1 with the number rejected (1) and a message (2).
    private static func success(_ rejected: UInt64, _ signal: OTLPSignal, _ encoding: OTLPEncoding) -> [UInt8] {
        let message = "some calls hold numbers or times that cannot be counted"
        switch encoding {
        case .json:
            guard rejected > 0 else { return Array("{}".utf8) }
            let name = signal == .logs ? "rejectedLogRecords" : "rejectedSpans"
            let text = "{\"partialSuccess\":{\"\(name)\":\"\(rejected)\",\"errorMessage\":\"\(message)\"}}"
            return Array(text.utf8)
        case .protobuf:
            guard rejected > 0 else { return [] }
            let inner = [0x08] + varint(rejected) + [0x12] + string(message)
            return [0x0A] + varint(UInt64(inner.count)) + inner
        }
    }

    /// `google.rpc.Status`: a code (1) and a message (2).
    private static func failure(
        _ status: Response.Status, _ code: UInt8, _ text: String, _ seconds: Int?, _ encoding: OTLPEncoding
    ) -> Response {
        let body =
            encoding == .json
            ? Array("{\"code\":\(code),\"message\":\"\(text)\"}".utf8) : [0x08, code, 0x12] + string(text)
        var response = Response(status, contentType: type(encoding), body: body)
        response.retryAfterSeconds = seconds
        return response
    }

    private static func string(_ text: String) -> [UInt8] { varint(UInt64(text.utf8.count)) + Array(text.utf8) }

    private static func varint(_ value: UInt64) -> [UInt8] {
        var bytes: [UInt8] = []
        var rest = value
        while rest >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        return bytes + [UInt8(rest)]
    }
}
