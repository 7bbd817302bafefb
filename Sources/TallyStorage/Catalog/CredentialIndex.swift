package import TallyModel

/// Who may sign in, as of one instant: the catalog's live tokens, in memory.
///
/// The gateway loads it at start and again after each enrolment, revocation or deletion (all of which pass
/// through its own process), so that a connection never waits for a database. 19,000 workstations are about
/// 2 MB. The key is a digest of 256 random bits, so looking it up tells a guesser nothing through time.
package struct CredentialIndex: Sendable {
    private let byHash: [TokenHash: TokenHolder]
    private let revoked: Set<TokenHash>

    package init(_ byHash: [TokenHash: TokenHolder], revoked: Set<TokenHash> = []) {
        self.byHash = byHash
        self.revoked = revoked
    }

    package static let empty = CredentialIndex([:])

    package func credential(_ hash: TokenHash) -> TokenHolder? { byHash[hash] }
    /// Whether the token was good once and was taken away: its owner is told so, and keeps its spool.
    package func isRevoked(_ hash: TokenHash) -> Bool { revoked.contains(hash) }
    package var count: Int { byHash.count }
}

/// What a token proves.
package struct TokenHolder: Hashable, Sendable {
    package let tenant: TenantID
    package let workstation: WorkstationID
    /// The numbers that it had before: those of the tenant's revoked workstations of its label.
    package let replaced: Set<WorkstationID>

    package init(tenant: TenantID, workstation: WorkstationID, replaced: Set<WorkstationID> = []) {
        self.tenant = tenant
        self.workstation = workstation
        self.replaced = replaced
    }
}
