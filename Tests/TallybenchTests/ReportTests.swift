import Testing

@testable import tallybench

/// Figures as they are printed and drawn.
@Suite("Reports of a load")
struct ReportTests {
    @Test("JSON is one object on one line, with figures as they were added")
    func json() {
        var results = Results()
        results.add("events", 12_345)
        results.add("seconds", 1.0006, digits: 3)
        results.add("share", Double.nan, digits: 1)
        results.add("bound", false)
        results.add("fault", "a \"quoted\"\nword\\")
        #expect(
            results.json == "{\"events\":12345,\"seconds\":1.001,\"share\":null,\"bound\":false,"
                + "\"fault\":\"a \\\"quoted\\\" word\\\\\"}\n")
        #expect(results.table.contains("events   12,345\n"))
    }

    @Test(
        "Numbers are rounded to their digits",
        arguments: [
            (0.0, 2, "0.00"), (1.005, 1, "1.0"), (0.999, 2, "1.00"), (-2.25, 1, "-2.3"), (-0.01, 1, "0.0"),
            (1234.5678, 3, "1234.568"), (7.5, 0, "8"),
        ])
    func fixed(number: Double, digits: Int, text: String) {
        #expect(Results.fixed(number, digits) == text)
    }

    @Test("Latencies keep three digits, and the course has every interval")
    func record() {
        var record = LoadRecord()
        record.begin(at: 1_000, nanoseconds: 1_000_000_000)
        for index in 1...1_000 {
            record.acknowledged(afterNanoseconds: Int64(index) * 1_000_000, at: 1_000 + Int64(index) * 1_000_000)
        }
        record.finish(now: 1_000_001_000)
        for (percentile, wanted) in [(50.0, 500_000_000.0), (99, 990_000_000), (99.9, 999_000_000)] {
            #expect(abs(Double(record.latency(percentile)) / wanted - 1) < 0.002, "\(percentile)")
        }
        #expect(record.batches == 1_000)
        #expect(record.nanoseconds == 1_000_000_000)
        #expect(record.points.reduce(0) { $0 + $1.batches } == 1_000)
        #expect(record.points.count == 11)
    }

    @Test("What was due and never sent counts with its age")
    func heldBack() {
        var record = LoadRecord()
        record.begin(at: 0, nanoseconds: 1_000_000_000)
        record.acknowledged(afterNanoseconds: 1_000_000, at: 500)
        record.heldBack(forNanoseconds: 900_000_000)
        #expect(record.heldBack == 1)
        #expect(record.batches == 1)
        #expect(record.latencyMax >= 900_000_000)
    }

    @Test("An axis holds all its values, its ticks ascend and are few")
    func scale() {
        for highest in [0.0, 0.004, 1, 9.99, 10, 1_234_567] {
            let scale = Scale(lowest: 0, highest: highest, isLogarithmic: false)
            #expect(scale.highest >= highest && scale.ticks.count <= 11 && scale.ticks == scale.ticks.sorted())
            #expect(scale.place(scale.lowest) == 0 && scale.place(scale.highest) == 1)
        }
        let scale = Scale(lowest: 0.3, highest: 45, isLogarithmic: true)
        #expect(scale.ticks.count == 4)
        #expect(abs(scale.place(1) - 1.0 / 3) < 1e-6 && abs(scale.place(31.6227766) - 2.5 / 3) < 1e-6)
    }
}
