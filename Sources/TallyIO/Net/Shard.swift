import Dispatch

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// One serial queue with the connections that live on it: the way in from other queues.
///
/// Everything of a connection is touched on its shard's queue only, and the compiler holds us to it. `Shard`
/// is Sendable and may be kept anywhere; it opens onto a `ShardLoop`, which is not Sendable, and neither are
/// the handlers, channels and buffers behind it: none of them can be captured by a closure that another queue
/// runs. The tie between the two is this actor, whose executor is the queue itself. Work on the queue enters
/// through `assumeIsolated`, once for a round of events, so no event pays for an actor hop, and nothing needs
/// `@unchecked Sendable` or a lock.
package actor Shard {
    package nonisolated let name: String
    private nonisolated let executor: QueueExecutor
    private let loop: ShardLoop

    package nonisolated var unownedExecutor: UnownedSerialExecutor {
        // The executor lives as long as the actor, which holds it.
        unsafe executor.asUnownedSerialExecutor()
    }

    /// Starts a shard. It ignores SIGPIPE for the process: a write to a connection that the peer has closed
    /// must be an error of that connection.
    package init(name: String, poller kind: PollerKind = .preferred) throws(SystemError) {
        _ = signal(SIGPIPE, SIG_IGN)
        let queue = DispatchQueue(label: "tally.shard.\(name)", qos: .userInitiated)
        let door = ShardDoor()
        self.name = name
        executor = QueueExecutor(queue)
        let poller: any Poller
        switch kind {
        #if os(Linux)
        case .epoll:
            poller = try EpollPoller(queue: queue) { door.enter { loop in loop.drain() } }
        #endif
        case .sources:
            poller = SourcePoller(queue: queue) { id, readiness in
                door.enter { loop in loop.deliver(id, readiness) }
            }
        }
        loop = ShardLoop(queue: queue, poller: poller, door: door)
        door.open(onto: self)
    }

    /// Runs `body` on the shard's queue, soon. This is how other queues hand a value over: capture the value
    /// (it must be Sendable), and reach the connection through its `ShardReference`.
    package nonisolated func async(_ body: @escaping @Sendable (ShardLoop) -> Void) {
        executor.queue.async { self.enter(body) }
    }

    /// Runs `body` on the shard's queue and waits. For starting, stopping and tests: never from a shard's queue.
    package nonisolated func sync<Result: Sendable>(_ body: @Sendable (ShardLoop) -> Result) -> Result {
        executor.queue.sync {
            self.assumeIsolated { shard in
                let result = body(shard.loop)
                shard.loop.endRound()
                return result
            }
        }
    }

    /// Stops the program if the caller is not on this shard's queue.
    package nonisolated func preconditionOnQueue() {
        dispatchPrecondition(condition: .onQueue(executor.queue))
    }

    /// The caller is on the queue: opens the loop to `body`, then ends the round.
    nonisolated func enter(_ body: @Sendable (ShardLoop) -> Void) {
        assumeIsolated { shard in
            body(shard.loop)
            shard.loop.endRound()
        }
    }
}
