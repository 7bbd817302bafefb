import TallyModel
import Testing

@testable import TallyWorkstation

@Suite("A person who waits for a long scan sees how far it has come")
struct ScanProgressTests {
    private func instant(_ milliseconds: UInt64) -> MonotonicInstant {
        MonotonicInstant(nanoseconds: 5_000_000_000 + milliseconds * 1_000_000)
    }

    @Test("Bytes, rate and time left are told in units that fit")
    func words() {
        let cases: [(read: UInt64, whole: UInt64, ms: UInt64, words: String)] = [
            (50_000_000, 400_000_000, 100, "reading 50 of 400 MB, 500 MB/s, 0 s left"),
            (1_250_000_000, 10_400_000_000, 2_500, "reading 1.25 of 10.40 GB, 500 MB/s, 18 s left"),
            (1_000_000, 9_000_000_000, 1_000, "reading 0.00 of 9.00 GB, 1 MB/s, 2 h 29 min left"),
            (100_000_000, 9_000_000_000, 1_000, "reading 0.10 of 9.00 GB, 100 MB/s, 1 min 29 s left"),
            (0, 9_000_000_000, 1_000, "reading 0.00 of 9.00 GB, 0 MB/s"),
            // Files grew while they were read.
            (12_000_000, 10_000_000, 1_000, "reading 12 of 12 MB, 12 MB/s, 0 s left"),
        ]
        for each in cases {
            var progress = ScanProgress(beganAt: instant(0))
            #expect(progress.words(bytesRead: each.read, bytesToRead: each.whole, instant(each.ms)) == each.words)
            #expect(progress.isShown)
        }
    }

    @Test("A short scan says nothing, and a long one at most ten words a second")
    func seldom() {
        var progress = ScanProgress(beganAt: instant(0))
        var told = 0
        for ms in 0..<1_000 where progress.words(bytesRead: 1, bytesToRead: 2, instant(UInt64(ms))) != nil { told += 1 }
        #expect(told == 9, "the first after a tenth of a second")
        var short = ScanProgress(beganAt: instant(0))
        #expect(short.words(bytesRead: 1, bytesToRead: 2, instant(99)) == nil)
        #expect(!short.isShown)
        #expect(short.words(bytesRead: 0, bytesToRead: 0, instant(5_000)) == nil, "nothing is read of nothing")
    }

    @Test("A sync and a following workstation show a scan that takes long, and take it away at its end")
    func engine() throws {
        let bench = try CoreBench()
        bench.write(0..<20_000)
        bench.core.follow(bench.now)
        let command = bench.core.sync(wait: .seconds(10), bench.now)
        bench.perform()
        while bench.core.isSliceDue {
            bench.pass(until: bench.now.monotonic + .milliseconds(150))
            bench.core.slice(bench.now)
            bench.perform()
        }
        #expect(bench.readings.count > 3)
        #expect(bench.readings.dropLast().allSatisfy { $0?.hasPrefix("reading ") == true })
        #expect(bench.readings.last == .some(nil), "at its end the line is taken away")
        let told = (bench.replies[command] ?? []).filter {
            if case .progress(let words) = $0 { words.hasPrefix("reading ") } else { false }
        }
        #expect(told.count == bench.readings.count - 1)
        try bench.run(for: .seconds(60)) { $0.code(command) != nil }
        #expect(bench.code(command) == 0)
        let before = bench.readings.count
        bench.write(20_000..<20_003)
        bench.core.folderChanged(bench.now)
        try bench.run(for: .seconds(1))
        #expect(bench.readings.count == before, "a short scan is not told")
    }
}
