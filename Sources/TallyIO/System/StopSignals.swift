import Dispatch

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// SIGTERM and SIGINT as a wish to stop, for as long as this value lives.
///
/// Their default action is switched off, and a Dispatch source sees them on a queue of its own. They are blocked in the
/// thread that makes this value. Unblocked, it would run Dispatch's own handler, which blocks the signal and raises it
/// again; and the thread sanitizer puts that handler off for as long as the thread waits, which may be for ever.
package final class StopSignals {
    private let sources: [any DispatchSourceSignal]
    private let semaphore: DispatchSemaphore

    /// Calls `asked` for each signal that comes.
    package init(_ asked: @escaping @Sendable () -> Void = {}) {
        var set = sigset_t()
        // `set` lives for these calls, which only write to and read from it.
        unsafe sigemptyset(&set)
        unsafe sigaddset(&set, SIGTERM)
        unsafe sigaddset(&set, SIGINT)
        unsafe pthread_sigmask(SIG_BLOCK, &set, nil)
        let queue = DispatchQueue(label: "tally.signals")
        let semaphore = DispatchSemaphore(value: 0)
        self.semaphore = semaphore
        sources = [SIGTERM, SIGINT].map { number in
            _ = signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: queue)
            source.setEventHandler { @Sendable in
                asked()
                semaphore.signal()
            }
            source.activate()
            return source
        }
    }

    deinit {
        for source in sources { source.cancel() }
    }

    /// Blocks this thread until one of them comes.
    package func wait() { semaphore.wait() }
}
