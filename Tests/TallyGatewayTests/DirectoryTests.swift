import Foundation
import TallyGateway
import TallyModel
import TallyStorage
import Testing

/// The connections' copy of the catalog, changed step by step.
@Suite("Tenant directory")
struct DirectoryTests {
    private static let stamp = Stamp(actor: .user(1), timeMs: 1_760_000_000_000)

    @Test("A directory that is told each change holds what one holds that reads the catalog anew")
    func changesAddUp() throws {
        let path = Rig.newPath()
        defer { try? FileManager.default.removeItem(atPath: path) }
        let folder = try DataFolder(path: path)
        let catalog = folder.catalog
        let directory = TenantDirectory()
        var random = SystemRandomNumberGenerator()
        var drawn: [UInt64] = []
        let names = try ["acme", "globex", "initech"].map { try #require(TenantName($0)) }
        let labels = try ["laptop", "desk"].map { try #require(WorkstationLabel($0)) }
        for step in 0..<300 {
            let draw = random.next()
            drawn.append(draw)
            let name = names[Int(draw >> 8 % 3)]
            let label = labels[Int(draw >> 16 % 2)]
            switch draw % 8 {
            case 0, 1:
                let random = (0..<TenantDraws.bytesCount).map { UInt8(truncatingIfNeeded: step &* 7 &+ $0) }
                if let tenant = try? catalog.createTenant(
                    name, plan: .pro, draws: TenantDraws(random: random), by: Self.stamp)
                {
                    directory.add(tenant)
                }
            case 2, 3, 4:
                let token = TokenHash(sha256: (0..<32).map { UInt8(truncatingIfNeeded: step >> ($0 % 2 * 8)) })
                if let enrolled = try? catalog.enroll(tenant: name, label: label, tokenHash: token, by: Self.stamp) {
                    try directory.add(enrolled, token: token, in: catalog)
                    #expect(directory.holder(of: token)?.workstation == enrolled.id)
                }
            case 5, 6:
                if let revoked = try? catalog.revoke(tenant: name, label: label, by: Self.stamp) {
                    try directory.revoke(revoked, in: catalog)
                }
            default:
                guard draw >> 24 % 4 == 0, let tenant = try? catalog.tenant(named: name) else { continue }
                try catalog.beginDeletion(of: tenant.id, by: Self.stamp)
                directory.remove(tenant.id)
                if draw >> 32 % 2 == 0 { try catalog.finishDeletion(of: tenant.id, by: Self.stamp) }
            }
            let fresh = TenantDirectory()
            try fresh.refresh(from: catalog)
            try #require(directory.current == fresh.current, "step \(step) of the draws \(drawn)")
        }
    }

    @Test("A change that does not fit what is known has the catalog read anew")
    func unknownChange() throws {
        let path = Rig.newPath()
        defer { try? FileManager.default.removeItem(atPath: path) }
        let catalog = try DataFolder(path: path).catalog
        let name = try #require(TenantName("acme"))
        let label = try #require(WorkstationLabel("laptop"))
        let draws = TenantDraws(random: [UInt8](repeating: 1, count: TenantDraws.bytesCount))
        let (first, second) = (
            TokenHash(sha256: [1] + [UInt8](repeating: 0, count: 31)),
            TokenHash(sha256: [UInt8](repeating: 2, count: 32))
        )
        let directory = TenantDirectory()
        // Neither the tenant nor its first workstation is told.
        _ = try catalog.createTenant(name, plan: .pro, draws: draws, by: Self.stamp)
        _ = try catalog.enroll(tenant: name, label: label, tokenHash: first, by: Self.stamp)
        try directory.revoke(try catalog.revoke(tenant: name, label: label, by: Self.stamp), in: catalog)
        #expect(directory.isRevoked(first))
        let enrolled = try catalog.enroll(tenant: name, label: label, tokenHash: second, by: Self.stamp)
        let late = TenantDirectory()
        for directory in [directory, late] {
            try directory.add(enrolled, token: second, in: catalog)
            #expect(directory.holder(of: second)?.replaced.count == 1)
        }
        #expect(directory.current == late.current)
    }
}
