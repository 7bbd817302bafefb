import CrashDisk
import Synchronization
import TallyGateway
import TallyHash
import TallyIO
import TallyLog
import TallyModel
import TallyPricing
import TallyProtocol
import TallyRollup
import TallyStorage
import TallyWire
import TallyWorkstation
import TestDisk

/// One run: a gateway, workstations and the network between them, the shipped modules of all three on one thread, from
/// one seed.
///
///     safety     agents write, faults happen                             plan.safetyNs
///     liveness   faults stop; everything must drain within a bound       until it is quiet
///     accounts   every ledger against the journal of what was written
///
/// Nothing in it reads a clock, a random source or a file of the machine. An invariant that breaks ends the run.
package final class World {
    /// How long the world may take to drain, in its own time: the longest wait that a workstation takes upon itself is an
    /// hour, and it may have just begun.
    static let livenessNs: UInt64 = 4 * 3_600_000_000_000
    /// A world that does not come to rest in so many steps turns in a circle.
    static let stepsMax = 400_000

    package let plan: Plan
    let environment: Environment
    var random: SeededRandom
    /// For what only looks: looking more or less changes no run.
    var checks: SeededRandom
    let entropy: Entropy
    let checkEntropy: Entropy
    let viewsEntropy: Entropy
    var queue = EventQueue<Happening>()
    /// Nanoseconds since the world began.
    package internal(set) var now: UInt64 = 0
    package internal(set) var trace: Trace
    package internal(set) var violation: Violation?
    package internal(set) var coverage = Coverage()

    let gateway = SimGateway()
    var machines: [Machine] = []
    var wires: [Wire] = []
    let truth = Truth()
    let hearsay = Hearsay()
    /// Epochs that the ledgers have asked the catalog for.
    let renewals = RenewalBox()
    var tap = Tap()
    var credit: Credit
    let offer: GatewayOffer
    /// The workstation that a token was given to, also after it was revoked.
    var workstationNumbers: [TokenHash: TokenHolder] = [:]
    var isPartitioned = false
    var isHealing = false
    /// Some events may be older than retention.
    var hasAgedEvents = false
    package internal(set) var steps = 0

    package init(_ plan: Plan, _ environment: Environment, isReadable: Bool = false) {
        self.plan = plan
        self.environment = environment
        random = SeededRandom(plan.seed &+ 1)
        checks = SeededRandom(plan.seed &+ 2)
        trace = Trace(isReadable: isReadable)
        entropy = World.entropy(plan.seed &+ 3)
        checkEntropy = World.entropy(plan.seed &+ 4)
        viewsEntropy = World.entropy(plan.seed &+ 5)
        offer = plan.offer
        credit = plan.credit
        if plan.hasViews {
            CrashDisk.fix(seed: plan.seed, unixMs: SimClock.beginsMs)
            gateway.viewsDisk = CrashDisk(name: "views-\(environment.nextDisk())", seed: plan.seed &+ 6)
        }
        makeTenants()
        for tenant in plan.workstations { addMachine(tenant: tenant) }
        planEverything()
    }

    private static func entropy(_ seed: UInt64) -> Entropy {
        let source = EntropyBox(SeededRandom(seed))
        return Entropy { source.withLock { $0.next() } }
    }

    // MARK: The run

    /// Runs to the end, or to the first invariant that breaks.
    package func run() {
        safety()
        guard violation == nil else { return }
        heal()
        liveness()
        guard violation == nil else { return }
        checkEverything()
    }

    private func safety() {
        while violation == nil, let at = queue.nextAt, at < plan.safetyNs { step() }
        now = max(now, plan.safetyNs)
    }

    private func liveness() {
        let end = now + World.livenessNs
        while violation == nil {
            if isQuiet { return }
            guard let at = queue.nextAt, at < end else {
                return violate(
                    .i13, "not drained after \(World.livenessNs / 1_000_000_000) s without faults: \(unrest)")
            }
            step()
        }
    }

    private func step() {
        guard let (at, happening) = queue.next() else { return }
        now = at
        steps += 1
        if steps > World.stepsMax { return violate(.i13, "\(steps) steps and no rest: \(unrest)") }
        carryOut(happening)
    }

    func plan(_ happening: Happening, at: UInt64) { queue.plan(happening, at: max(at, now)) }
    func plan(_ happening: Happening, after ns: UInt64) { queue.plan(happening, at: now + ns) }

    func note(_ kind: UInt64, _ value: UInt64, _ text: @autoclosure () -> String) {
        trace.note(now, kind, value, text)
    }

    // MARK: Rest

    /// Everything is written, read, sent, committed and told.
    var isQuiet: Bool {
        guard gateway.isUp, gateway.mailbox.isEmpty, !gateway.harvest.isOpen else { return false }
        return machines.allSatisfy { $0.isGone || isExcused($0) || ($0.isDrained && isInTouch($0)) }
    }

    /// Welcomed by the gateway's present process: it has heard of everything that was put back.
    private func isInTouch(_ machine: Machine) -> Bool {
        guard let wire = machine.wire, machine.core?.uplink.isOpen == true else { return false }
        return wires[wire].gatewayLife == gateway.life
    }

    /// Its tenant is gone or damaged: nobody expects it to drain.
    func isExcused(_ machine: Machine) -> Bool {
        let tenant = gateway.tenants[machine.tenant]
        if tenant.isDeleted { return true }
        guard tenant.isTampered else { return false }
        if case .open? = gateway.board[tenant.row.id] { return isBroken(tenant) }
        return true
    }

    /// A byte that was changed stands in a segment that is only read now and then.
    private func isBroken(_ tenant: SimTenant) -> Bool {
        if let known = tenant.isKnownBroken { return known }
        guard isHealing else { return false }
        do throws(LedgerWalk.Problem) {
            _ = try LedgerWalk.of(tenant.disk, through: nil)
            tenant.isKnownBroken = false
            return false
        } catch {
            tenant.isKnownBroken = true
            return true
        }
    }

    /// Who has not come to rest, for a report.
    private var unrest: String {
        var parts: [String] = gateway.isUp ? [] : ["the gateway is down"]
        for machine in machines where !machine.isGone && !isExcused(machine) && !machine.isDrained {
            let state = machine.core.map { core in
                "\(core.spool.state.unacknowledged) unacknowledged, \(core.uplink.phase), "
                    + "\(machine.isRead ? "all read" : "not all read"), \(core.problem?.text ?? "no problem")"
            }
            parts.append("workstation \(machine.index): \(state ?? "down")")
        }
        return parts.joined(separator: "; ")
    }
}

/// Values behind locks, for closures that the shipped modules may call from anywhere.
final class EntropyBox: Sendable {
    private let value: Guarded<SeededRandom>
    init(_ random: SeededRandom) { value = Guarded(random) }
    func withLock<Result: Sendable>(_ body: (inout SeededRandom) -> Result) -> Result { value.withLock { body(&$0) } }
}

final class RenewalBox: Sendable {
    private let value = Guarded<[TenantID: StoreEpoch]>([:])
    func withLock<Result: Sendable>(_ body: (inout [TenantID: StoreEpoch]) -> Result) -> Result {
        value.withLock { body(&$0) }
    }
}
