package import TallyModel

/// Which gateway this workstation reports to, and what it needs to be let in: the file `config`.
///
///     tally-config 1
///     gateway HOST:PORT
///     token tg_…
///     tenant_key 64 hexadecimal digits
///     keeps_ms N
///     oldest_ms N
///     authorities N
///     N bytes of PEM
package struct Enrolment: Hashable, Sendable {
    package var gateway: HostPort
    package var token: [UInt8]
    /// Certificates in PEM form; nil trusts those of the system.
    package var authorities: [UInt8]?
    /// For the hashes of projects: the same on all machines of the tenant.
    package var tenantKey: [UInt8]
    /// Events older than so long are not kept by the gateway, as of its last WELCOME.
    package var keepsMs: Int64
    /// The oldest time that the gateway took when this was written, by its own clock; nil in files of before.
    package var oldestMs: Int64?

    package init(
        gateway: HostPort, token: [UInt8], authorities: [UInt8]?, tenantKey: [UInt8], keepsMs: Int64,
        oldestMs: Int64? = nil
    ) {
        self.gateway = gateway
        self.token = token
        self.authorities = authorities
        self.tenantKey = tenantKey
        self.keepsMs = keepsMs
        self.oldestMs = oldestMs
    }

    /// A token as `tallygate enroll` prints it.
    package static func token(_ text: String) throws(WorkstationError) -> [UInt8] {
        var bytes = Array(text.utf8)
        while let last = bytes.last, last == 10 || last == 13 || last == 32 { bytes.removeLast() }
        let isWord = bytes.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"):
                true
            default: false
            }
        }
        guard bytes.starts(with: Array("tg_".utf8)), isWord, bytes.count <= Limits.tokenBytesMax else {
            throw .badToken
        }
        return bytes
    }

    package func encode() -> [UInt8] {
        var text = "tally-config 1\ngateway \(gateway)\ntoken \(String(decoding: token, as: UTF8.self))\n"
        text += "tenant_key \(tenantKey.hexText)\nkeeps_ms \(keepsMs)\n"
        if let oldestMs { text += "oldest_ms \(oldestMs)\n" }
        if let authorities { text += "authorities \(authorities.count)\n" }
        return Array(text.utf8) + (authorities ?? [])
    }

    package init(decoding bytes: [UInt8]) throws(WorkstationError) {
        var fields: [String: String] = [:]
        var rest = bytes[...]
        var lines = 0
        while let end = rest.firstIndex(of: 10), lines < 16 {
            let parts = String(decoding: rest[..<end], as: UTF8.self).split(separator: " ", maxSplits: 1)
            rest = rest[(end + 1)...]
            lines += 1
            guard parts.count == 2 else { throw .configDamaged }
            fields[String(parts[0])] = String(parts[1])
            if parts[0] == "authorities" { break }
        }
        guard let version = fields["tally-config"].flatMap({ UInt16($0) }) else { throw .configDamaged }
        guard version == 1 else { throw .configNewer }
        guard let gateway = fields["gateway"].flatMap({ HostPort($0) }), let token = fields["token"],
            let key = fields["tenant_key"].flatMap({ [UInt8](hexText: $0) }), key.count == WorkstationHash.keyBytes,
            let keeps = fields["keeps_ms"].flatMap({ Int64($0) }), keeps > 0
        else { throw .configDamaged }
        if let count = fields["authorities"] {
            guard Int(count) == rest.count else { throw .configDamaged }
        }
        self.init(
            gateway: gateway, token: Array(token.utf8), authorities: fields["authorities"] == nil ? nil : Array(rest),
            tenantKey: key, keepsMs: keeps, oldestMs: fields["oldest_ms"].flatMap { Int64($0) })
    }
}

extension [UInt8] {
    /// Two lower-case digits a byte.
    package var hexText: String {
        let digits = Array<UInt8>("0123456789abcdef".utf8)
        var text: [UInt8] = []
        text.reserveCapacity(2 * count)
        for byte in self {
            text.append(digits[Int(byte >> 4)])
            text.append(digits[Int(byte & 15)])
        }
        return String(decoding: text, as: UTF8.self)
    }

    init?(hexText: String) {
        let digits = hexText.utf8.map { Character(UnicodeScalar($0)).hexDigitValue ?? -1 }
        guard digits.count % 2 == 0, !digits.contains(-1) else { return nil }
        self = stride(from: 0, to: digits.count, by: 2).map { UInt8(digits[$0] << 4 | digits[$0 + 1]) }
    }
}
