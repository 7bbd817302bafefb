package import Dispatch

/// Runs an actor's jobs on a queue, and knows whether the caller is on it.
package final class QueueExecutor: SerialExecutor {
    package let queue: DispatchQueue

    package init(_ queue: DispatchQueue) { self.queue = queue }

    package func enqueue(_ job: consuming ExecutorJob) {
        // The job is run exactly once, by the block that takes it.
        let job = UnownedJob(job)
        queue.async { unsafe job.runSynchronously(on: self.asUnownedSerialExecutor()) }
    }

    /// For an actor's `unownedExecutor`. The actor must hold this executor for as long as it lives.
    @safe package var reference: UnownedSerialExecutor { unsafe asUnownedSerialExecutor() }

    package func checkIsolated() { dispatchPrecondition(condition: .onQueue(queue)) }
}
