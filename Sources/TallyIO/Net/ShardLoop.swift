import Dispatch
import TallyModel

/// What happens at the end of a round: everything queued meanwhile goes out in one piece.
package protocol RoundEndHandler: AnyObject {
    func roundEnded()
}

/// A shard from the inside: its descriptors, timers and residents. Not Sendable: whoever holds one is on the
/// shard's queue.
///
/// A *round* is one visit of the queue: the events of one wake-up, one timer tick, or one block handed over.
/// Handlers are called in the round and may call any function here, also to remove themselves or each other.
package final class ShardLoop {
    /// More descriptors than one process can open.
    private static let watchesMax = 1 << 20
    /// Handlers that ask for the end of the round from within it are called again, so many times.
    private static let roundEndPassesMax = 16

    /// Together 4 MB at most.
    private static let sparesMax = 1_024
    private static let spareBytes = 256
    private static let spareBytesMax = 4_096

    private struct Watch {
        var generation: UInt32 = 0
        /// Owned; -1 in a free slot.
        var raw: CInt = -1
        var handler: (any ReadyHandler)?
        var interest: Readiness = []
    }

    private let poller: any Poller
    private let door: ShardDoor
    private let queue: DispatchQueue
    private var watches: [Watch] = []
    private var freeSlots: [UInt32] = []
    private var timers = TimerQueue()
    private let timerSource: any DispatchSourceTimer
    /// What the timer source is set to; nil when it is not set.
    private var timerArmedAt: UInt64?
    private var roundEnd: [any RoundEndHandler] = []
    private var residents: [UInt64: any ShardResident] = [:]
    private var lastResident: UInt64 = 0
    private var scratch: [UInt8] = []
    private var spares: [[UInt8]] = []

    init(queue: DispatchQueue, poller: any Poller, door: ShardDoor) {
        self.queue = queue
        self.poller = poller
        self.door = door
        timerSource = DispatchSource.makeTimerSource(queue: queue)
        timerSource.setEventHandler { door.enter { loop in loop.fireTimers() } }
        timerSource.activate()
    }

    deinit {
        timerSource.cancel()
        for (slot, watch) in watches.enumerated() where watch.raw >= 0 {
            let id = WatchID(slot: UInt32(slot), generation: watch.generation)
            poller.remove(Descriptor(taking: watch.raw), as: id)
        }
    }

    /// The shard that this is the inside of.
    package var shard: Shard {
        guard let shard = door.shard else { preconditionFailure("a loop is used on its own shard only") }
        return shard
    }

    package static var nowNanoseconds: UInt64 { DispatchTime.now().uptimeNanoseconds }

    // MARK: Descriptors

    /// Watches `descriptor`, which the loop owns from now on, and keeps `handler` until `remove`.
    package func watch(
        _ descriptor: consuming Descriptor, for interest: Readiness, _ handler: any ReadyHandler
    ) throws(SystemError) -> WatchID {
        let slot: Int
        if let free = freeSlots.popLast() {
            slot = Int(free)
        } else {
            precondition(watches.count < ShardLoop.watchesMax, "a shard watches at most 2^20 descriptors")
            slot = watches.count
            watches.append(Watch())
        }
        let id = WatchID(slot: UInt32(slot), generation: watches[slot].generation)
        do {
            try poller.add(descriptor.raw, as: id, interest: interest)
        } catch {
            freeSlots.append(id.slot)
            throw error
        }
        watches[slot].handler = handler
        watches[slot].interest = interest
        watches[slot].raw = descriptor.release()
        return id
    }

    /// Changes what a descriptor is watched for; costs nothing if it is the same.
    package func change(_ id: WatchID, to interest: Readiness) throws(SystemError) {
        let watch = watches[Int(id.slot)]
        guard watch.generation == id.generation, watch.interest != interest else { return }
        try poller.change(watch.raw, as: id, to: interest)
        watches[Int(id.slot)].interest = interest
    }

    /// Stops watching and closes the descriptor. Does nothing for an id that is stale.
    package func remove(_ id: WatchID) {
        let slot = Int(id.slot)
        guard watches[slot].generation == id.generation, watches[slot].raw >= 0 else { return }
        poller.remove(Descriptor(taking: watches[slot].raw), as: id)
        watches[slot] = Watch(generation: id.generation &+ 1)
        freeSlots.append(id.slot)
    }

    /// Reports a descriptor as ready in a round of its own, after the events that wait already: for a handler
    /// that holds bytes which the kernel does not know of.
    package func wake(_ id: WatchID, _ readiness: Readiness) {
        let door = self.door
        queue.async { door.enter { loop in loop.deliver(id, readiness) } }
    }

    /// Gives the descriptor to another handler, still watched as it was.
    package func replaceHandler(of id: WatchID, with handler: any ReadyHandler) {
        guard watches[Int(id.slot)].generation == id.generation else { return }
        watches[Int(id.slot)].handler = handler
    }

    package var watchCount: Int { watches.count - freeSlots.count }

    func drain() {
        poller.drain { id, readiness in deliver(id, readiness) }
    }

    func deliver(_ id: WatchID, _ readiness: Readiness) {
        let slot = Int(id.slot)
        guard slot < watches.count, watches[slot].generation == id.generation,
            let handler = watches[slot].handler
        else { return }
        handler.ready(readiness)
    }

    // MARK: Timers and rounds

    /// Calls `callback` once, in a round of its own, when `delay` has passed.
    package func after(_ delay: Duration, _ callback: @escaping () -> Void) -> TimerID {
        let (seconds, attoseconds) = delay.components
        let wait = UInt64(clamping: seconds).multipliedReportingOverflow(by: 1_000_000_000)
        precondition(!wait.overflow, "a delay is at most 584 years")
        let nanoseconds = wait.partialValue &+ UInt64(clamping: attoseconds / 1_000_000_000)
        return timers.add(atNanoseconds: ShardLoop.nowNanoseconds &+ nanoseconds, callback)
    }

    package func cancel(_ timer: TimerID) { timers.cancel(timer) }

    package var timerCount: Int { timers.count }

    /// Calls `handler` when this round ends. A handler asks once a round and keeps a flag.
    package func atRoundEnd(_ handler: any RoundEndHandler) { roundEnd.append(handler) }

    private func fireTimers() {
        timerArmedAt = nil
        let now = ShardLoop.nowNanoseconds
        // What fires now may add timers; they are due later than `now`, so this ends.
        while let callback = timers.takeDue(nowNanoseconds: now) { callback() }
    }

    func endRound() {
        for _ in 0..<ShardLoop.roundEndPassesMax where !roundEnd.isEmpty {
            let handlers = roundEnd
            roundEnd.removeAll(keepingCapacity: true)
            for handler in handlers { handler.roundEnded() }
        }
        if !roundEnd.isEmpty {
            let door = self.door
            queue.async { door.enter { _ in } }
        }
        armTimer()
    }

    private func armTimer() {
        guard let deadline = timers.nextDeadline() else { return }
        if let armed = timerArmedAt, armed <= deadline { return }
        timerArmedAt = deadline
        timerSource.schedule(deadline: DispatchTime(uptimeNanoseconds: deadline), leeway: .milliseconds(1))
    }

    // MARK: Residents

    /// Gives `resident` a name that other queues can hold, until `leave`.
    package func reside<Resident: ShardResident>(_ resident: Resident) -> ShardReference<Resident> {
        lastResident += 1
        residents[lastResident] = resident
        return ShardReference(shard: shard, number: lastResident)
    }

    package func leave<Resident: ShardResident>(_ reference: ShardReference<Resident>) {
        residents[reference.number] = nil
    }

    /// The object behind a reference; nil once it has left.
    package func resident<Resident: ShardResident>(_ reference: ShardReference<Resident>) -> Resident? {
        residents[reference.number] as? Resident
    }

    // MARK: Scratch

    /// Lends the shard's read buffer, of at least `count` bytes, so that idle connections need none. Give it
    /// back with `returnScratch`; a second borrower meanwhile gets a new one.
    package func takeScratch(count: Int) -> [UInt8] {
        var taken: [UInt8] = []
        swap(&taken, &scratch)
        return taken.count >= count ? taken : [UInt8](repeating: 0, count: count)
    }

    package func returnScratch(_ buffer: consuming [UInt8]) {
        scratch = buffer
    }

    /// Overwrites the read buffer: it held something that was refused.
    package func wipeScratch() { scratch.overwrite() }

    /// Lends a small empty array, for what is gathered in a round and gone at its end: idle connections need none, and
    /// busy ones share memory that is near.
    package func takeSpare() -> [UInt8] {
        if let spare = spares.popLast() { return spare }
        var spare: [UInt8] = []
        spare.reserveCapacity(ShardLoop.spareBytes)
        return spare
    }

    /// Takes an empty array back. One that grew large, or is one too many, is let go.
    package func returnSpare(_ spare: consuming [UInt8]) {
        precondition(spare.isEmpty, "a spare array holds nothing")
        if spare.capacity <= ShardLoop.spareBytesMax, spares.count < ShardLoop.sparesMax { spares.append(spare) }
    }
}
