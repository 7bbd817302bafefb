import Foundation
import Testing

@testable import TallyStorage
@testable import TallyUsage

@Suite("Days and hours of a zone")
struct LocalTimeTests {
    static let zones = [
        "UTC", "Europe/Berlin", "America/New_York", "America/St_Johns", "Asia/Kolkata", "Asia/Kathmandu",
        "Australia/Lord_Howe", "Pacific/Chatham", "Pacific/Apia", "Africa/Casablanca", "Pacific/Kiritimati",
    ]

    @Test("The runs of a zone give every quarter-hour its offset, each once", arguments: zones)
    func runs(name: String) throws {
        let zone = try UsageQuery.timeZone(named: name)
        // 2011 (Samoa leaves out a day) and 2026, both whole, with odd ends.
        for start: Int64 in [1_293_840_000 / 900 - 7, 1_767_225_600 / 900 + 5] {
            let quarters = start..<start + 366 * 96 + 11
            let runs = ZoneRuns(zone, quarters: quarters).runs
            var next = start
            for run in runs {
                #expect(run.quarters.lowerBound == next)
                next = run.quarters.upperBound
                for quarter in run.quarters where ZoneRuns.offset(of: zone, at: quarter) != run.offset {
                    Issue.record("\(name): quarter-hour \(quarter) is not in its run")
                }
            }
            #expect(next == quarters.upperBound)
            #expect(runs.count <= 6)
        }
    }

    @Test("Runs of nothing and of one quarter-hour")
    func smallRuns() throws {
        let berlin = try UsageQuery.timeZone(named: "Europe/Berlin")
        #expect(ZoneRuns(berlin, quarters: 5..<5).runs.isEmpty)
        #expect(ZoneRuns(berlin, quarters: 0..<1).runs == [ZoneRuns.Run(quarters: 0..<1, offset: 3_600)])
    }

    @Test("All the time that the wire can name is cut in bounded time")
    func hostileRange() throws {
        let berlin = try UsageQuery.timeZone(named: "Europe/Berlin")
        let runs = ZoneRuns(berlin, quarters: 0..<Quarter.endMs / Quarter.ms).runs
        #expect((400...700).contains(runs.count))
    }

    @Test("Days and hours are written as the calendar writes them", arguments: zones)
    func texts(name: String) throws {
        let zone = try UsageQuery.timeZone(named: name)
        var calendar = Calendar(identifier: .gregorian)
        calendar.timeZone = zone
        // Every 1,001 quarter-hours over 278 years: 9,700 instants. Zones of before 1972 may have offsets
        // with seconds, which RFC 3339 cannot say.
        for quarter in stride(from: Int64(2 * 365 * 96), to: Quarter.endMs / Quarter.ms, by: 1_001) {
            let date = Date(timeIntervalSince1970: Double(quarter * 900))
            let parts = calendar.dateComponents([.year, .month, .day, .hour], from: date)
            let day = String(format: "%04d-%02d-%02d", parts.year ?? 0, parts.month ?? 0, parts.day ?? 0)
            let offset = ZoneRuns.offset(of: zone, at: quarter)
            #expect(LocalTime.text(day: LocalTime.day(quarter: quarter, offset: offset)) == day)
            let hour = LocalTime.text(
                hour: LocalTime.hour(quarter: quarter, offset: offset), offset: offset, isUTC: name == "UTC")
            #expect(hour.hasPrefix(String(format: "%@T%02d:00:00", day, parts.hour ?? 0)))
        }
    }

    @Test("The hour that autumn repeats has two names, and the evening of 1969 is a day of its own")
    func corners() throws {
        // 2026-10-25 00:30 and 01:30 UTC are both 02:30 in Berlin.
        let first = LocalTime.hour(quarter: 1_792_888_200 / 900, offset: 7_200)
        let second = LocalTime.hour(quarter: 1_792_891_800 / 900, offset: 3_600)
        #expect(LocalTime.text(hour: first, offset: 7_200, isUTC: false) == "2026-10-25T02:00:00+02:00")
        #expect(LocalTime.text(hour: second, offset: 3_600, isUTC: false) == "2026-10-25T02:00:00+01:00")
        #expect(LocalTime.text(day: LocalTime.day(quarter: 0, offset: -3_600)) == "1969-12-31")
        let evening = LocalTime.hour(quarter: 0, offset: -12_600)
        #expect(LocalTime.text(hour: evening, offset: -12_600, isUTC: false) == "1969-12-31T20:00:00-03:30")
        #expect(LocalTime.text(hour: 13, offset: 0, isUTC: true) == "1970-01-01T13:00:00Z")
    }
}
