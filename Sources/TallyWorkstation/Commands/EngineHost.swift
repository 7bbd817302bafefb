import Synchronization
import TallyIO
import TallyModel

/// An engine on its shard, as the threads outside see it.
final class EngineHost: Sendable {
    let shard: Shard
    private let engine: ShardReference<Engine>
    private let failure: FailureSlot

    /// Opens the spool and starts. The caller holds the home's lock.
    init(
        _ home: Home, _ homes: SourceHomes, _ shard: Shard,
        ended: @escaping @Sendable (WorkstationError) -> Void = { _ in }
    ) throws(WorkstationError) {
        guard let enrolment = try home.enrolment() else { throw .notConnected }
        let ignored = try home.ignoreList().compared
        let failure = FailureSlot()
        let started = shard.sync { loop -> Result<ShardReference<Engine>, WorkstationError> in
            do throws(WorkstationError) {
                let spool = try Spool(on: try home.spoolFolder(), nowMs: WallClock.nowMs())
                let engine = try Engine(
                    loop, home: home, spool: spool, enrolment: enrolment, homes: homes, ignored: ignored
                ) { error in
                    failure.put(error)
                    ended(error)
                }
                try engine.start()
                guard let reference = engine.reference else { return .failure(.ownerGone) }
                return .success(reference)
            } catch {
                return .failure(error)
            }
        }
        self.shard = shard
        self.failure = failure
        engine = try started.get()
    }

    var error: WorkstationError? { failure.error }

    /// Runs `body` with the engine, or `orElse` if it has ended.
    func with(_ body: @escaping @Sendable (Engine) -> Void, orElse: @escaping @Sendable () -> Void) {
        let engine = self.engine
        shard.async { loop in
            if let engine = loop.resident(engine) { body(engine) } else { orElse() }
        }
    }

    func refuse(_ reply: Reply) {
        reply.error((failure.error ?? .ownerGone).description)
        reply.done(ExitStatus.failure)
    }

    func beginSend(wait: Duration, reply: Reply) -> UInt64 {
        let engine = self.engine
        return shard.sync { $0.resident(engine)?.beginSend(wait: wait, reply: reply) ?? 0 }
    }

    func endSend(_ input: UInt64, isCut: Bool, reply: Reply) {
        with {
            $0.endSend(input, isCut: isCut)
        } orElse: {
            self.refuse(reply)
        }
    }

    func feed(_ input: UInt64, _ bytes: [UInt8]) -> Bool {
        let engine = self.engine
        return shard.sync { $0.resident(engine)?.feed(input, bytes) ?? true }
    }

    func stop() {
        let engine = self.engine
        shard.sync { $0.resident(engine)?.stop() }
        // The farewell goes out on the shard; it is a courtesy, and bounded.
        for _ in 0..<20 where shard.sync({ $0.watchCount }) > 0 { Pause.milliseconds(10) }
    }
}

/// The first failure of an engine.
private final class FailureSlot: Sendable {
    private let slot = Guarded<WorkstationError?>(nil)
    var error: WorkstationError? { slot.withLock { $0 } }
    func put(_ error: WorkstationError) { slot.withLock { if $0 == nil { $0 = error } } }
}
