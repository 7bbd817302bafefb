import TestDisk
import Testing

@testable import TallyWorkstation

@Suite("The table of requests")
struct CountingTableTests {
    /// The table as a list of plain rows, searched from its start.
    private struct Model {
        var rows: [RequestTable.Row] = []

        func find(_ message: UInt64, _ isSame: (RequestTable.Row) -> Bool) -> Int? {
            rows.firstIndex { $0.message == message && isSame($0) }
        }

        func find(request: UInt64) -> Int? {
            guard request != 0 else { return nil }
            return rows.lastIndex { $0.request == request && $0.isCall } ?? rows.lastIndex { $0.request == request }
        }

        func hasCall(_ request: UInt64) -> Bool { request != 0 && rows.contains { $0.request == request && $0.isCall } }

        func told(_ counts: RequestCounts, session: UInt64) -> (calls: Int, rows: Int) {
            guard session != 0 else { return (0, 0) }
            let same = rows.filter { $0.request == session && $0.sent == counts }
            return (same.count { $0.isCall }, same.count { !$0.isCall })
        }
    }

    /// Any width from none to the field's own, so that some rows are packed and some are wide.
    static func counts(_ random: inout SeededRandom) -> RequestCounts {
        let wild = random.chance(20)
        func number(_ bits: Int) -> UInt64 {
            guard random.chance(60) else { return 0 }
            return random.next() >> UInt64(64 - 1 - random.below(wild ? bits : bits / 2))
        }
        var counts = RequestCounts()
        counts.input = UInt32(number(32))
        counts.cacheRead = UInt32(number(32))
        counts.write5m = UInt32(number(32))
        counts.write1h = UInt32(number(32))
        counts.writeUnknown = UInt32(number(32))
        counts.output = UInt32(number(32))
        counts.reasoning = UInt32(number(32))
        counts.webSearches = UInt16(number(16))
        counts.reportedNanoUSD = number(64)
        return counts
    }

    @Test("Packed counts are the counts, or are refused for their width")
    func packing() {
        var random = SeededRandom(7)
        var packed = 0
        for _ in 0..<20_000 {
            let counts = Self.counts(&random)
            guard let bits = PackedCounts.pack(counts) else { continue }
            packed += 1
            #expect(bits >> UInt128(PackedCounts.bitsMax) == 0)
            #expect(PackedCounts.unpack(bits) == counts)
        }
        #expect((4_000..<19_000).contains(packed), "\(packed) of 20,000 were packed: the mix proves nothing")
        var usual = RequestCounts()
        (usual.input, usual.cacheRead, usual.write1h, usual.output, usual.reasoning) = (12, 180_000, 9_000, 3_000, 800)
        usual.reportedNanoUSD = 150_000_000
        #expect(PackedCounts.pack(usual) != nil)
        var largest = RequestCounts()
        (largest.input, largest.cacheRead, largest.write5m, largest.write1h) = (.max, .max, .max, .max)
        (largest.writeUnknown, largest.output, largest.reasoning) = (.max, .max, .max)
        (largest.webSearches, largest.reportedNanoUSD) = (.max, .max)
        #expect(PackedCounts.pack(largest) == nil)
    }

    @Test("Whatever comes in whatever order, it answers as a plain list of rows does", arguments: [1, 2, 3, 4, 5, 6])
    func differential(seed: UInt64) {
        var random = SeededRandom(seed)
        var table = RequestTable()
        var model = Model()
        // Some homes have no telemetry, and some ask before any of it came.
        let callsFrom = seed % 3 == 0 ? Int.max : random.below(4_000)
        let asksFrom = seed % 3 == 0 ? Int.max : random.below(6_000)
        for step in 0..<6_000 {
            let message = random.next() % 900 + 1
            let request = random.chance(20) ? 0 : random.next() % 400 + 1
            switch random.below(10) {
            case 0..<6:
                let row = RequestTable.Row(
                    message: message, request: request, isSidechain: random.chance(20),
                    isCall: step >= callsFrom && random.chance(30), sent: Self.counts(&random))
                #expect(table.append(row) == model.rows.count)
                model.rows.append(row)
            case 6..<8 where !model.rows.isEmpty:
                let number = random.below(model.rows.count)
                let sent = Self.counts(&random)
                let learns = random.chance(40)
                let change = { (row: inout RequestTable.Row) in
                    row.sent = sent
                    if learns { row.request = request }
                    if learns { row.isSidechain = false }
                }
                table.update(number, change)
                change(&model.rows[number])
                #expect(table.rows[number] == model.rows[number])
            default:
                #expect(table.find(message) { $0.request == request } == model.find(message) { $0.request == request })
                #expect(table.find(message) { $0.isSidechain } == model.find(message) { $0.isSidechain })
                #expect(table.find(message) { !$0.isCall } == model.find(message) { !$0.isCall })
                #expect(table.hasCall(request) == model.hasCall(request))
                #expect(table.findCall(request) == (model.hasCall(request) ? model.find(request: request) : nil))
                guard step >= asksFrom else { continue }
                #expect(table.find(request: request) == model.find(request: request))
                let counts = model.rows.randomElement(using: &random)?.sent ?? RequestCounts()
                #expect(table.told(counts, session: request) == model.told(counts, session: request))
            }
        }
        #expect(Array(table.rows) == model.rows, "seed \(seed)")
        #expect(table.isChained == (seed % 3 != 0))
        for request in 0...401 as ClosedRange<UInt64> {
            #expect(table.find(request: request) == model.find(request: request))
        }
    }

    @Test("A home of transcripts alone pays nothing for telemetry; the first call, or question, does")
    func lazyChains() {
        var table = RequestTable()
        for number in 1...1_000 as ClosedRange<UInt64> {
            _ = table.append(
                RequestTable.Row(message: number, request: number % 7, isSidechain: false, sent: RequestCounts()))
            #expect(table.findCall(number) == nil && !table.hasCall(number))
        }
        table.update(3) { $0.request = 90 }
        #expect(!table.isChained)
        var asked = table
        #expect(asked.find(request: 90) == 3)
        #expect(asked.isChained)
        _ = table.append(
            RequestTable.Row(message: 5_000, request: 6, isSidechain: false, isCall: true, sent: RequestCounts()))
        #expect(table.isChained)
        #expect(table.findCall(6) == 1_000)
    }

    @Test("A row takes 32 bytes, a file 96: a million requests and 100,000 files fit beside a scan")
    func sizes() {
        #expect(RequestRows.rowBytes == 32)
        #expect(MemoryLayout<PackedFile>.stride == 96)
    }

    @Test("Numbers are found and taken out again, however their hashes collide", arguments: [1, 3, 40, 100_000])
    func index(hashes: UInt64) {
        var random = SeededRandom(hashes)
        var index = NumberIndex()
        var items: [UInt64] = []
        var next: UInt64 = 0
        func hash(_ item: UInt64) -> UInt64 { item % hashes }
        for _ in 0..<3_000 {
            if items.isEmpty || random.chance(items.count < 300 ? 60 : 40) {
                items.append(next)
                next += 1
                index.append(items.count - 1) { hash(items[$0]) }
            } else {
                let number = random.below(items.count)
                index.removeSwapping(number) { hash(items[$0]) }
                items.swapAt(number, items.count - 1)
                items.removeLast()
            }
            #expect(index.count == items.count)
            let item = random.next() % max(next, 1)
            #expect(index.find(hash(item)) { items[$0] == item } == items.firstIndex(of: item))
        }
    }
}
