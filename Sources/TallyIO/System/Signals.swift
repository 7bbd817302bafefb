import Dispatch

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// SIGTERM and SIGINT as a wish to stop.
///
/// A parent may have blocked them (a process started from a Dispatch thread inherits its mask), so they are unblocked
/// first; their default action is switched off, and a Dispatch source sees them.
package final class StopSignals {
    private let sources: [any DispatchSourceSignal]
    private let semaphore: DispatchSemaphore

    package init() {
        var set = sigset_t()
        // `set` lives for these calls, which only write to and read from it.
        unsafe sigemptyset(&set)
        unsafe sigaddset(&set, SIGTERM)
        unsafe sigaddset(&set, SIGINT)
        unsafe pthread_sigmask(SIG_UNBLOCK, &set, nil)
        let queue = DispatchQueue(label: "tally.signals")
        let semaphore = DispatchSemaphore(value: 0)
        self.semaphore = semaphore
        sources = [SIGTERM, SIGINT].map { number in
            _ = signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: queue)
            source.setEventHandler { @Sendable in semaphore.signal() }
            source.activate()
            return source
        }
    }

    /// Blocks this thread until one of them comes.
    package func wait() { semaphore.wait() }
}
