/// A host and a TCP port, as an operator writes them: `127.0.0.1:7443`, `[::1]:0`, `gateway.example:7443`.
///
/// The host is a name of letters, digits, dots, hyphens and underscores, or an address; whether the name
/// exists is the resolver's business. An IPv6 address stands in brackets in text and without them in `host`.
package struct HostPort: Hashable, Sendable, CustomStringConvertible {
    /// At most 253 bytes, as in DNS.
    package let host: String
    package let port: UInt16

    package static let hostBytesMax = 253

    /// Nil if `host` is neither a name nor an IPv6 address by its letters.
    package init?(host: String, port: UInt16) {
        let bytes = host.utf8
        guard !bytes.isEmpty, bytes.count <= HostPort.hostBytesMax else { return nil }
        let isName = bytes.allSatisfy(HostPort.isNameByte) && bytes.first != UInt8(ascii: "-")
        let isIPv6 = bytes.contains(UInt8(ascii: ":")) && bytes.allSatisfy(HostPort.isIPv6Byte)
        guard isName || isIPv6 else { return nil }
        self.host = host
        self.port = port
    }

    /// Nil if `text` is not `HOST:PORT`.
    package init?(_ text: String) {
        guard let colon = text.lastIndex(of: ":") else { return nil }
        let digits = text[text.index(after: colon)...]
        guard !digits.isEmpty, digits.utf8.count <= 5, digits.utf8.allSatisfy({ (48...57).contains($0) }),
            let port = UInt16(digits)
        else { return nil }
        var host = text[..<colon]
        if host.hasPrefix("[") {
            guard host.hasSuffix("]") else { return nil }
            host = host.dropFirst().dropLast()
            guard host.contains(":") else { return nil }
        } else if host.contains(":") {
            return nil
        }
        self.init(host: String(host), port: port)
    }

    /// Whether it names this machine itself, by address or as `localhost`.
    package var isLoopback: Bool {
        host == "localhost" || host == "::1" || (host.hasPrefix("127.") && host.allSatisfy { $0.isNumber || $0 == "." })
    }

    package var isIPv6Literal: Bool { host.utf8.contains(UInt8(ascii: ":")) }

    package var description: String { isIPv6Literal ? "[\(host)]:\(port)" : "\(host):\(port)" }

    private static func isNameByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "-"), UInt8(ascii: "_"):
            true
        default: false
        }
    }

    private static func isIPv6Byte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "f"), UInt8(ascii: "A")...UInt8(ascii: "F"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: ":"), UInt8(ascii: "."):
            true
        default: false
        }
    }
}
