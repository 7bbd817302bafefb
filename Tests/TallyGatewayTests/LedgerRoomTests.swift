import TallyGateway
import TallyModel
import TallyProtocol
import TallyStorage
import TallyWire
import TestDisk
import Testing

/// Disks with little room or none, and clocks that may be wrong.
@Suite("Appender's room and clock")
struct LedgerRoomTests {
    private static let whole = Credit(events: Limits.creditEvents, bytes: Limits.creditBytes)

    @Test("While the disk is nearly full nobody has credit; what was sent is committed; it resumes by itself")
    func nearlyFull() throws {
        let rig = try CoreRig(tenants: 2)
        let spools = rig.tenants.enumerated().map { CoreSpool($1, connection: UInt64($0 + 1)) }
        #expect(try rig.claim(spools[0]).credit == Self.whole)
        rig.take(try spools[0].batch(5))
        rig.core.measured(freeBytes: 49, totalBytes: 1_000)
        let news = rig.commit()
        #expect(news.told(spools[0].connection).first == .paused)
        #expect(news.committed(spools[0].connection) == 5)
        // Who comes now is welcomed without credit, and gets it with the others.
        #expect(try rig.claim(spools[1]).credit == .paused)
        rig.core.measured(freeBytes: 60, totalBytes: 1_000)
        #expect(rig.commit().isEmpty && rig.core.isPaused)
        rig.core.measured(freeBytes: 61, totalBytes: 1_000)
        let resumed = rig.commit()
        #expect(spools.allSatisfy { resumed.told($0.connection) == [.resumed(Self.whole)] })
        #expect(!rig.core.isPaused)
    }

    @Test("A disk full at the barrier: nothing is acknowledged, credit is withdrawn, and with room all of it is")
    func fullAtBarrier() throws {
        let rig = try CoreRig(tenants: 2, usesBarrier: false)
        let full = CoreSpool(rig.tenants[0], connection: 1)
        let other = CoreSpool(rig.tenants[1], connection: 2)
        try rig.claim(full)
        try rig.claim(other)
        rig.disks[0].fill(after: 10)
        rig.take(try full.batch(20))
        rig.take(try other.batch(5))
        let news = rig.commit()
        #expect(news.told(full.connection) == [.paused])
        // Its disk took it.
        #expect(news.committed(other.connection) == 5)
        #expect(rig.core.failure == nil)
        rig.disks[0].fill(after: .max)
        let resumed = rig.commit().told(full.connection)
        #expect(resumed.first == .resumed(Self.whole))
        #expect(resumed.last == .committed(GatewaySession.Cursor(sequence: Sequence64(20), chain: full.chains[20])))
        rig.disks[0].losePower()
        rig.open()
        #expect(rig.core.streams(of: full.tenant).values.first?.sequence.value == 20)
    }

    @Test("A batch for which there is no room is refused as STORAGE, comes again, and counts once")
    func fullAtAppend() throws {
        let rig = try CoreRig(usesBarrier: false)
        let spool = CoreSpool(rig.tenants[0])
        try rig.claim(spool)
        rig.disks[0].fill(after: 0)
        var refused: (at: UInt64, RunRefusal)?
        for _ in 0..<64 where refused == nil {
            let before = spool.last
            rig.take(try spool.batch(60))
            for item in rig.core.takeNews().told(spool.connection) {
                if case .refused(let first, let refusal) = item { refused = (first.value - 1, refusal) }
            }
            if refused != nil { #expect(refused?.at == before) }
        }
        let refusal = try #require(refused)
        #expect(refusal.1.reason == .storage && !refusal.1.reason.isPermanent && refusal.1.retryMs > 0)
        spool.rewind(to: refusal.at)
        #expect(rig.core.isPaused)
        #expect(rig.core.commit(now: rig.now).mustRetry)
        rig.disks[0].fill(after: .max)
        #expect(!rig.core.commit(now: rig.now).mustRetry)
        #expect(!rig.core.isPaused)
        rig.take(try spool.batch(60))
        #expect(rig.commit().committed(spool.connection) == spool.last)
        rig.disks[0].losePower()
        rig.open()
        #expect(rig.core.streams(of: spool.tenant).values.first?.sequence.value == spool.last)
    }

    @Test("The disk watch pauses below five percent, resumes above six, and does not flap between")
    func diskWatch() {
        var watch = DiskWatch()
        let steps: [(free: UInt64, low: Bool)] = [
            (100, false), (50, false), (49, true), (50, true), (60, true), (61, false), (55, false), (0, true),
            (1_000, false),
        ]
        for step in steps {
            watch.measured(freeBytes: step.free, totalBytes: 1_000)
            #expect(watch.isLow == step.low, "\(step.free)")
        }
        watch.measured(freeBytes: .max, totalBytes: .max)
        #expect(!watch.isLow)
        watch.measured(freeBytes: 0, totalBytes: 0)
        #expect(!watch.isLow)
    }

    // MARK: The clock

    private static let day: Int64 = 86_400_000

    private static func instant(_ wallMs: Int64, afterMs: Int64) -> GatewayInstant {
        GatewayInstant(wallMs: wallMs, monotonic: MonotonicInstant(nanoseconds: UInt64(afterMs) * 1_000_000))
    }

    @Test("A clock is trusted from the newest receive time on, up to a day beyond it and the time elapsed")
    func trust() {
        let clock = TrustedClock(newestMs: 1_000_000, learntAt: MonotonicInstant(nanoseconds: 0))
        let cases: [(wall: Int64, after: Int64, isTrusted: Bool)] = [
            (1_000_000, 0, true), (999_999, 0, false), (1_000_000 + Self.day, 0, true),
            (1_000_001 + Self.day, 0, false), (1_000_001 + Self.day, 1, true), (999_999, 10_000, false),
            (1_000_000 + 400 * Self.day, 399 * Self.day, true), (.max, 0, false), (.min, 0, false),
        ]
        for item in cases {
            #expect(clock.isTrusted(at: Self.instant(item.wall, afterMs: item.after)) == item.isTrusted, "\(item)")
        }
    }

    @Test("Receive times go back only where a workstation's clock says that they had run ahead")
    func receiveTimes() {
        var clock = TrustedClock(newestMs: 1_000_000, learntAt: MonotonicInstant(nanoseconds: 0))
        #expect(clock.receiveMs(at: Self.instant(1_005_000, afterMs: 5_000)) == 1_005_000)
        #expect(clock.receiveMs(at: Self.instant(900_000, afterMs: 6_000)) == 1_005_000)
        // One that disagrees is no witness.
        clock.heard(offsetMs: 120_001, at: Self.instant(900_000, afterMs: 7_000))
        #expect(!clock.isTrusted(at: Self.instant(900_000, afterMs: 7_000)))
        clock.heard(offsetMs: -120_000, at: Self.instant(900_000, afterMs: 7_000))
        #expect(clock.isTrusted(at: Self.instant(900_000, afterMs: 7_000)))
        #expect(clock.receiveMs(at: Self.instant(900_100, afterMs: 7_100)) == 900_100)
    }

    @Test(
        "After two days off the gateway says CLOCK_UNSURE for TOO_OLD until a workstation's clock agrees; it accepts all along"
    )
    func unsure() throws {
        let rig = try CoreRig()
        let spool = CoreSpool(rig.tenants[0])
        #expect(try rig.claim(spool).isClockTrusted)
        rig.take(try spool.batch(1))
        rig.commit()
        #expect(rig.core.close().isEmpty)
        // The clock that never goes back begins anew with the process.
        rig.now = Self.instant(CoreRig.startMs + 2 * Self.day, afterMs: 5)
        rig.open()
        let unsure = try rig.claim(spool, offsetMs: 3_600_000)
        #expect(!unsure.isClockTrusted)
        // Reckoned from the last time that was believed: nothing seems older than it is.
        #expect(unsure.oldestTimeMs == rig.tenants[0].retention.cutoffMs(nowMs: CoreRig.startMs) + 1)
        rig.take(try spool.batch(1))
        #expect(rig.commit().committed(spool.connection) == 2)
        // Its own appends are no witness.
        #expect(!(try rig.claim(spool, offsetMs: 3_600_000).isClockTrusted))
        let sure = try rig.claim(spool, offsetMs: 500)
        #expect(sure.isClockTrusted)
        #expect(sure.oldestTimeMs == rig.tenants[0].retention.cutoffMs(nowMs: rig.now.wallMs) + 1)
    }

    @Test("A clock set back or ahead while the gateway runs is not believed")
    func jumps() throws {
        let rig = try CoreRig()
        let spool = CoreSpool(rig.tenants[0])
        try rig.claim(spool)
        for year in [-365 * Self.day, 365 * Self.day] {
            let before = rig.now
            rig.now.wallMs += year
            #expect(!(try rig.claim(spool, offsetMs: .max).isClockTrusted))
            rig.now = before
            #expect(try rig.claim(spool, offsetMs: .max).isClockTrusted)
        }
    }
}
