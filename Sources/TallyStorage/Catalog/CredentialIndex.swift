package import TallyModel

/// Who may sign in, as of one instant: the catalog's live tokens, in memory.
///
/// The gateway loads it at start and again after each enrolment, revocation or deletion (all of which pass
/// through its own process), so that a connection never waits for a database. 19,000 workstations are about
/// 2 MB. The key is a digest of 256 random bits, so looking it up tells a guesser nothing through time.
package struct CredentialIndex: Sendable {
    private let byHash: [TokenHash: TokenHolder]

    init(_ byHash: [TokenHash: TokenHolder]) { self.byHash = byHash }

    package static let empty = CredentialIndex([:])

    package func credential(_ hash: TokenHash) -> TokenHolder? { byHash[hash] }
    package var count: Int { byHash.count }
}

/// What a token proves.
package struct TokenHolder: Hashable, Sendable {
    package let tenant: TenantID
    package let workstation: WorkstationID
}
