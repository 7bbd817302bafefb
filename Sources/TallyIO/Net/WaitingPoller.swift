#if os(Linux)
import CPlatform
import Glibc

/// An epoll descriptor for a thread that waits itself, to the nanosecond: for a load generator, whose instants a queue's
/// timers would blur. Programs that serve use a `Shard`.
///
/// Readiness is a level, as with `Poller`. Owners are told by the number they gave; a descriptor that is closed leaves by
/// itself.
///
/// Safe although `epoll_event` holds a union: only its 64-bit member is ever written or read.
@safe package final class WaitingPoller {
    private static let eventsMax = 512

    private let epoll: Descriptor
    private var events = unsafe [epoll_event](repeating: epoll_event(), count: eventsMax)

    /// It ignores SIGPIPE for the process, as a shard does: a write to a connection that the peer has closed must be an
    /// error of that connection.
    package init() throws(SystemError) {
        _ = signal(SIGPIPE, SIG_IGN)
        let raw = epoll_create1(CInt(EPOLL_CLOEXEC))
        guard raw >= 0 else { throw SystemError("epoll_create1") }
        epoll = Descriptor(taking: raw)
    }

    package func add(_ raw: CInt, as number: Int, interest: Readiness) throws(SystemError) {
        try control(EPOLL_CTL_ADD, raw, number, interest)
    }

    package func change(_ raw: CInt, as number: Int, to interest: Readiness) throws(SystemError) {
        try control(EPOLL_CTL_MOD, raw, number, interest)
    }

    /// Waits until something is ready or `nanoseconds` have passed, and calls `deliver` for what is ready, at most 512 a
    /// call. Says how many that were.
    @discardableResult
    package func wait(atMost nanoseconds: Int64, _ deliver: (Int, Readiness) -> Void) -> Int {
        let limit = CInt(WaitingPoller.eventsMax)
        // The kernel writes at most `limit` events, which is how many there is room for.
        let count = unsafe events.withUnsafeMutableBufferPointer { room in
            unsafe tally_epoll_wait_ns(epoll.raw, room.baseAddress, limit, max(0, nanoseconds))
        }
        guard count > 0 else { return 0 }
        for index in 0..<Int(count) {
            let event = unsafe events[index]
            let flags = unsafe event.events
            var readiness: Readiness = []
            if flags & EPOLLIN.rawValue != 0 { readiness.insert(.read) }
            if flags & EPOLLOUT.rawValue != 0 { readiness.insert(.write) }
            if flags & (EPOLLERR.rawValue | EPOLLHUP.rawValue) != 0 { readiness.formUnion([.read, .write, .hangup]) }
            deliver(Int(truncatingIfNeeded: unsafe event.data.u64), readiness)
        }
        return Int(count)
    }

    private func control(_ verb: CInt, _ raw: CInt, _ number: Int, _ interest: Readiness) throws(SystemError) {
        var flags: UInt32 = 0
        if interest.contains(.read) { flags |= EPOLLIN.rawValue }
        if interest.contains(.write) { flags |= EPOLLOUT.rawValue }
        var event = unsafe epoll_event()
        unsafe event.events = flags
        unsafe event.data = epoll_data_t(u64: UInt64(truncatingIfNeeded: number))
        // The kernel copies the event.
        guard unsafe epoll_ctl(epoll.raw, verb, raw, &event) == 0 else { throw SystemError("epoll_ctl") }
    }
}
#endif
