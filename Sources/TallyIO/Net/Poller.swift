import Dispatch

/// How a shard learns which of its descriptors are ready. Confined to the shard's queue.
///
/// Two ways stand behind it: `EpollPoller` (Linux: one DispatchSource for all descriptors) and
/// `SourcePoller` (anywhere: DispatchSources for each). Both report a level, not an edge: a descriptor that
/// stays ready is reported again, so a handler may stop before it has read everything.
protocol Poller: AnyObject {
    func add(_ raw: CInt, as id: WatchID, interest: Readiness) throws(SystemError)
    func change(_ raw: CInt, as id: WatchID, to interest: Readiness) throws(SystemError)
    /// Stops watching and closes the descriptor, at once or as soon as nothing refers to it.
    func remove(_ descriptor: consuming Descriptor, as id: WatchID)
    /// Calls `deliver` for what is ready now, for a bounded number of rounds.
    func drain(_ deliver: (WatchID, Readiness) -> Void)
}

/// Which of the two to use.
package enum PollerKind: Sendable, CaseIterable {
    #if os(Linux)
    case epoll
    #endif
    case sources

    package static var preferred: PollerKind {
        #if os(Linux)
        .epoll
        #else
        .sources
        #endif
    }
}

/// A descriptor that several closures hold; closed when the last of them is gone.
final class SharedDescriptor: Sendable {
    let descriptor: Descriptor
    init(_ descriptor: consuming Descriptor) { self.descriptor = descriptor }
}
