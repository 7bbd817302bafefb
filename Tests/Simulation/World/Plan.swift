import Synchronization
import TallyGateway
import TallyHash
import TallyIO
package import TallyLog
import TallyModel
import TallyPricing
import TallyProtocol
import TallyRollup
import TallyStorage
package import TallyWire
import TallyWorkstation
import TestDisk

/// What a seed decides before anything happens: how large the world is, how bad its network, which faults there will be.
///
/// Each seed has its own selection of faults and its own measure of each, so that quiet combinations come up too: a
/// world where everything fails at once hides what only two faults together can do.
package struct Plan: Sendable {
    package let seed: UInt64
    package var tenants = 1
    /// The tenant of each workstation.
    package var workstations: [Int] = [0]
    /// How long faults happen; then they stop, and everything must drain.
    package var safetyNs: UInt64 = 30_000_000_000
    /// Bursts of transcript lines, over all workstations.
    package var writes = 20
    package var linesPerWriteMax = 6
    package var faults: [Fault] = []
    package var network = NetworkPlan()
    package var ledgerOptions = LogOptions()
    package var spoolOptions = LogOptions()
    /// How long a round of the appender waits for company.
    package var roundDelayNs: UInt64 = 1_000_000
    /// How long the views stand behind.
    package var viewsDelayNs: UInt64 = 100_000_000
    package var poisonPercent = 0
    package var streamingPercent = 30
    package var copiesPercent = 5
    package var driftMax: Int64 = 0
    package var clockErrorMs: Int64 = 0
    /// What a workstation may have in flight; small, so that it runs out of it.
    package var credit = Credit(events: 64, bytes: 16_384)
    package var batchEventsMax: UInt32 = 16
    /// The gateway may use one barrier for the whole file system, also for few tenants.
    package var usesFileSystemBarrier = true

    package init(seed: UInt64) { self.seed = seed }

    static let bodyBytesMax: UInt32 = 4_096

    /// What the gateway of this world offers.
    var offer: GatewayOffer {
        var offer = GatewayOffer()
        offer.batchEventsMax = batchEventsMax
        offer.batchBodyBytesMax = Plan.bodyBytesMax
        return offer
    }

    /// Draws a plan from its seed.
    package static func draw(_ seed: UInt64) -> Plan {
        var random = SeededRandom(seed &* 0x9e37_79b9_7f4a_7c15 ^ 0x5eed)
        var plan = Plan(seed: seed)
        plan.tenants = 1 + random.below(3)
        plan.workstations = (0..<max(plan.tenants, 1 + random.below(4))).map { $0 % plan.tenants }
        plan.safetyNs = UInt64(5 + random.below(60)) * 1_000_000_000
        plan.writes = 6 + random.below(24)
        plan.linesPerWriteMax = 1 + random.below(8)
        plan.network = NetworkPlan.draw(&random)
        plan.ledgerOptions = smallLog(&random)
        plan.spoolOptions = smallLog(&random)
        plan.roundDelayNs = [50_000, 1_000_000, 20_000_000][random.below(3)]
        plan.viewsDelayNs = [1_000_000, 100_000_000, 5_000_000_000][random.below(3)]
        if random.chance(25) { plan.poisonPercent = 1 + random.below(10) }
        plan.streamingPercent = random.below(60)
        plan.copiesPercent = random.below(15)
        plan.batchEventsMax = [2, 8, 64][random.below(3)]
        plan.credit = Credit(
            events: plan.batchEventsMax * UInt32(1 + random.below(4)),
            bytes: Plan.bodyBytesMax * UInt32(1 + random.below(3)))
        plan.usesFileSystemBarrier = random.chance(50)
        if random.chance(30) { plan.driftMax = Int64(1 + random.below(500)) }
        if random.chance(20) { plan.clockErrorMs = Int64(random.below(600_000)) - 300_000 }
        plan.drawFaults(&random)
        return plan
    }

    /// Segments of a few records, so that a run sees many ends of them.
    private static func smallLog(_ random: inout SeededRandom) -> LogOptions {
        var options = LogOptions()
        options.segmentBytes = [2, 8, 24][random.below(3)] << 10
        options.preallocationBytes = [256, 1_024, 4_096][random.below(3)]
        return options
    }

    private mutating func drawFaults(_ random: inout SeededRandom) {
        // One in twelve has none at all: what works without faults must stay so.
        guard !random.chance(8) else { return }
        let density = 1 + random.below(3)
        for kind in Fault.Kind.allCases where random.chance(kind.percent) {
            for _ in 0..<1 + random.below(density * kind.countMax) {
                faults.append(
                    Fault(
                        kind: kind, at: random.next() % safetyNs, workstation: random.below(workstations.count),
                        draw: random.next()))
            }
        }
    }
}

/// How the network behaves.
package struct NetworkPlan: Sendable {
    package var latencyNs: UInt64 = 1_000_000
    package var jitterNs: UInt64 = 1_000_000
    /// Pieces in thousand that are held up for seconds, with everything behind them.
    package var stallsPerMille = 0
    package var stallMaxNs: UInt64 = 20_000_000_000
    /// Sends in a hundred that arrive in several pieces.
    package var splitPercent = 20

    package init() {}

    static func draw(_ random: inout SeededRandom) -> NetworkPlan {
        var plan = NetworkPlan()
        plan.latencyNs = [100_000, 5_000_000, 80_000_000][random.below(3)]
        plan.jitterNs = plan.latencyNs * UInt64(1 + random.below(4))
        if random.chance(40) { plan.stallsPerMille = 5 + random.below(100) }
        plan.splitPercent = random.below(80)
        return plan
    }
}
