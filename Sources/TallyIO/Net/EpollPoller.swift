#if os(Linux)
import CPlatform
import Dispatch
import Glibc

/// One epoll descriptor for all sockets of a shard, and one DispatchSource on that.
///
/// A DispatchSource for each socket costs 9-15 µs a wake-up on Linux; this way the cost is that of plain C.
/// The source fires when anything is ready; `drain` then asks the kernel with a timeout of 0 until nothing is
/// left, at most `roundsMax` times so that blocks waiting on the queue get their turn (the source fires
/// again, because epoll reports levels).
///
/// Safe although `epoll_event` holds a union: only its 64-bit member is ever written or read.
@safe final class EpollPoller: Poller {
    private static let eventsMax = 256
    private static let roundsMax = 8

    private let epoll: SharedDescriptor
    private let source: any DispatchSourceRead
    private var events = unsafe [epoll_event](repeating: epoll_event(), count: eventsMax)

    init(queue: DispatchQueue, wake: @escaping @Sendable () -> Void) throws(SystemError) {
        let raw = epoll_create1(CInt(EPOLL_CLOEXEC))
        guard raw >= 0 else { throw SystemError("epoll_create1") }
        let epoll = SharedDescriptor(Descriptor(taking: raw))
        self.epoll = epoll
        source = DispatchSource.makeReadSource(fileDescriptor: raw, queue: queue)
        source.setEventHandler(handler: wake)
        // Holds the descriptor open until Dispatch has let go of it.
        source.setCancelHandler { withExtendedLifetime(epoll) {} }
        source.activate()
    }

    deinit { source.cancel() }

    func add(_ raw: CInt, as id: WatchID, interest: Readiness) throws(SystemError) {
        try control(EPOLL_CTL_ADD, raw, id, interest)
    }

    func change(_ raw: CInt, as id: WatchID, to interest: Readiness) throws(SystemError) {
        try control(EPOLL_CTL_MOD, raw, id, interest)
    }

    func remove(_ descriptor: consuming Descriptor, as id: WatchID) {
        // Closing alone would do unless the descriptor was duplicated; a child process may have done so.
        _ = epoll_ctl(epoll.descriptor.raw, EPOLL_CTL_DEL, descriptor.raw, nil)
    }

    func drain(_ deliver: (WatchID, Readiness) -> Void) {
        for _ in 0..<EpollPoller.roundsMax {
            let limit = CInt(EpollPoller.eventsMax)
            // The kernel writes at most `limit` events, which is how many there is room for.
            let count = unsafe events.withUnsafeMutableBufferPointer { room in
                unsafe epoll_wait(epoll.descriptor.raw, room.baseAddress, limit, 0)
            }
            guard count > 0 else { return }
            for index in 0..<Int(count) {
                let event = unsafe events[index]
                deliver(unsafe WatchID(packed: event.data.u64), EpollPoller.readiness(of: unsafe event.events))
            }
            if count < limit { return }
        }
    }

    private func control(_ verb: CInt, _ raw: CInt, _ id: WatchID, _ interest: Readiness) throws(SystemError) {
        var events: UInt32 = 0
        if interest.contains(.read) { events |= EPOLLIN.rawValue }
        if interest.contains(.write) { events |= EPOLLOUT.rawValue }
        var event = unsafe epoll_event()
        unsafe event.events = events
        unsafe event.data = epoll_data_t(u64: id.packed)
        // The kernel copies the event.
        guard unsafe epoll_ctl(epoll.descriptor.raw, verb, raw, &event) == 0 else { throw SystemError("epoll_ctl") }
    }

    private static func readiness(of events: UInt32) -> Readiness {
        var readiness: Readiness = []
        if events & EPOLLIN.rawValue != 0 { readiness.insert(.read) }
        if events & EPOLLOUT.rawValue != 0 { readiness.insert(.write) }
        if events & (EPOLLERR.rawValue | EPOLLHUP.rawValue) != 0 { readiness.formUnion([.read, .write, .hangup]) }
        return readiness
    }
}
#endif
