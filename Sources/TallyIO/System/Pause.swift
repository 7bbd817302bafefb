/// Waits on the calling thread.
package enum Pause {
    package static func milliseconds(_ count: Int) { _ = Bell().wait(timeoutMs: count) }
}
