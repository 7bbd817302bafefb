import Synchronization
import TallyFuzzing
import TallyIO
import TallyModel

/// All connections of a run, on one thread and one poller: does what the lanes ask for and tells them what happened.
final class FuzzRoom {
    /// Cases in a row that may say nothing before the run is given up.
    static let interruptedMax = 200
    private static let backOffNanoseconds: Int64 = 200_000_000
    /// While nothing is due it looks so often whether it was asked to stop.
    private static let turnNanoseconds: Int64 = 100_000_000

    private let target: FuzzTarget
    private let poller: WaitingPoller
    private var lanes: [Lane]
    private var dueAt: [Int64]
    /// A lane that has a case, or waits to have one.
    private var isBusy: [Bool]
    private var connections: [Int: FuzzConnection] = [:]
    private var bytes = FuzzConnection.room()
    private(set) var traces: [[String]] = []
    private let isTracing: Bool

    init(_ target: FuzzTarget, token: [UInt8], lanes count: Int, seed: UInt64, traces: Bool = false) throws(FuzzError) {
        self.target = target
        isTracing = traces
        do throws(SystemError) {
            poller = try WaitingPoller()
        } catch {
            throw .system(error)
        }
        lanes = (0..<count).map { index in
            var lane = Lane(
                token: token, seed: seed &+ UInt64(index) &* 0xA24B_AED4_963E_E407, wireBase: index, wireStep: count)
            lane.isTracing = traces
            return lane
        }
        dueAt = [Int64](repeating: 0, count: count)
        isBusy = [Bool](repeating: true, count: count)
    }

    static func now() -> Int64 { MonotonicClock.nowNanoseconds() }

    /// Runs the campaign to its end, or until `isStopped`. Calls `progress` once a turn.
    func run(
        _ campaign: inout Campaign, isStopped: () -> Bool = { false }, progress: (borrowing Campaign) -> Void = { _ in }
    ) throws(FuzzError) {
        for lane in lanes.indices {
            dueAt[lane] = 0
            isBusy[lane] = true
        }
        while !campaign.isDone {
            if isStopped() { return campaign.stop() }
            let now = FuzzRoom.now()
            for lane in lanes.indices where isBusy[lane] && dueAt[lane] <= now { drive(lane, &campaign) }
            if campaign.interruptedInARow >= FuzzRoom.interruptedMax {
                campaign.stop()
                throw .turnedAway(campaign.interruptedInARow, campaign.interruption ?? "")
            }
            progress(campaign)
            wait()
        }
    }

    /// Ends all connections.
    func close() {
        for lane in lanes.indices {
            lanes[lane].endAll()
            perform(lane)
        }
    }

    private func wait() {
        let now = FuzzRoom.now()
        var until = now + FuzzRoom.turnNanoseconds
        for lane in lanes.indices where isBusy[lane] { until = min(until, dueAt[lane]) }
        poller.wait(atMost: max(0, until - now)) { number, readiness in
            guard let connection = connections[number] else { return }
            let lane = number % lanes.count
            connection.ready(readiness, &bytes) { event in hear(event, number, lane) }
        }
    }

    private func hear(_ event: FuzzConnection.Event, _ number: Int, _ lane: Int) {
        dueAt[lane] = 0
        switch event {
        case .opened: lanes[lane].opened(number)
        case .received(let bytes): lanes[lane].received(number, bytes, nowMs: WallClock.nowMs())
        case .refused(let reason):
            connections[number] = nil
            lanes[lane].refused(number, reason)
        case .ended:
            connections[number] = nil
            lanes[lane].ended(number)
        }
    }

    /// Goes on with a lane until it waits. It begins another case when one is done.
    private func drive(_ lane: Int, _ campaign: inout Campaign) {
        while true {
            if lanes[lane].isIdle {
                guard let job = campaign.next(for: lane) else {
                    isBusy[lane] = false
                    return
                }
                lanes[lane].begin(job.script, alone: job.isAlone)
            }
            let progress = lanes[lane].advance(now: FuzzRoom.now(), nowMs: WallClock.nowMs())
            let isAllRight = perform(lane)
            switch progress {
            case .wait(let until):
                dueAt[lane] = isAllRight ? until : 0
                if isAllRight { return }
            case .done(let verdict):
                if isTracing { traces.append(lanes[lane].trace) }
                campaign.done(lane, verdict)
                if case .interrupted = verdict {
                    dueAt[lane] = FuzzRoom.now() + FuzzRoom.backOffNanoseconds
                    return
                }
            }
        }
    }

    /// False where a connection could not even be begun: its lane knows.
    @discardableResult
    private func perform(_ lane: Int) -> Bool {
        var isAllRight = true
        for action in lanes[lane].takeActions() {
            switch action {
            case .open(let number, let opening):
                do throws(SystemError) {
                    connections[number] = try FuzzConnection(number, opening, to: target, poller)
                } catch {
                    lanes[lane].refused(number, error.description)
                    isAllRight = false
                }
            case .send(let number, let bytes): connections[number]?.send(bytes)
            case .end(let number): connections.removeValue(forKey: number)?.end()
            }
        }
        return isAllRight
    }
}
