import Dispatch

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// Turns SIGTERM and SIGINT into calls on a queue of its own, for as long as it lives.
package final class StopSignals {
    private let sources: [any DispatchSourceSignal]

    package init(_ asked: @escaping @Sendable () -> Void) {
        let queue = DispatchQueue(label: "tally.signals")
        sources = [SIGTERM, SIGINT].map { number in
            // The default action would end the process before the source hears of it.
            _ = signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: queue)
            source.setEventHandler { asked() }
            source.activate()
            return source
        }
    }

    deinit {
        for source in sources { source.cancel() }
    }
}
