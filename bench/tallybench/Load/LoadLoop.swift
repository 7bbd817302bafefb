import TallyIO
import TallyModel
import TallyWire

/// The load itself: streams over the connections of a room, at a pace or as fast as they are acknowledged.
///
/// A closed loop (`pace` nil) hands the next batch over as soon as the window has room, and latency counts from there. An
/// open loop owes each batch from its instant on, whether the window has room or not, and latency counts from that
/// instant: a gateway that stands still is seen by everything that fell due meanwhile.
final class LoadLoop: PeerOwner {
    /// By connection.
    private(set) var streams: [LoadStream] = []
    private(set) var record = LoadRecord()
    private let room: PeerRoom
    private let pool: BatchPool
    private let pace: Pace?
    private let inFlightMax: Int
    private var credits: [Int: Credit] = [:]
    private var isSending = false
    private var isRecording = false
    private var startedAt: Int64 = 0
    /// Batches of the present part that an open loop has found due, of all connections.
    private var released = 0
    private var touched: [Int] = []

    private static let tickNanoseconds: Int64 = 100_000_000

    init(_ room: PeerRoom, _ pool: BatchPool, pace: Pace?, inFlightMax: Int) {
        self.room = room
        self.pool = pool
        self.pace = pace
        self.inFlightMax = inFlightMax
        touched.reserveCapacity(LoadLimits.releasesAtOnce)
    }

    // MARK: Getting ready

    func welcomed(_ index: Int, _ welcome: Welcome) { credits[index] = welcome.credit }

    /// All connections are open: gives each its stream.
    func begin() {
        precondition(streams.isEmpty, "a load begins once")
        streams = room.peers.enumerated().map { index, peer in
            LoadStream(
                id: peer.stream, line: room.line(index), offset: 17 * index, eventsPerBatch: pool.eventsPerBatch,
                inFlightMax: inFlightMax, credit: credits[index] ?? .paused)
        }
    }

    /// Makes chain values ahead for a part of `nanoseconds`, after a warm-up of `warmUp`.
    ///
    /// An open loop knows what it will send. A closed one is prepared for four times what the warm-up has seen, stream
    /// by stream, since some may be faster than others; without a warm-up for a fixed rate.
    func prepare(for nanoseconds: Int64, warmUp: Int64) {
        let most = LoadLimits.chainsAheadMax / streams.count
        let events = UInt64(pool.eventsPerBatch)
        if let pace {
            let each = pace.count(before: nanoseconds) / streams.count + 1
            for index in streams.indices { streams[index].prepare(min(most, each), pool) }
            return
        }
        let rate = warmUp > 0 ? LoadLimits.leastEventsPerSecond : LoadLimits.preparedEventsPerSecond
        let least = Pace(eventsPerSecond: rate, eventsPerBatch: events).count(before: nanoseconds)
        let mean = streams.reduce(0) { $0 + $1.sent } / streams.count
        for index in streams.indices {
            let seen = Double(max(mean, streams[index].sent)) * Double(nanoseconds) / Double(max(1, warmUp))
            let wanted = max(least / streams.count + 1, warmUp > 0 ? Int(min(4 * seen, 1e9)) : 0)
            streams[index].prepare(min(most, wanted), pool)
        }
    }

    // MARK: Running

    /// Sends for `nanoseconds`, then waits for what is in flight. `tick` is called ten times a second.
    ///
    /// What an open loop owes and could not hand over by then is never sent; with its age it counts all the same.
    func run(for nanoseconds: Int64, isRecorded: Bool, tick: (Int64) -> Void) {
        for index in streams.indices { streams[index].begin() }
        released = 0
        startedAt = PeerRoom.now()
        let end = startedAt + nanoseconds
        isRecording = isRecorded
        if isRecorded { record.begin(at: startedAt, nanoseconds: nanoseconds) }
        isSending = true
        if pace == nil { for index in streams.indices { pump(index) } }
        send(until: end, tick)
        isSending = false
        drain(tick)
        if isRecorded { finishRecord(end) }
        isRecording = false
    }

    private func send(until end: Int64, _ tick: (Int64) -> Void) {
        var tickAt = startedAt + LoadLoop.tickNanoseconds
        // What fell due before the end is owed, however late we are; a turn owes `releasesAtOnce` at least.
        while true {
            let now = PeerRoom.now()
            let next = release(now, before: end)
            guard room.welcomed > 0, now < end || next < end else { return }
            if now >= tickAt {
                tick(now)
                room.keepAlive(now: now)
                tickAt = now + LoadLoop.tickNanoseconds
            }
            room.turn(until: min(end, tickAt, next), self)
        }
    }

    private func drain(_ tick: (Int64) -> Void) {
        let deadline = PeerRoom.now() + LoadLimits.drainNanoseconds
        while inFlight > 0 {
            let now = PeerRoom.now()
            guard now < deadline, room.welcomed > 0 else { return }
            tick(now)
            room.turn(until: now + LoadLoop.tickNanoseconds, self)
        }
    }

    private func finishRecord(_ end: Int64) {
        for index in streams.indices where pace != nil {
            for ahead in 0..<streams[index].owed {
                record.heldBack(forNanoseconds: end - instant(of: streams[index].next + ahead, index))
            }
        }
        record.finish(now: PeerRoom.now())
    }

    /// Batches handed over on living connections and not acknowledged.
    var inFlight: Int {
        streams.indices.reduce(0) { sum, index in
            room.peers[index].phase == .welcomed ? sum + streams[index].inFlight : sum
        }
    }

    // MARK: Sending

    /// When the batch `number` of connection `index` is due in this part.
    private func instant(of number: Int, _ index: Int) -> Int64 {
        guard let pace else { return startedAt }
        return startedAt &+ pace.due(number * streams.count + index)
    }

    /// Owes what has fallen due. Returns when the next batch will.
    private func release(_ now: Int64, before end: Int64) -> Int64 {
        guard let pace else { return end }
        touched.removeAll(keepingCapacity: true)
        var due = startedAt &+ pace.due(released)
        while due <= now, due < end, touched.count < LoadLimits.releasesAtOnce {
            let index = released % streams.count
            streams[index].owe()
            touched.append(index)
            released += 1
            due = startedAt &+ pace.due(released)
        }
        for index in touched { pump(index) }
        return due
    }

    /// Hands over what connection `index` may send, in one piece.
    private func pump(_ index: Int) {
        guard isSending, room.peers[index].phase == .welcomed else { return }
        let connection = room.peers[index].connection
        let start = connection.outgoing.count
        let now = pace == nil ? PeerRoom.now() : 0
        // At most as many turns as may be in flight.
        while pace == nil || streams[index].owed > 0, streams[index].maySend(pool) {
            let counted = pace == nil ? now : instant(of: streams[index].next, index)
            streams[index].send(pool, instant: counted, to: &connection.outgoing)
        }
        let bytes = connection.outgoing.count - start
        if isRecording { record.sent(bytes: bytes) }
        if bytes > 0 { room.flush(index) }
    }

    // MARK: Hearing

    func acknowledged(_ index: Int, _ ack: Ack) {
        // Before the streams are made nothing is in flight.
        guard index < streams.count else { return credits[index] = ack.credit }
        let now = PeerRoom.now()
        let wrong = streams[index].acknowledge(ack, pool) { instant in
            if isRecording { record.acknowledged(afterNanoseconds: now - instant, at: now) }
        }
        if let wrong { room.lose(index, wrong) }
    }

    func served(_ index: Int) {
        pump(index)
        if room.peers[index].connection.hasUnsent { room.flush(index) }
    }
}
