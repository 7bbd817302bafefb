import Foundation
import Testing

@testable import TallyUsage

@Suite("Time zones of reports")
struct ZoneFileTests {
    private static let folder = "/usr/share/zoneinfo"

    @Test(
        "Of every instant the zone file says what the system's library says",
        .enabled(if: FileManager.default.fileExists(atPath: folder + "/Europe/Berlin"), "this machine has no zones"),
        arguments: [
            "Europe/Berlin", "America/New_York", "America/St_Johns", "America/Sao_Paulo", "Australia/Lord_Howe",
            "Asia/Kathmandu", "Asia/Kolkata", "Europe/Dublin", "Pacific/Apia", "Pacific/Chatham", "Africa/Casablanca",
            "America/Santiago", "Asia/Tehran", "Antarctica/Troll", "UTC",
        ])
    func library(name: String) throws {
        let file = try #require(ZoneFile(Self.bytes(name)))
        let library = try #require(TimeZone(identifier: name))
        var different: [Int64] = []
        // Quarter-hours on a stride that meets all hours of all seasons, from 1971 to 2037.
        for second in stride(from: Int64(31_536_000), to: 2_114_380_800, by: 900 * 37) {
            let expected = Int64(library.secondsFromGMT(for: Date(timeIntervalSince1970: Double(second))))
            if file.offset(at: second) != expected { different.append(second) }
        }
        #expect(different.isEmpty, "\(name): \(different.count) instants, first \(different.first ?? 0)")
        #expect(file.zone.isUTC == (name == "UTC"))
    }

    @Test("A rule alone cuts summer and winter as its dates say, in both halves of the earth")
    func rules() throws {
        let berlin = try #require(ZoneFile(rule: "CET-1CEST,M3.5.0,M10.5.0/3"))
        // 2026-03-29 and 2026-10-25, 01:00 UTC.
        #expect(berlin.offset(at: 1_774_745_999) == 3_600 && berlin.offset(at: 1_774_746_000) == 7_200)
        #expect(berlin.offset(at: 1_792_889_999) == 7_200 && berlin.offset(at: 1_792_890_000) == 3_600)
        let sydney = try #require(ZoneFile(rule: "AEST-10AEDT,M10.1.0,M4.1.0/3"))
        // 2026-01-01 and 2026-07-01, noon UTC.
        #expect(sydney.offset(at: 1_767_268_800) == 39_600 && sydney.offset(at: 1_782_907_200) == 36_000)
        // Dublin's winter is the exception from its summer.
        let dublin = try #require(ZoneFile(rule: "IST-1GMT0,M10.5.0,M3.5.0/1"))
        #expect(dublin.offset(at: 1_767_268_800) == 0 && dublin.offset(at: 1_782_907_200) == 3_600)
        let fixed = try #require(ZoneFile(rule: "<-0330>3:30"))
        #expect(fixed.offset(at: 0) == -12_600 && !fixed.zone.isUTC)
        #expect(try #require(ZoneFile(rule: "UTC0")).zone.isUTC)
        // Day 60 of a leap year is 29 February, of the days without it 1 March.
        let counted = try #require(ZoneFile(rule: "AAA0BBB,59/0,J300/0"))
        let julian = try #require(ZoneFile(rule: "AAA0BBB,J60/0,J300/0"))
        let leapDay: Int64 = 1_709_164_800
        #expect(counted.offset(at: leapDay) == 3_600 && counted.offset(at: leapDay - 1) == 0)
        #expect(julian.offset(at: leapDay) == 0 && julian.offset(at: leapDay + 86_400) == 3_600)
    }

    @Test(
        "What is no rule is none",
        arguments: [
            "", "C-1", "CET", "CET-1CEST", "CET-1CEST,M3.5.0", "CET-1CEST,M13.5.0,M10.5.0", "CET-25", "<A", "CET-1 ",
        ])
    func badRules(text: String) {
        #expect(ZoneFile(rule: text) == nil)
    }

    @Test("A damaged zone file is refused or read, and never traps, wherever a byte was changed or the file was cut")
    func damage() throws {
        let whole = Self.made
        let file = try #require(ZoneFile(whole))
        #expect(file.offset(at: 99) == 3_600 && file.offset(at: 100) == 7_200 && file.offset(at: 1_000) == -3_600)
        for length in whole.indices { #expect(ZoneFile(Array(whole[..<length])) == nil) }
        for place in whole.indices {
            for value: UInt8 in [0, 1, 0x7F, 0x80, 0xFF] {
                var bytes = whole
                bytes[place] = value
                guard let read = ZoneFile(bytes) else { continue }
                for second: Int64 in [.min / 2, -1, 0, 100, 200, 4_000_000_000] { _ = read.offset(at: second) }
            }
        }
    }

    @Test(
        "A day is read as it is shown, and others are refused",
        arguments: [-719_528, -1, 0, 59, 11_016, 20_786, 100_000])
    func days(day: Int64) throws {
        #expect(LocalTime.day(LocalTime.text(day: day)) == day)
    }

    @Test(
        "What is no day is refused",
        arguments: ["", "2026-02-29", "2026-13-01", "2026-1-1", "26-01-01", "2026-01-01T", "2026/01/01", "-026-01-01"])
    func badDays(text: String) {
        #expect(LocalTime.day(text) == nil)
    }

    private static func bytes(_ name: String) throws -> [UInt8] {
        Array(try Data(contentsOf: URL(fileURLWithPath: folder + "/" + name)))
    }

    /// A file of version 2: an hour east, from 100 on two, from 200 on by a rule one hour west.
    private static var made: [UInt8] {
        func number(_ value: Int64, _ width: Int) -> [UInt8] {
            (0..<width).reversed().map { UInt8(truncatingIfNeeded: value >> Int64(8 * $0)) }
        }
        func header(_ times: Int64, _ kinds: Int64, _ names: Int64) -> [UInt8] {
            Array("TZif2".utf8) + [UInt8](repeating: 0, count: 15)
                + [0, 0, 0, times, kinds, names].flatMap { number($0, 4) }
        }
        var bytes = header(0, 1, 1) + number(0, 4) + [0, 0] + [0]
        bytes += header(2, 2, 1) + number(100, 8) + number(200, 8) + [1, 0]
        bytes += number(3_600, 4) + [0, 0] + number(7_200, 4) + [1, 0] + [0]
        return bytes + Array("\n<-01>1\n".utf8)
    }
}
