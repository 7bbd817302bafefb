import Foundation
import GRDB
import TallyModel
import Testing

@testable import TallyStorage

@Suite("Catalog")
struct CatalogTests {
    static let stamp = Stamp(actor: .user(1000), timeMs: 1_750_000_000_000)

    static func name(_ text: String) throws -> TenantName { try #require(TenantName(text)) }
    static func label(_ text: String) throws -> WorkstationLabel { try #require(WorkstationLabel(text)) }
    static func draws(_ seed: UInt8) -> TenantDraws {
        TenantDraws(random: (0..<TenantDraws.bytesCount).map { UInt8($0) &+ seed })
    }
    static func hash(_ seed: UInt8) -> TokenHash { TokenHash(sha256: [UInt8](repeating: seed, count: 32)) }

    @Test("A tenant is found by its name after the catalog was closed and opened again")
    func tenantSurvives() throws {
        let folder = try TemporaryFolder()
        let made: Tenant
        do {
            let catalog = try Catalog(folder: folder.path)
            made = try catalog.createTenant(
                Self.name("demo"), plan: .custom, retentionDays: 45, draws: Self.draws(1), by: Self.stamp)
        }
        let again = try Catalog(folder: folder.path)
        let found = try again.tenant(named: Self.name("demo"))
        #expect(found == made)
        #expect(found.retention.days == 45)
        #expect(found.epoch.value == 0x0102_0304_0506_0708)
        #expect(found.projectKey == (9...40).map { UInt8($0) })
        #expect(found.folder == "292a2b2c2d2e2f303132333435363738")
    }

    @Test("A second tenant of the same name is refused")
    func tenantTwice() throws {
        let folder = try TemporaryFolder()
        let catalog = try Catalog(folder: folder.path)
        let name = try Self.name("demo")
        _ = try catalog.createTenant(name, plan: .pro, draws: Self.draws(1), by: Self.stamp)
        #expect(throws: StorageError.tenantExists(name)) {
            try catalog.createTenant(name, plan: .free, draws: Self.draws(2), by: Self.stamp)
        }
        #expect(try catalog.tenants().count == 1)
    }

    @Test("A deleted tenant's number is never given again, and its name is free")
    func numbersAreNotReused() throws {
        let folder = try TemporaryFolder()
        let catalog = try Catalog(folder: folder.path)
        let name = try Self.name("demo")
        let first = try catalog.createTenant(name, plan: .pro, draws: Self.draws(1), by: Self.stamp)
        _ = try catalog.enroll(tenant: name, label: Self.label("a"), tokenHash: Self.hash(1), by: Self.stamp)
        #expect(throws: StorageError.tenantGone(first.id)) { try catalog.finishDeletion(of: first.id, by: Self.stamp) }
        try catalog.beginDeletion(of: first.id, by: Self.stamp)
        try catalog.beginDeletion(of: first.id, by: Self.stamp)
        #expect(throws: StorageError.tenantDeleting(name)) { try catalog.tenant(named: name) }
        #expect(try catalog.credentials().count == 0)
        #expect(try catalog.tenants().map(\.state) == [.deleting])
        try catalog.finishDeletion(of: first.id, by: Self.stamp)
        #expect(throws: StorageError.tenantUnknown(name)) { try catalog.tenant(named: name) }
        let second = try catalog.createTenant(name, plan: .pro, draws: Self.draws(2), by: Self.stamp)
        #expect(second.id > first.id)
        let workstation = try catalog.enroll(
            tenant: name, label: Self.label("a"), tokenHash: Self.hash(2), by: Self.stamp)
        #expect(workstation.id.value == 2)
    }

    @Test("A label that is enrolled is refused until it is revoked, and the old token opens nothing then")
    func enrolment() throws {
        let folder = try TemporaryFolder()
        let catalog = try Catalog(folder: folder.path)
        let name = try Self.name("demo")
        let label = try Self.label("Zoë's laptop")
        #expect(throws: StorageError.tenantUnknown(name)) {
            try catalog.enroll(tenant: name, label: label, tokenHash: Self.hash(1), by: Self.stamp)
        }
        let tenant = try catalog.createTenant(name, plan: .pro, draws: Self.draws(1), by: Self.stamp)
        let first = try catalog.enroll(tenant: name, label: label, tokenHash: Self.hash(1), by: Self.stamp)
        #expect(throws: StorageError.workstationExists(label, name)) {
            try catalog.enroll(tenant: name, label: label, tokenHash: Self.hash(2), by: Self.stamp)
        }
        let refusal = StorageError.workstationExists(label, name).description
        #expect(refusal.contains("tallygate workstation revoke"))
        #expect(
            try catalog.credentials().credential(Self.hash(1))
                == TokenHolder(tenant: tenant.id, workstation: first.id))

        let revoked = try catalog.revoke(tenant: name, label: label, by: Self.stamp)
        #expect(revoked.id == first.id && !revoked.isLive)
        #expect(try catalog.credentials().credential(Self.hash(1)) == nil)
        #expect(throws: StorageError.workstationUnknown(label, name)) {
            try catalog.revoke(tenant: name, label: label, by: Self.stamp)
        }
        #expect(throws: StorageError.tokenExists) {
            try catalog.enroll(tenant: name, label: label, tokenHash: Self.hash(1), by: Self.stamp)
        }
        let second = try catalog.enroll(tenant: name, label: label, tokenHash: Self.hash(2), by: Self.stamp)
        #expect(second.id > first.id)
        #expect(try catalog.workstations(of: tenant.id).map(\.id) == [first.id, second.id])
        // The same workstation under another number; one of another label is not.
        let other = try catalog.enroll(
            tenant: name, label: try Self.label("desk"), tokenHash: Self.hash(3), by: Self.stamp)
        let credentials = try catalog.credentials()
        #expect(credentials.credential(Self.hash(2))?.replaced == [first.id])
        #expect(
            credentials.credential(Self.hash(3)) == TokenHolder(tenant: tenant.id, workstation: other.id))
    }

    @Test("A catalog opened for reading shows what the owner commits, and changes nothing")
    func reading() throws {
        let folder = try TemporaryFolder()
        let path = "\(folder.path)/\(Catalog.fileName)"
        #expect(throws: StorageError.absent(file: path)) { try Catalog(reading: folder.path) }
        let owner = try Catalog(folder: folder.path)
        let reader = try Catalog(reading: folder.path)
        let name = try Self.name("demo")
        let tenant = try owner.createTenant(name, plan: .pro, draws: Self.draws(1), by: Self.stamp)
        let id = try owner.enroll(
            tenant: name, label: Self.label("a"), tokenHash: Self.hash(1), by: Self.stamp
        ).id
        #expect(try reader.tenant(named: name) == tenant)
        #expect(try reader.labels(of: tenant.id) == [id: Self.label("a")])
        #expect(throws: StorageError.self) { try reader.revoke(tenant: name, label: Self.label("a"), by: Self.stamp) }
        #expect(try owner.credentials().count == 1)
    }

    @Test("When a workstation was last seen never goes back")
    func lastSeen() throws {
        let folder = try TemporaryFolder()
        let catalog = try Catalog(folder: folder.path)
        let name = try Self.name("demo")
        let tenant = try catalog.createTenant(name, plan: .pro, draws: Self.draws(1), by: Self.stamp)
        let id = try catalog.enroll(
            tenant: name, label: Self.label("a"), tokenHash: Self.hash(1), by: Self.stamp
        ).id
        try catalog.noteSeen([(id, 500), (id, 400)])
        try catalog.noteSeen([(id, 300)])
        #expect(try catalog.workstations(of: tenant.id).map(\.lastSeenMs) == [500])
    }

    @Test("Every change leaves one audit row of numbers, newest first")
    func audit() throws {
        let folder = try TemporaryFolder()
        let catalog = try Catalog(folder: folder.path)
        let name = try Self.name("demo")
        let tenant = try catalog.createTenant(name, plan: .free, draws: Self.draws(1), by: Self.stamp)
        _ = try catalog.enroll(tenant: name, label: Self.label("a"), tokenHash: Self.hash(1), by: Self.stamp)
        _ = try catalog.revoke(tenant: name, label: Self.label("a"), by: Self.stamp)
        try catalog.set(.listenAddress, to: "127.0.0.1:7443", by: Self.stamp)
        try catalog.set(.listenAddress, to: "127.0.0.1:7443", by: Self.stamp)
        try catalog.renewEpoch(of: tenant.id, to: StoreEpoch(.max), by: Self.stamp)
        try catalog.audit(AuditRow(stamp: Stamp(actor: .gateway, timeMs: 1), tenant: nil, action: .gatewayStopped))
        let rows = try catalog.auditRows()
        #expect(
            rows.map(\.action) == [
                .gatewayStopped, .epochRenewed, .settingChanged, .workstationRevoked, .workstationEnrolled,
                .tenantCreated,
            ])
        #expect(
            rows.last
                == AuditRow(stamp: Self.stamp, tenant: tenant.id, action: .tenantCreated, first: 1, second: 30))
        let ofTenant = try catalog.auditRows(tenant: tenant.id, limit: 2)
        #expect(ofTenant.map(\.action) == [.epochRenewed, .workstationRevoked])
        #expect(try catalog.setting(.listenAddress) == "127.0.0.1:7443")
        #expect(try catalog.setting(.publicAddress) == nil)
        #expect(try catalog.tenant(named: name).epoch.value == .max)
    }

    @Test("The catalog commits durably, in a file that nobody else may read")
    func durable() throws {
        let folder = try TemporaryFolder()
        let catalog = try Catalog(folder: folder.path)
        #expect(try catalog.isDurable())
        for suffix in ["", "-wal"] {
            let path = "\(folder.path)/\(Catalog.fileName)\(suffix)"
            let mode = try #require(FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? NSNumber)
            #expect(mode.intValue & 0o077 == 0)
        }
    }

    @Test("Neither the catalog's file nor its log holds a token, and a token does not print itself")
    func tokenIsNotStored() throws {
        let folder = try TemporaryFolder()
        let catalog = try Catalog(folder: folder.path)
        let name = try Self.name("demo")
        _ = try catalog.createTenant(name, plan: .pro, draws: Self.draws(1), by: Self.stamp)
        let random = (0..<32).map { UInt8($0 * 7) }
        let token = Token(random: random)
        // Stands for the digest, which the caller computes.
        let hash = TokenHash(sha256: (0..<32).map { UInt8($0) ^ 0x5a })
        _ = try catalog.enroll(tenant: name, label: Self.label("a"), tokenHash: hash, by: Self.stamp)
        #expect(try catalog.credentials().credential(hash) != nil)
        var hashSeen = false
        for file in try FileManager.default.contentsOfDirectory(atPath: folder.path) {
            let bytes = try Data(contentsOf: URL(fileURLWithPath: "\(folder.path)/\(file)"))
            #expect(bytes.range(of: Data(token.text.utf8.dropFirst(3))) == nil)
            #expect(bytes.range(of: Data(random)) == nil)
            hashSeen = hashSeen || bytes.range(of: Data(hash.bytes)) != nil
        }
        #expect(hashSeen, "the search would not have found the token either")
        var dumped = ""
        dump(token, to: &dumped)
        #expect(!"\(token)\(String(reflecting: token))\(dumped)".contains(token.text.dropFirst(3)))
    }
}
