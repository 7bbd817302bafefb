import ArgumentParser
import Foundation
import TallyGateway
import TallyHash
import TallyIO
import TallyLog
import TallyModel
import TallyStorage
import TallyUsage
import TallyWire

extension Parts {
    /// A ledger folded into views anew, as `tallygate rebuild` does it.
    struct Rebuild: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Times building a tenant's views anew from its ledger.",
            discussion: """
                The ledger is written first, which is not timed. What the whole costs is then split by passes that do \
                less and less of it. The chain is what verify adds to a rebuild. The number of cells decides how much \
                of the time SQLite takes: the more days, the more cells.
                """)

        @Option(help: "Events in all ledgers together: up to 200 million.")
        var events = 4_000_000

        @Option(help: "Among how many tenants.")
        var tenants = 1

        @Option(help: "Over how many days the events lie.")
        var days = 90

        @Option(help: ArgumentHelp("Keep the data folder here, and use what it holds.", valueName: "dir"))
        var folder: String?

        @OptionGroup var options: Options

        func validate() throws {
            guard (100...200_000_000).contains(events) else { throw ValidationError("--events is 100 to 200000000") }
            guard (1...1_000).contains(tenants), tenants * 100 <= events else {
                throw ValidationError("--tenants is 1 to 1000, with 100 events each at least")
            }
            guard (1...3_650).contains(days) else { throw ValidationError("--days is 1 to 3650") }
        }

        func run() throws {
            let place = try Folder(kept: folder)
            var load = try LedgerLoad(path: place.path, tenants: tenants)
            let each = events / tenants
            for (number, tenant) in load.tenants.enumerated() {
                try load.fill(tenant, seed: options.seed &+ UInt64(number), events: each, days: days)
            }
            var passes = Passes()
            for tenant in load.tenants { try passes.run(load, tenant) }
            for tenant in load.tenants { try check(load, tenant) }
            try show(passes, load, each * tenants)
        }

        /// What the views say of each tenant is what the generator knows.
        private func check(_ load: LedgerLoad, _ tenant: Tenant) throws {
            let reader = try ViewsReader(folder: try load.folder.tenantDirectory(tenant).path)
            let totals = try reader.read { snapshot in
                guard snapshot.position == load.durable[tenant.id] else { throw Mismatch("the views are behind") }
                guard try snapshot.tablesAgree() else { throw Mismatch("the views' tables do not agree") }
                return try snapshot.report(UsageQuery(by: [.model]), tenant: tenant.name, workstations: [:]).totals
            }
            guard let truth = load.truth[tenant.id], totals.events == Int128(truth.events), totals.cost == truth.cost,
                totals.inputTokens == Int128(truth.inputTokens), totals.outputTokens == Int128(truth.outputTokens),
                totals.cacheReadTokens == Int128(truth.cacheReadTokens),
                totals.cacheWriteTokens
                    == Int128(
                        truth.cacheWrite5mTokens + truth.cacheWrite1hTokens + truth.cacheWriteUnknownTokens),
                totals.unpricedEvents == Int128(truth.unpricedEvents),
                totals.firstMs == truth.firstMs, totals.lastMs == truth.lastMs
            else { throw Mismatch("the views of \(tenant.name) are not the generator's totals") }
        }

        private func show(_ passes: Passes, _ load: LedgerLoad, _ count: Int) throws {
            var viewsBytes = 0
            var ledgerBytes = 0
            for tenant in load.tenants {
                let path = try load.folder.tenantDirectory(tenant).path
                ledgerBytes += Folder.bytes(below: path + "/" + TenantLedger.folderName)
                viewsBytes += Folder.files(below: path).filter { $0.path.contains("views.sqlite") }
                    .reduce(0) { $0 + $1.bytes }
            }
            var sheet = Sheet()
            sheet.add("events", count)
            sheet.add("tenants", tenants)
            sheet.add("days", days)
            sheet.add("events_per_batch", LedgerLoad.perBatch)
            sheet.add("ledger_mb", Double(ledgerBytes) / 1e6)
            sheet.add("views_mb", Double(viewsBytes) / 1e6)
            sheet.add("cells", passes.cells)
            sheet.add("transactions", passes.transactions)
            sheet.add("cpu_events_per_s", Double(count) / passes.whole.cpuSeconds)
            sheet.add("wall_events_per_s", Double(count) / passes.whole.wallSeconds)
            sheet.add(
                "steps",
                [
                    .step("whole", passes.whole, per: count),
                    .step("read and check", passes.reading, per: count),
                    .step("decode", passes.decoding - passes.reading, per: count),
                    .step("price and aggregate", passes.folding - passes.decoding, per: count),
                    .step("SQLite", passes.whole - passes.folding, per: count),
                    .step("chain (verify alone)", passes.chaining - passes.decoding, per: count),
                ])
            sheet.add("check", true)
            sheet.show(asJSON: options.json)
        }
    }

    /// The same ledger read again and again, each time with one thing more done.
    private struct Passes {
        var reading = Span()
        var decoding = Span()
        var chaining = Span()
        var folding = Span()
        var whole = Span()
        var cells = 0
        var transactions = 0

        mutating func run(_ load: LedgerLoad, _ tenant: Tenant) throws {
            guard let durable = load.durable[tenant.id] else { throw Mismatch("a ledger was not written") }
            let disk = try load.disk(tenant)
            let books = load.folder.books
            reading =
                try reading
                + Span.timing {
                    var reader = try LogReader(on: disk, through: durable.ordinal)
                    while try reader.next() != nil {}
                }.0
            decoding =
                try decoding
                + Span.timing {
                    var replay = try LedgerReplay(disk: disk, from: nil, through: durable.ordinal)
                    while try replay.next() != nil {}
                }.0
            chaining =
                try chaining
                + Span.timing {
                    var replay = try LedgerReplay(disk: disk, from: nil, through: durable.ordinal)
                    while let record = try replay.next() {
                        guard record.draft.kind == .batch else { continue }
                        guard Chain.advance(record.draft.chainBefore, over: replay.batch) == record.draft.chainAfter
                        else {
                            throw Mismatch("a batch's rows do not give its chain value")
                        }
                    }
                }.0
            let folded = try Span.timing { try fold(disk, durable, books) }
            folding = folding + folded.0
            cells += folded.1
            let folder = try load.folder.tenantDirectory(tenant).path
            let desk = try ViewsDesk(folder: folder, books: books, entropy: .system)
            let rebuilt = Span.timing { desk.rebuild(through: durable, on: disk) }
            whole = whole + rebuilt.0
            if let failure = rebuilt.1.failure { throw Mismatch(failure) }
            transactions += rebuilt.1.transactions
            desk.finish()
        }

        /// How many cells the stretches had together.
        private func fold(_ disk: any LogDisk, _ durable: LedgerPosition, _ books: BookShelf) throws -> Int {
            var fold = try LedgerFold(disk: disk, from: nil, through: durable, books: books)
            var cells = 0
            while let result = try fold.next() { cells += result.cells.count }
            return cells
        }
    }
}
