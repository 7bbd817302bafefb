import TallyModel
import TallyProtocol
import TallyWire

/// Random numbers that a seed repeats (SplitMix64).
struct SeededRandom {
    var state: UInt64
    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
    mutating func below(_ bound: Int) -> Int { Int(next() % UInt64(bound)) }
    mutating func chance(_ percent: Int) -> Bool { below(100) < percent }
}

/// An event as far as the protocol can tell events apart.
struct ToyEvent: Hashable, Sendable {
    var id: UInt64
    /// Why a gateway refuses it, nil for a good one.
    var fault: RejectReason?
}

func toyChain(_ before: ChainValue, _ event: ToyEvent) -> ChainValue {
    var mixer = SeededRandom(state: before.value ^ event.id &* 0xD6E8_FEB8_6659_FD93)
    return ChainValue(mixer.next())
}

/// What travels: a frame, and beside a BATCH its events.
struct ToyMessage: Hashable, Sendable {
    var frame: Frame
    var events: [ToyEvent] = []
}

/// A spool in memory. Each event counts one token, so that totals are sequences.
struct ToySpool: Sendable {
    let stream = StreamID(Bytes16(high: 1, low: 2))
    /// Every event ever appended; those below `lowestHeld` are only kept for the final comparison.
    var all: [ToyEvent] = []
    /// The chain value after each sequence, from 0.
    var chains = [ChainValue(7)]
    var lowestHeld: UInt64 = 1
    var acknowledged: UInt64 = 0
    var epoch = StoreEpoch(0)
    /// Events given up, by sequence, with the SKIP's reason.
    var gaps: [UInt64: SkipReason] = [:]
    var trim: ResumePlan?

    var highest: UInt64 { UInt64(all.count) }

    mutating func append(_ event: ToyEvent) {
        all.append(event)
        chains.append(toyChain(chains[chains.count - 1], event))
    }

    mutating func relabel(_ range: ClosedRange<Sequence64>) {
        for sequence in range.lowerBound.value...range.upperBound.value {
            all[Int(sequence) - 1] = ToyEvent(id: all[Int(sequence) - 1].id | 1 << 40, fault: nil)
        }
        chains.removeSubrange(Int(range.lowerBound.value)...)
        for event in all[(Int(range.lowerBound.value) - 1)...] {
            chains.append(toyChain(chains[chains.count - 1], event))
        }
    }

    func chain(at sequence: Sequence64) -> ChainValue? {
        sequence.value + 1 >= lowestHeld && sequence.value <= highest ? chains[Int(sequence.value)] : nil
    }

    func cursor(_ sequence: UInt64) -> StreamCursor {
        StreamCursor(
            sequence: Sequence64(sequence), chain: chains[Int(sequence)],
            totals: RunningTotals(tokens: UInt128(sequence), reportedNanoUSD: 0))
    }

    var view: SpoolView {
        SpoolView(
            stream: stream, lowestHeld: Sequence64(lowestHeld), highest: Sequence64(highest),
            highestChain: chains[Int(highest)], acknowledged: cursor(acknowledged), storeEpoch: epoch)
    }

    enum Piece {
        case skip(Skip)
        case batch(BatchHeader, [ToyEvent])
    }

    /// What stands at `request.first`: a gap, or events up to the next gap.
    func piece(_ request: SendRequest) -> Piece? {
        let first = request.first.value
        if let trim, let range = trim.trimmed, range.lowerBound.value == first {
            let last = range.upperBound.value
            return trim.trimmedSkip(chainAfter: chains[Int(last)], totalsAfter: cursor(last).totals).map(Piece.skip)
        }
        if let reason = gaps[first] {
            var last = first
            while gaps[last + 1] == reason { last += 1 }
            return .skip(
                Skip(
                    first: request.first, last: Sequence64(last), chainAfter: chains[Int(last)], reason: reason,
                    groups: []))
        }
        var last = first
        while last < highest, last - first + 1 < request.eventsMax, gaps[last + 1] == nil { last += 1 }
        let events = Array(all[Int(first - 1)...Int(last - 1)])
        return .batch(
            BatchHeader(
                first: request.first, count: UInt32(events.count), rawBytes: UInt32(events.count * toyEventBytes),
                controlTokens: UInt64(events.count), reportedNanoUSD: 0, chainAfter: chains[Int(last)], isLZ4: false),
            events)
    }
}

let toyEventBytes = 100

/// One entry of the toy ledger.
enum ToyRecord: Hashable, Sendable {
    case events(first: UInt64, [ToyEvent], chainAfter: ChainValue)
    case gap(first: UInt64, last: UInt64, SkipReason, chainAfter: ChainValue)

    var last: UInt64 {
        switch self {
        case .events(let first, let events, _): first + UInt64(events.count) - 1
        case .gap(_, let last, _, _): last
        }
    }
    var chainAfter: ChainValue {
        switch self {
        case .events(_, _, let chain), .gap(_, _, _, let chain): chain
        }
    }
}

/// The ledger of one stream: what is durable, and what a crash loses.
struct ToyLedger: Sendable {
    var durable: [ToyRecord] = []
    var appended: [ToyRecord] = []
    var generation: UInt32 = 0
    var epoch: UInt64 = 1

    var committed: GatewaySession.Cursor {
        GatewaySession.Cursor(
            sequence: Sequence64(durable.last?.last ?? 0), chain: durable.last?.chainAfter ?? ChainValue(7))
    }

    mutating func commit() {
        durable += appended
        appended = []
    }

    /// The decoder: the first run of faulty rows, or nil.
    static func refusal(_ events: [ToyEvent], chainBefore: ChainValue, header: BatchHeader) -> RunRefusal? {
        if events.contains(where: { $0.fault == .malformed }) {
            return RunRefusal(reason: .malformed, run: UInt32(events.count))
        }
        if let index = events.firstIndex(where: { $0.fault != nil }), let fault = events[index].fault {
            let run = events[index...].prefix { $0.fault == fault }.count
            return RunRefusal(reason: fault, index: UInt32(index), run: UInt32(run), field: 12)
        }
        guard events.reduce(chainBefore, toyChain) == header.chainAfter else {
            return RunRefusal(reason: .chainMismatch, run: UInt32(events.count))
        }
        return nil
    }
}
