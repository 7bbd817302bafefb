import TallyIO

/// Handshakes, so many under way at a time: each slot connects, shakes hands, says farewell, waits for the server's end,
/// and begins again.
///
/// A slot is used again only when the server has closed, so that the server's part of each handshake is done and paid.
final class HandshakeLoop {
    private(set) var done = 0
    private(set) var failures = 0
    private(set) var firstFailure: String?
    /// From the connect to the client's end of the handshake.
    private(set) var record = LoadRecord()
    private let target: LoadTarget
    private let poller: WaitingPoller
    private var slots: [Slot?]
    private var begun = 0
    private var room = [UInt8](repeating: 0, count: 16 << 10)

    private struct Slot {
        let connection: ClientConnection
        let beganAt: Int64
    }

    init(_ target: LoadTarget, inFlight: Int) throws(LoadError) {
        self.target = target
        slots = [Slot?](repeating: nil, count: inFlight)
        do throws(SystemError) {
            poller = try WaitingPoller()
        } catch {
            throw .system(error)
        }
    }

    /// Counts anew from here.
    func begin() {
        done = 0
        failures = 0
        firstFailure = nil
        record = LoadRecord()
    }

    /// Shakes hands `count` times; how long it took, in nanoseconds.
    @discardableResult
    func run(_ count: Int) throws(LoadError) -> Int64 {
        guard count > 0 else { return 0 }
        let start = PeerRoom.now()
        record.begin(at: start, nanoseconds: LoadLimits.openingStallNanoseconds)
        begun = 0
        let over = done + failures + count
        for slot in slots.indices where begun < count { try open(slot) }
        var stalledAt = PeerRoom.now() + LoadLimits.openingStallNanoseconds
        while done + failures < over {
            var moved = false
            var ended: [Int] = []
            poller.wait(atMost: 100_000_000) { slot, _ in
                moved = true
                if serve(slot) { ended.append(slot) }
            }
            for slot in ended {
                slots[slot]?.connection.end()
                slots[slot] = nil
                if begun < count { try open(slot) }
            }
            let now = PeerRoom.now()
            if moved { stalledAt = now + LoadLimits.openingStallNanoseconds }
            guard now < stalledAt else {
                throw .notOpened(count: over - done - failures, of: count, reason: "the server did not answer in time")
            }
        }
        return PeerRoom.now() - start
    }

    private func open(_ slot: Int) throws(LoadError) {
        do throws(SystemError) {
            slots[slot] = Slot(connection: try ClientConnection(slot, to: target, poller), beganAt: PeerRoom.now())
            begun += 1
        } catch {
            throw .system(error)
        }
    }

    /// True where the slot is free again.
    private func serve(_ number: Int) -> Bool {
        guard let slot = slots[number] else { return false }
        if slot.connection.phase != .open {
            switch slot.connection.goOn() {
            case .waiting: return false
            case .failed(let reason):
                failures += 1
                if firstFailure == nil { firstFailure = reason }
                return true
            case .opened:
                let now = PeerRoom.now()
                record.acknowledged(afterNanoseconds: now - slot.beganAt, at: now)
                slot.connection.finishWriting()
            }
        }
        // A few tickets at most; then the farewell, with or without TLS's own.
        for _ in 0..<8 {
            switch slot.connection.receive(into: &room, from: 0) {
            case .bytes: continue
            case .nothing: return false
            case .finished, .failed:
                done += 1
                return true
            }
        }
        return false
    }
}
