import TallyModel
import TallyStorage
import TestDisk

/// What a catalog ought to hold: the few rules of it that the test needs, without a database.
struct CatalogModel {
    struct Tenant: Equatable {
        var id: UInt64
        var name: TenantName
        var isActive = true
    }

    struct Workstation: Equatable {
        var id: UInt64
        var tenant: UInt64
        var label: WorkstationLabel
        var secret: UInt8
        var isLive = true
    }

    enum Operation {
        case create(TenantName)
        case enroll(TenantName, WorkstationLabel, secret: UInt8)
        case revoke(TenantName, WorkstationLabel)
        case beginDeletion(id: UInt64)
        case finishDeletion(id: UInt64)
        case set(String)
    }

    private(set) var tenants: [Tenant] = []
    private(set) var workstations: [Workstation] = []
    private var setting = ""
    private var audit: [AuditAction] = []
    private var tenantsEver: UInt64 = 0
    private var workstationsEver: UInt64 = 0

    // MARK: Operations

    /// What `operation` makes of this; nil where it is to be refused.
    func applying(_ operation: Operation) -> CatalogModel? {
        var next = self
        switch operation {
        case .create(let name):
            guard !tenants.contains(where: { $0.name == name }) else { return nil }
            next.tenantsEver += 1
            next.tenants.append(Tenant(id: next.tenantsEver, name: name))
            next.audit.append(.tenantCreated)
        case .enroll(let name, let label, let secret):
            guard let tenant = active(name), live(label, of: tenant) == nil,
                !workstations.contains(where: { $0.secret == secret })
            else { return nil }
            next.workstationsEver += 1
            next.workstations.append(
                Workstation(id: next.workstationsEver, tenant: tenant, label: label, secret: secret))
            next.audit.append(.workstationEnrolled)
        case .revoke(let name, let label):
            guard let tenant = active(name), let index = live(label, of: tenant) else { return nil }
            next.workstations[index].isLive = false
            next.audit.append(.workstationRevoked)
        case .beginDeletion(let id):
            guard let index = tenants.firstIndex(where: { $0.id == id }) else { return nil }
            guard tenants[index].isActive else { return self }
            next.tenants[index].isActive = false
            next.audit.append(.tenantDeletionBegun)
        case .finishDeletion(let id):
            guard tenants.contains(where: { $0.id == id && !$0.isActive }) else { return nil }
            next.tenants.removeAll { $0.id == id }
            next.workstations.removeAll { $0.tenant == id }
            next.audit.append(.tenantDeleted)
        case .set(let value):
            guard value != setting else { return self }
            next.setting = value
            next.audit.append(.settingChanged)
        }
        return next
    }

    private func active(_ name: TenantName) -> UInt64? { tenants.first { $0.name == name && $0.isActive }?.id }

    private func live(_ label: WorkstationLabel, of tenant: UInt64) -> Int? {
        workstations.firstIndex { $0.tenant == tenant && $0.label == label && $0.isLive }
    }

    // MARK: Pictures

    /// All of it in words, to be compared and printed.
    var picture: [String] {
        let holders = workstations.filter { row in row.isLive && tenants.contains { $0.id == row.tenant && $0.isActive }
        }
        return tenants.sorted { $0.name < $1.name }.map { tenant in
            "tenant \(tenant.id) \(tenant.name) \(tenant.isActive ? "active" : "deleting"): "
                + workstations.filter { $0.tenant == tenant.id }.sorted {
                    ($0.label.text, $0.id) < ($1.label.text, $1.id)
                }
                .map { "\($0.id) \($0.label.text) \($0.isLive)" }.joined(separator: ", ")
        } + holders.sorted { $0.secret < $1.secret }.map { "token \($0.secret) is \($0.tenant) \($0.id)" }
            + ["setting \(setting)", "audit \(audit.map(\.name))"]
    }

    /// What `catalog` holds, in the same words.
    static func picture(of catalog: Catalog) throws(StorageError) -> [String] {
        var lines: [String] = []
        for tenant in try catalog.tenants() {
            let rows = try catalog.workstations(of: tenant.id)
            lines.append(
                "tenant \(tenant.id.value) \(tenant.name) \(tenant.state.name): "
                    + rows.map { "\($0.id.value) \($0.label.text) \($0.isLive)" }.joined(separator: ", "))
        }
        let index = try catalog.credentials()
        for secret in 0...UInt8.max {
            guard let holder = index.credential(hash(secret)) else { continue }
            lines.append("token \(secret) is \(holder.tenant.value) \(holder.workstation.value)")
        }
        lines.append("setting \(try catalog.setting(.listenAddress) ?? "")")
        let audit = try catalog.auditRows(limit: Limits.auditRowsReadMax).reversed().map(\.action.name)
        return lines + ["audit \(audit)"]
    }

    static func hash(_ secret: UInt8) -> TokenHash { TokenHash(sha256: [UInt8](repeating: secret, count: 32)) }
}

extension CatalogModel.Operation {
    private static let names = ["alpha", "beta", "gamma"].compactMap(TenantName.init)
    private static let labels = ["one", "two"].compactMap(WorkstationLabel.init)
    private static let stamp = Stamp(actor: .user(1), timeMs: 1_760_000_000_000)

    /// Any operation, most often one that is not refused. `secret` is that of the next enrolment.
    init(_ random: inout SeededRandom, _ model: CatalogModel, secret: UInt8) {
        let name = Self.names[random.below(Self.names.count)]
        let label = Self.labels[random.below(Self.labels.count)]
        let tenant = model.tenants.isEmpty ? 1 : model.tenants[random.below(model.tenants.count)].id
        switch random.below(10) {
        case 0, 1, 2: self = .create(name)
        case 3, 4, 5: self = .enroll(name, label, secret: secret)
        case 6: self = .revoke(name, label)
        case 7: self = .beginDeletion(id: tenant)
        case 8: self = .finishDeletion(id: tenant)
        default: self = .set("host:\(random.below(1000))")
        }
    }

    /// `number` is that of no other operation on this catalog.
    func run(on catalog: Catalog, number: Int) throws(StorageError) {
        let stamp = Self.stamp
        switch self {
        case .create(let name):
            let bytes = (0..<TenantDraws.bytesCount).map { UInt8(truncatingIfNeeded: number &+ $0) }
            _ = try catalog.createTenant(name, plan: .pro, draws: TenantDraws(random: bytes), by: stamp)
        case .enroll(let name, let label, let secret):
            _ = try catalog.enroll(tenant: name, label: label, tokenHash: CatalogModel.hash(secret), by: stamp)
        case .revoke(let name, let label): _ = try catalog.revoke(tenant: name, label: label, by: stamp)
        case .beginDeletion(let id): try catalog.beginDeletion(of: TenantID(id), by: stamp)
        case .finishDeletion(let id): try catalog.finishDeletion(of: TenantID(id), by: stamp)
        case .set(let value): try catalog.set(.listenAddress, to: value, by: stamp)
        }
    }
}
