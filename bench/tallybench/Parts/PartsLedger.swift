import Foundation
import TallyGenerator
import TallyHash
import TallyIO
import TallyLog
import TallyModel
import TallyPricing
import TallyStorage
import TallyWire

extension Parts {
    /// A data folder with tenants whose ledgers hold generated events: each tenant one workstation's stream, in batches
    /// of 100, over as many days as asked.
    struct LedgerLoad {
        let folder: DataFolder
        let tenants: [Tenant]
        private(set) var truth: [TenantID: RollupCounts] = [:]
        private(set) var durable: [TenantID: LedgerPosition] = [:]

        static let perBatch = 100
        /// 2026-08-03T00:00:00Z, a Monday.
        private static let startMs: Int64 = 1_785_715_200_000
        private static let dayMs = 86_400_000

        /// Takes what the folder already holds, where a run before this one has made it.
        init(path: String, tenants count: Int) throws {
            folder = try DataFolder(path: path)
            var found: [Tenant] = []
            for number in 1...count {
                guard let name = TenantName("bench-\(number)") else { throw Mismatch("a tenant's name") }
                found.append(try LedgerLoad.tenant(name, in: folder))
            }
            tenants = found
        }

        private static func tenant(_ name: TenantName, in folder: DataFolder) throws -> Tenant {
            if let known = try? folder.catalog.tenant(named: name) { return known }
            return try folder.catalog.createTenant(
                name, plan: .pro, draws: TenantDraws(random: Random.bytes(TenantDraws.bytesCount)),
                by: Stamp(actor: .gateway, timeMs: startMs))
        }

        /// Writes `events` of one tenant; where its ledger holds them already, only their sums are made again.
        mutating func fill(_ tenant: Tenant, seed: UInt64, events: Int, days: Int) throws {
            let place = try folder.makeTenantDirectory(tenant)
            let disk = try place.openOrMakeDirectory(TenantLedger.folderName)
            var ledger = try TenantLedger(
                tenant: tenant, disk: disk, book: folder.books.current.id.value, viewsThrough: 0, nowMs: Self.startMs)
            // Half as much again as the median lies between two events on average, and a bit.
            var load = EventLoad(
                seed: seed, startMs: Self.startMs, paceMs: max(1, days * Self.dayMs * 10 / 17 / max(1, events)))
            let held = ledger.state.events
            guard held == 0 || held == UInt64(events) else {
                throw Mismatch("\(folder.path) holds \(held) events of a tenant, not \(events): name another folder")
            }
            if held == 0 {
                try append(events, of: &load, to: &ledger)
            } else {
                for _ in 0..<events { _ = load.nextEvent() }
            }
            try ledger.close()
            durable[tenant.id] = ledger.durable
            truth[tenant.id] = load.totals
        }

        private func append(_ count: Int, of load: inout EventLoad, to ledger: inout TenantLedger) throws {
            var encoder = BatchEncoder()
            var nowMs = Self.startMs
            let stream = try ledger.openStream(StreamID(Random.bytes16), workstation: WorkstationID(1), nowMs: nowMs)
            var sequence = stream.sequence
            var chain = stream.chain
            var events: [Event] = []
            var left = count
            while left > 0 {
                try ledger.rollIfDue(nowMs: nowMs)
                events.removeAll(keepingCapacity: true)
                for _ in 0..<min(left, Self.perBatch) { events.append(load.nextEvent()) }
                left -= events.count
                let batch = try encoder.encode(events.span, after: chain)
                guard batch.count == events.count else { throw Mismatch("a batch of \(events.count) is not one") }
                nowMs = events.last?.timeMs ?? nowMs
                var draft = RecordDraft(.batch, receivedAtMs: nowMs)
                draft.schema = 1
                draft.stream = stream.number
                draft.count = UInt32(batch.count)
                draft.firstSequence = sequence.advanced(by: 1)
                draft.lowestTimeMs = events.first?.timeMs ?? nowMs
                draft.highestTimeMs = nowMs
                draft.chainBefore = chain
                draft.chainAfter = batch.chainAfter
                try ledger.append(
                    batch: draft, body: batch.raw.span,
                    totals: RunningTotals(
                        tokens: UInt128(batch.controlTokens), reportedNanoUSD: UInt128(batch.reportedNanoUSD)))
                sequence = sequence.advanced(by: UInt64(batch.count))
                chain = batch.chainAfter
            }
        }

        /// Where a tenant's ledger is read.
        func disk(_ tenant: Tenant) throws -> Directory {
            try folder.tenantDirectory(tenant).openDirectory(TenantLedger.folderName)
        }
    }
}

extension Random {
    fileprivate static var bytes16: Bytes16 { Bytes16(high: uint64(), low: uint64()) }
}
