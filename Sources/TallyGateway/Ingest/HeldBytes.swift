package import TallyModel

/// What the connections of one shard hold in memory: frames that are not whole yet, and batches that are not yet on stable
/// storage. Bounded in all and by tenant, for credit alone would let nineteen thousand streams hold nineteen gigabytes.
///
/// Above its bound a tenant's batches are answered BUSY, as in a pause; a quarter above it a connection whose frame does
/// not end is ended. Each shard has its part of what all may hold. A value; a connection says what it holds after each of
/// its calls.
package struct HeldBytes: Sendable {
    private let most: Int
    private let tenantMost: Int
    package private(set) var total = 0
    private var tenants: [TenantID: Int] = [:]

    package init(limits: AbuseLimits = AbuseLimits(), shards: Int = 1) {
        most = (limits[.bufferedMiB] << 20) / shards
        tenantMost = min(most, (limits[.bufferedMiBPerTenant] << 20) / shards)
    }

    /// What the tenant's connections hold here.
    package func bytes(of tenant: TenantID) -> Int { tenants[tenant] ?? 0 }

    /// Whether one more batch of the tenant may be taken.
    package func mayTake(_ tenant: TenantID) -> Bool {
        total < tenantMost || (total < most && bytes(of: tenant) < tenantMost)
    }

    /// Whether frames that are not whole must go too.
    package func isCrowded(_ tenant: TenantID?) -> Bool {
        if total >= most + most / 4 { return true }
        guard total >= tenantMost, let tenant else { return false }
        return bytes(of: tenant) >= tenantMost + tenantMost / 4
    }

    /// A connection of the tenant, if it has one yet, that held `before` holds `now`.
    package mutating func move(_ tenant: TenantID?, from before: Int, to now: Int) {
        total += now - before
        precondition(total >= 0, "nobody gives back what he did not hold")
        guard let tenant else { return }
        let held = bytes(of: tenant) + now - before
        tenants[tenant] = held > 0 ? held : nil
    }
}
