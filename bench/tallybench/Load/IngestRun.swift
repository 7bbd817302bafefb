import TallyIO
import TallyModel

/// One run of `ingest` from its connections to its figures.
struct IngestRun {
    let target: LoadTarget
    let tokens: [[UInt8]]
    let options: IngestOptions
    let watch: GatewayWatch

    init(target: LoadTarget, tokens: [[UInt8]], options: IngestOptions, watch: GatewayWatch) throws(LoadError) {
        self.target = target
        self.tokens = tokens
        self.options = options
        self.watch = watch
        try OpenFiles.check(connections: options.connections)
    }

    func measure() throws -> IngestReport {
        let pool = try BatchPool(
            eventsPerBatch: options.eventsPerBatch, seed: options.seed, nowMs: WallClock.nowMs())
        let room = try PeerRoom(target, tokens: tokens)
        let loop = LoadLoop(room, pool, pace: options.pace, inFlightMax: options.inFlightMax)
        var progress = Progress()
        let opened = room.open(options.connections, loop) { progress.show("\($0) connections open") }
        guard opened == options.connections else {
            throw LoadError.notOpened(
                count: options.connections - opened, of: options.connections, reason: room.faults.first ?? "unknown")
        }
        loop.begin()
        if options.warmUp.nanoseconds > 0 {
            loop.run(for: options.warmUp.nanoseconds, isRecorded: false) { _ in progress.show("warming up") }
        }
        progress.show("waiting for the gateway's views")
        let wasSettled = watch.settle()
        loop.prepare(for: options.duration.nanoseconds, warmUp: options.warmUp.nanoseconds)
        let before = Snapshot(watch, loop, room)
        loop.run(for: options.duration.nanoseconds, isRecorded: true) { now in
            progress.show(loop.record, eventsPerBatch: options.eventsPerBatch, now: now)
        }
        let ownAfter = ProcessTime.ownNanoseconds()
        let wallAfter = PeerRoom.now()
        progress.show("waiting for the gateway's views")
        let isSettled = watch.settle()
        var after = Snapshot(watch, loop, room)
        after.own = ownAfter
        after.at = wallAfter
        let unacknowledged = loop.inFlight
        room.close()
        progress.clear()
        return IngestReport(
            options: options, loop: loop, faults: room.faults, unacknowledged: unacknowledged, before: before,
            after: after, viewsSettled: wasSettled.map { $0 && isSettled == true }, tokens: tokens.count)
    }

    /// What is read before and after the measured part.
    struct Snapshot {
        var at: Int64
        var own: UInt64
        let server: UInt64?
        let counters: GatewayWatch.Counters?
        let records: Int
        let chainsLate: Int

        init(_ watch: GatewayWatch, _ loop: LoadLoop, _ room: PeerRoom) {
            counters = watch.counters()
            records = room.peers.reduce(0) { $0 + $1.connection.records }
            chainsLate = loop.streams.reduce(0) { $0 + $1.chainsLate }
            server = watch.cpuNanoseconds()
            own = ProcessTime.ownNanoseconds()
            at = PeerRoom.now()
        }
    }
}
