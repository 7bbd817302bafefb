import TallyHash
package import TallyModel

/// HMAC-SHA256, cut to 16 bytes, under the two keys of a workstation: its own, which never leaves it, for
/// messages, requests and lines; the tenant's for projects, so that one repository is one project on all machines of a
/// tenant, and for sessions, so that a workstation which has lost its keys finds what it has sent of them.
package struct WorkstationHash: KeyedHash {
    package static let keyBytes = 32

    private let ownKey: HMACKey
    private let tenantKey: HMACKey

    /// Nil unless both keys have `keyBytes`.
    package init?(ownKey: [UInt8], tenantKey: [UInt8]) {
        guard ownKey.count == Self.keyBytes, tenantKey.count == Self.keyBytes else { return nil }
        self.ownKey = HMACKey(ownKey)
        self.tenantKey = HMACKey(tenantKey)
    }

    package func digest(_ domain: HashDomain, _ bytes: Span<UInt8>) -> Bytes16 {
        (domain == .project || domain == .session ? tenantKey : ownKey).half(domain.rawValue, bytes)
    }
}
