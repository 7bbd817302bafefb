import Dispatch

/// DispatchSources for each descriptor: the portable way, for systems without epoll.
///
/// Dispatch must let go of a descriptor before it is closed, so every source holds it through its cancel
/// handler, and it closes when the last handler has gone.
final class SourcePoller: Poller {
    /// The sources of one descriptor. They are made when first wanted, and suspended while not wanted.
    private struct Watch {
        var read: (any DispatchSourceRead)?
        var write: (any DispatchSourceWrite)?
        var interest: Readiness = []
    }

    private let queue: DispatchQueue
    private let wake: @Sendable (WatchID, Readiness) -> Void
    private var watches: [WatchID: Watch] = [:]

    init(queue: DispatchQueue, wake: @escaping @Sendable (WatchID, Readiness) -> Void) {
        self.queue = queue
        self.wake = wake
    }

    deinit {
        for watch in watches.values { SourcePoller.cancel(watch, holding: nil) }
    }

    func add(_ raw: CInt, as id: WatchID, interest: Readiness) throws(SystemError) {
        watches[id] = Watch()
        try change(raw, as: id, to: interest)
    }

    func change(_ raw: CInt, as id: WatchID, to interest: Readiness) throws(SystemError) {
        guard var watch = watches[id], watch.interest != interest else { return }
        let wake = self.wake
        if interest.contains(.read), !watch.interest.contains(.read) {
            if let source = watch.read {
                source.resume()
            } else {
                let source = DispatchSource.makeReadSource(fileDescriptor: raw, queue: queue)
                source.setEventHandler { wake(id, .read) }
                source.activate()
                watch.read = source
            }
        } else if !interest.contains(.read), watch.interest.contains(.read) {
            watch.read?.suspend()
        }
        if interest.contains(.write), !watch.interest.contains(.write) {
            if let source = watch.write {
                source.resume()
            } else {
                let source = DispatchSource.makeWriteSource(fileDescriptor: raw, queue: queue)
                source.setEventHandler { wake(id, .write) }
                source.activate()
                watch.write = source
            }
        } else if !interest.contains(.write), watch.interest.contains(.write) {
            watch.write?.suspend()
        }
        watch.interest = interest
        watches[id] = watch
    }

    func remove(_ descriptor: consuming Descriptor, as id: WatchID) {
        let shared = SharedDescriptor(descriptor)
        guard let watch = watches.removeValue(forKey: id) else { return }
        SourcePoller.cancel(watch, holding: shared)
    }

    /// Nothing to ask: every source calls `wake` itself.
    func drain(_ deliver: (WatchID, Readiness) -> Void) {}

    private static func cancel(_ watch: Watch, holding shared: SharedDescriptor?) {
        if let source = watch.read {
            source.setCancelHandler { withExtendedLifetime(shared) {} }
            source.cancel()
            // A suspended source never runs its cancel handler.
            if !watch.interest.contains(.read) { source.resume() }
        }
        if let source = watch.write {
            source.setCancelHandler { withExtendedLifetime(shared) {} }
            source.cancel()
            if !watch.interest.contains(.write) { source.resume() }
        }
    }
}
