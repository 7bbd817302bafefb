import TallyModel
import TallyWire

/// One stream of a load, without its connection: what it has sent, what is acknowledged, and what it may send next.
///
/// Every batch has the same number of events, so batch n (from 0) ends at sequence (n + 1) × events. Invariants:
/// acknowledged ≤ sent; what lies between them is in flight, at most `inFlightMax`, and its instants stand in the ring.
struct LoadStream {
    let id: StreamID
    /// Whose token it uses: the line of the token file, from 0.
    let line: Int
    /// Where in the pool it begins, so that streams do not send the same batch at the same time.
    let offset: Int

    /// Batches handed over, and acknowledged.
    private(set) var sent = 0
    private(set) var acknowledged = 0
    /// Batches that an open loop has found due and not handed over; a closed loop has no need of it.
    private(set) var owed = 0
    /// Batches sent before the present part of the run.
    private var before = 0
    /// What the acknowledged batches held.
    private(set) var tokens: UInt64 = 0
    private(set) var reportedNanoUSD: UInt64 = 0
    /// Chain values that had to be made while the clock ran.
    private(set) var chainsLate = 0

    private let eventsPerBatch: UInt64
    private let inFlightMax: Int
    private var credit: Credit
    private var bytesInFlight = 0
    /// Chain values made ahead, from batch `aheadFrom` on.
    private var chainsAhead: [UInt64] = []
    private var aheadFrom = 0
    private var chain: ChainValue
    /// Of batch n at n mod count: the instant that its latency counts from, and the chain value after it.
    private var instants: [Int64]
    private var chains: [UInt64]

    init(id: StreamID, line: Int, offset: Int, eventsPerBatch: Int, inFlightMax: Int, credit: Credit) {
        self.id = id
        self.line = line
        self.offset = offset
        self.eventsPerBatch = UInt64(eventsPerBatch)
        self.inFlightMax = inFlightMax
        self.credit = credit
        chain = Chain.initial(id)
        instants = [Int64](repeating: 0, count: inFlightMax)
        chains = [UInt64](repeating: 0, count: inFlightMax)
    }

    var inFlight: Int { sent - acknowledged }
    /// Which batch of the present part is next, from 0.
    var next: Int { sent - before }

    /// Begins another part of the run: instants are counted anew, and nothing is owed.
    mutating func begin() {
        before = sent
        owed = 0
    }

    mutating func owe() { owed += 1 }

    /// Makes the chain values of the next `count` batches.
    mutating func prepare(_ count: Int, _ pool: borrowing BatchPool) {
        chainsAhead.removeAll(keepingCapacity: true)
        chainsAhead.reserveCapacity(count)
        aheadFrom = sent
        var value = chain
        for batch in sent..<sent + count {
            value = Chain.advance(value, over: pool.entries[pool.index(batch, offset: offset)].batch)
            chainsAhead.append(value.value)
        }
    }

    /// Whether the next batch may be handed over: its place in the window, its bytes, its share of what may be in flight.
    func maySend(_ pool: borrowing BatchPool) -> Bool {
        guard inFlight < inFlightMax else { return false }
        let events = UInt64(inFlight + 1) * eventsPerBatch
        let bytes = bytesInFlight + pool.entries[pool.index(sent, offset: offset)].body.count
        return events <= UInt64(credit.events) && bytes <= Int(credit.bytes)
    }

    /// Appends the next batch's frame to `bytes`. Precondition: `maySend`. Its latency counts from `instant`.
    mutating func send(_ pool: borrowing BatchPool, instant: Int64, to bytes: inout [UInt8]) {
        let index = pool.index(sent, offset: offset)
        if sent - aheadFrom < chainsAhead.count {
            chain = ChainValue(chainsAhead[sent - aheadFrom])
        } else {
            chain = Chain.advance(chain, over: pool.entries[index].batch)
            chainsLate += 1
        }
        FrameCodec.appendBatch(header(pool, index), body: pool.entries[index].body, to: &bytes)
        bytesInFlight += pool.entries[index].body.count
        instants[sent % inFlightMax] = instant
        chains[sent % inFlightMax] = chain.value
        sent += 1
        owed = max(0, owed - 1)
    }

    private func header(_ pool: borrowing BatchPool, _ index: Int) -> BatchHeader {
        BatchHeader(
            first: Sequence64(UInt64(sent) * eventsPerBatch + 1), count: UInt32(eventsPerBatch),
            rawBytes: pool.entries[index].rawBytes, controlTokens: pool.entries[index].controlTokens,
            reportedNanoUSD: pool.entries[index].reportedNanoUSD, chainAfter: chain,
            isLZ4: pool.entries[index].isLZ4)
    }

    /// Takes an ACK in: calls `note` with the instant of each batch that it covers anew. Nil, or what is wrong with it.
    mutating func acknowledge(_ ack: Ack, _ pool: borrowing BatchPool, _ note: (Int64) -> Void) -> String? {
        credit = ack.credit
        let (batches, rest) = ack.committed.value.quotientAndRemainder(dividingBy: eventsPerBatch)
        guard rest == 0, batches >= UInt64(acknowledged), batches <= UInt64(sent) else {
            return "an ACK names a sequence at which no batch in flight ends"
        }
        guard batches > UInt64(acknowledged) else { return nil }
        guard chains[(Int(batches) - 1) % inFlightMax] == ack.chain.value else {
            return "an ACK has another chain value"
        }
        while acknowledged < Int(batches) {
            let index = pool.index(acknowledged, offset: offset)
            bytesInFlight -= pool.entries[index].body.count
            tokens += pool.entries[index].controlTokens
            reportedNanoUSD += pool.entries[index].reportedNanoUSD
            note(instants[acknowledged % inFlightMax])
            acknowledged += 1
        }
        return nil
    }
}
