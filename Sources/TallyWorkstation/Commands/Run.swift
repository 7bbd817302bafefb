import Synchronization
import TallyIO
import TallyLog
package import TallyModel

/// The engine of a `tally run`, which comes and goes with the settings, and the events that decide about it.
final class RunHost: Sendable {
    enum Event: Sendable {
        case stop
        case reload
        case failed(WorkstationError)
    }

    private let slot = Guarded<EngineHost?>(nil)
    private let events = Guarded<[Event]>([])
    private let ready = Bell()
    /// Why there is no engine, while there is none.
    private let absence = Guarded<WorkstationError>(.notConnected)

    var whyAbsent: WorkstationError { absence.withLock { $0 } }

    func noteAbsent(_ why: WorkstationError) { absence.withLock { $0 = why } }

    var current: EngineHost? { slot.withLock { $0 } }

    func put(_ engine: EngineHost?) { slot.withLock { $0 = engine } }

    func stop() { tell(.stop) }
    func reload() { tell(.reload) }

    func tell(_ event: Event) {
        events.withLock { $0.append(event) }
        ready.ring()
    }

    func next(timeoutMs: Int?) -> Event? {
        guard ready.wait(timeoutMs: timeoutMs) else { return nil }
        return events.withLock { $0.isEmpty ? nil : $0.removeFirst() }
    }

    /// Answers in place of the engine that is not there.
    func refused(_ reply: Reply) -> Reply {
        let why = whyAbsent
        reply.error(why.description)
        if case .paused = why { reply.done(ExitStatus.tryLater) } else { reply.done(ExitStatus.failure) }
        return reply
    }
}

extension Workstation {
    /// A full disk is waited out this long between two tries.
    private static var diskRetryMs: Int { 10_000 }
    /// A pause's end is looked for so often: a machine that slept has no clock to wait on.
    private static var pauseLookMs: Int64 { 60_000 }

    /// Follows the sources until SIGTERM or SIGINT, and takes exports of telemetry at `otlp`.
    package func run(otlp: HostPort? = nil) throws(WorkstationError) -> Int32 {
        let lock = try home.own()
        guard try home.enrolment() != nil else { throw .notConnected }
        let host = RunHost()
        let signals = StopSignals { host.stop() }
        let door = try RunDoor(home, host)
        door.open()
        let shard = try newShard()
        let receiver = try otlp.map { target throws(WorkstationError) in try receive(target, host, shard) }
        let outcome: Result<Int32, WorkstationError>
        do throws(WorkstationError) {
            outcome = .success(try follow(host, shard))
        } catch {
            outcome = .failure(error)
        }
        door.close()
        receiver?.stop()
        host.current?.stop()
        withExtendedLifetime(signals) {}
        _ = consume lock
        return try outcome.get()
    }

    /// Takes exports for whichever engine there is; without one the sender has to try again.
    private func receive(
        _ target: HostPort, _ host: RunHost, _ shard: Shard
    ) throws(WorkstationError) -> OTLPReceiver.Handle {
        // A name is refused, `localhost` too: what it means stands in a file that others may write.
        guard let address = SocketAddress(literal: target) else { throw .otlpNotLoopback }
        let handle = try OTLPReceiver.start(on: address, shard) { request, answer in
            guard let engine = host.current else { return answer(.refused(.unavailable)) }
            engine.with {
                $0.take(request, answer: answer)
            } orElse: {
                answer(.refused(.unavailable))
            }
        }
        Terminal.writeError("tally: taking telemetry at http://\(handle.address)\n")
        return handle
    }

    /// Starts the engine, and anew when the settings change or a full disk has stopped it.
    private func follow(_ host: RunHost, _ shard: Shard) throws(WorkstationError) -> Int32 {
        var retryMs: Int? = 0
        while true {
            switch retryMs == 0 ? nil : host.next(timeoutMs: retryMs) {
            case .stop: return ExitStatus.success
            case .reload:
                stop(host)
                retryMs = 0
                continue
            case .failed(let error):
                stop(host)
                guard error.isFullDisk else { throw error }
                Terminal.writeError("tally: \(error)\n")
                retryMs = Workstation.diskRetryMs
                continue
            case nil: break
            }
            guard host.current == nil else { continue }
            retryMs = try start(host, shard)
        }
    }

    private func stop(_ host: RunHost) {
        host.current?.stop()
        host.put(nil)
    }

    /// Nil, or after how many milliseconds to try again: a full disk or a pause is in the way. Without a gateway there is
    /// nothing to start.
    private func start(_ host: RunHost, _ shard: Shard) throws(WorkstationError) -> Int? {
        let nowMs = WallClock.nowMs()
        if let mark = try home.pause(atMs: nowMs) {
            let why = WorkstationError.paused(untilMs: mark.untilMs)
            if host.whyAbsent != why { Terminal.writeError("tally: \(why)\n") }
            host.noteAbsent(why)
            return mark.untilMs.map { Int(max(1, min($0 - nowMs, Workstation.pauseLookMs))) }
        }
        host.noteAbsent(.notConnected)
        guard let enrolment = try home.enrolment() else {
            Terminal.writeError("tally: not connected; waiting for tally connect\n")
            return nil
        }
        do throws(WorkstationError) {
            let engine = try EngineHost(home, homes, shard) { host.tell(.failed($0)) }
            host.put(engine)
            Terminal.writeError("tally: following, gateway \(enrolment.gateway)\n")
            engine.with { engine in
                let console = Console()
                engine.notice = { _ = console.show(.error("tally: \($0)\n")) }
                engine.reading = { console.show(progress: $0) }
                engine.follow()
            } orElse: {
            }
            return nil
        } catch {
            guard error.isFullDisk else { throw error }
            Terminal.writeError("tally: \(error)\n")
            return Workstation.diskRetryMs
        }
    }
}

extension WorkstationError {
    /// Waiting can help: a person may free some space.
    var isFullDisk: Bool {
        switch self {
        case .system(let error), .log(.system(let error)): error.isNoSpace
        default: false
        }
    }
}
