import TallyFuzzing

/// Runs a campaign against a gateway in memory, on a clock that goes on when nothing else does.
struct ToyRoom: ~Copyable {
    private var gateway: ToyGateway
    private var lane: Lane
    private var now: Int64 = 1
    private(set) var steps = 0

    static let token = Array("tg_toy".utf8)
    static let nowMs: Int64 = 1_764_000_000_000

    init(_ bug: Bug? = nil, seed: UInt64 = 5) {
        gateway = ToyGateway(bug, token: ToyRoom.token, nowMs: ToyRoom.nowMs)
        lane = Lane(token: ToyRoom.token, seed: seed)
        lane.isTracing = true
    }

    /// What was done last, to say with a failure.
    var trace: [String] { lane.trace }

    private var nowMs: Int64 { ToyRoom.nowMs + now / 1_000_000 }

    mutating func run(_ campaign: inout Campaign) {
        while let job = campaign.next(for: 0) {
            campaign.done(0, run(job.script, alone: job.isAlone))
        }
    }

    mutating func run(_ script: Script, alone: Bool = false) -> Lane.Verdict {
        lane.begin(script, alone: alone)
        while true {
            let progress = lane.advance(now: now, nowMs: nowMs)
            let actions = lane.takeActions()
            for action in actions { perform(action) }
            switch progress {
            case .done(let verdict): return verdict
            case .wait(let until): if actions.isEmpty { now = max(now, until) }
            }
        }
    }

    private mutating func perform(_ action: Lane.Action) {
        switch action {
        case .open(let wire, .foreign): lane.refused(wire, "another application protocol")
        case .open(let wire, let opening):
            if opening != .plain { gateway.opened(wire) }
            lane.opened(wire)
        case .end(let wire): gateway.gone(wire)
        case .send(let wire, let bytes):
            for output in gateway.received(wire, bytes, nowMs: nowMs) {
                switch output {
                case .bytes(let other, let bytes): lane.received(other, bytes, nowMs: nowMs)
                case .close(let other): lane.ended(other)
                }
            }
        }
    }
}
