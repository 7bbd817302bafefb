package import TallyModel

/// Who may sign in, as of one instant: the catalog's live tokens, in memory.
///
/// The gateway loads it at start and changes it with each enrolment, revocation or deletion (all of which pass through
/// its own process), so that a connection never waits for a database, and a change costs what it changes however many
/// tokens there are. 19,000 workstations are about 4 MB. The key is a digest of 256 random bits, so looking it up tells
/// a guesser nothing through time.
package struct CredentialIndex: Hashable, Sendable {
    /// What is known of one label of a tenant.
    private struct Bearers: Hashable, Sendable {
        var live: TokenHash?
        var revoked: [WorkstationID: TokenHash] = [:]
    }

    private var byHash: [TokenHash: TokenHolder]
    private var revoked: Set<TokenHash>
    /// Whose tokens those are, for the next change.
    private var labels: [TenantID: [WorkstationLabel: Bearers]] = [:]

    /// A whole answer, which is replaced and not changed.
    package init(_ byHash: [TokenHash: TokenHolder], revoked: Set<TokenHash> = []) {
        self.byHash = byHash
        self.revoked = revoked
    }

    package static let empty = CredentialIndex([:])

    package func credential(_ hash: TokenHash) -> TokenHolder? { byHash[hash] }
    /// Whether the token was good once and was taken away: its owner is told so, and keeps its spool.
    package func isRevoked(_ hash: TokenHash) -> Bool { revoked.contains(hash) }
    package var count: Int { byHash.count }

    // MARK: Changes

    /// A token that opens its tenant from here on.
    package mutating func enroll(
        _ workstation: WorkstationID, of tenant: TenantID, label: WorkstationLabel, token: TokenHash
    ) {
        let replaced = Set(labels[tenant]?[label]?.revoked.keys.map { $0 } ?? [])
        labels[tenant, default: [:]][label, default: Bearers()].live = token
        byHash[token] = TokenHolder(tenant: tenant, workstation: workstation, replaced: replaced)
    }

    /// Its token opens nothing from here on. False where it is not the live one of its label: then this is not what the
    /// catalog holds.
    package mutating func revoke(_ workstation: WorkstationID, of tenant: TenantID, label: WorkstationLabel) -> Bool {
        guard let token = labels[tenant]?[label]?.live, byHash[token]?.workstation == workstation else { return false }
        byHash[token] = nil
        labels[tenant]?[label]?.live = nil
        noteRevoked(workstation, of: tenant, label: label, token: token)
        return true
    }

    /// A token that was revoked before.
    mutating func noteRevoked(
        _ workstation: WorkstationID, of tenant: TenantID, label: WorkstationLabel, token: TokenHash
    ) {
        revoked.insert(token)
        labels[tenant, default: [:]][label, default: Bearers()].revoked[workstation] = token
    }

    /// All tokens of a tenant: they open nothing from here on, and are nobody's. Returns its workstations.
    package mutating func remove(_ tenant: TenantID) -> [WorkstationID] {
        var workstations: [WorkstationID] = []
        for bearers in labels.removeValue(forKey: tenant)?.values.map({ $0 }) ?? [] {
            if let live = bearers.live, let holder = byHash.removeValue(forKey: live) {
                workstations.append(holder.workstation)
            }
            for (workstation, token) in bearers.revoked {
                revoked.remove(token)
                workstations.append(workstation)
            }
        }
        return workstations
    }
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
