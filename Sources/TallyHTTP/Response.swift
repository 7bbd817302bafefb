/// An HTTP/1.1 response as bytes: always with its length, its type and `X-Content-Type-Options`.
package struct Response: Hashable, Sendable {
    package var status: Status
    package var contentType: String
    package var body: [UInt8]
    /// Where the caller may try again: after how long.
    package var retryAfterSeconds: Int?

    package enum Status: Int, Hashable, Sendable {
        case ok = 200
        case badRequest = 400
        case forbidden = 403
        case notFound = 404
        case methodNotAllowed = 405
        case requestTimeout = 408
        case lengthRequired = 411
        case contentTooLarge = 413
        case unsupportedMediaType = 415
        case tooManyRequests = 429
        case headTooLarge = 431
        case unavailable = 503
        case versionNotSupported = 505

        package var phrase: String {
            switch self {
            case .ok: "OK"
            case .badRequest: "Bad Request"
            case .forbidden: "Forbidden"
            case .notFound: "Not Found"
            case .methodNotAllowed: "Method Not Allowed"
            case .requestTimeout: "Request Timeout"
            case .lengthRequired: "Length Required"
            case .contentTooLarge: "Content Too Large"
            case .unsupportedMediaType: "Unsupported Media Type"
            case .tooManyRequests: "Too Many Requests"
            case .headTooLarge: "Request Header Fields Too Large"
            case .unavailable: "Service Unavailable"
            case .versionNotSupported: "HTTP Version Not Supported"
            }
        }
    }

    package init(_ status: Status, contentType: String = "text/plain; charset=utf-8", body: String) {
        self.status = status
        self.contentType = contentType
        self.body = Array(body.utf8)
    }

    package init(_ status: Status, contentType: String, body: [UInt8]) {
        self.status = status
        self.contentType = contentType
        self.body = body
    }

    /// The answer to a request that could not be taken. It says which rule was broken and nothing of the request.
    package init(refusal: RequestParser.Refusal) {
        switch refusal {
        case .malformed: self.init(.badRequest, body: "malformed request\n")
        case .tooLarge: self.init(.headTooLarge, body: "request head too large\n")
        case .method: self.init(.methodNotAllowed, body: "only GET and HEAD are served here\n")
        case .body: self.init(.contentTooLarge, body: "a request here has no body\n")
        case .version: self.init(.versionNotSupported, body: "only HTTP/1.1 and HTTP/1.0 are served here\n")
        }
    }

    /// The bytes to send; for HEAD the body stays away and its length remains.
    package func bytes(isHead: Bool, keepsAlive: Bool, allow: String = "GET, HEAD") -> [UInt8] {
        var head = "HTTP/1.1 \(status.rawValue) \(status.phrase)\r\n"
        head += "Content-Type: \(contentType)\r\n"
        head += "Content-Length: \(body.count)\r\n"
        head += "Cache-Control: no-store\r\n"
        head += "X-Content-Type-Options: nosniff\r\n"
        if status == .methodNotAllowed { head += "Allow: \(allow)\r\n" }
        if let retryAfterSeconds { head += "Retry-After: \(retryAfterSeconds)\r\n" }
        head += "Connection: \(keepsAlive ? "keep-alive" : "close")\r\n\r\n"
        return Array(head.utf8) + (isHead ? [] : body)
    }
}
