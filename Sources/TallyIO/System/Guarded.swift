#if TALLY_SANITIZES_THREADS
import Dispatch
import Synchronization

/// A value behind a lock, as the thread sanitizer can see it.
///
/// `Mutex` is taken inside the standard library, which is not instrumented, so the sanitizer reports what it guards as
/// races. Here a semaphore, which it knows, is taken around it. The Makefile sets the flag for that build alone.
package struct Guarded<Value: ~Copyable>: ~Copyable, Sendable {
    private let mutex: Mutex<Value>
    private let seen = DispatchSemaphore(value: 1)

    package init(_ value: consuming sending Value) { mutex = Mutex(value) }

    package borrowing func withLock<Result: ~Copyable, Failure: Error>(
        _ body: (inout sending Value) throws(Failure) -> sending Result
    ) throws(Failure) -> sending Result {
        seen.wait()
        defer { seen.signal() }
        return try mutex.withLock(body)
    }
}
#else
package import Synchronization

/// A value behind a lock.
package typealias Guarded = Mutex
#endif
