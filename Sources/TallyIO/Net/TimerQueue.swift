/// Names one timer of a shard; stale once it fired or was cancelled.
package struct TimerID: Hashable, Sendable {
    let number: UInt64
}

/// A shard's timers: a binary heap of deadlines and the callbacks beside it.
///
/// Cancelling removes the callback and leaves its deadline in the heap; when more than half of the heap is
/// such leftovers it is rebuilt, so `heap.count <= 2 * callbacks.count + 64` after every operation. A
/// connection should keep one timer and look at its last activity when it fires, not reset it at each message.
struct TimerQueue {
    /// Six timers for each connection that the gateway may hold, were all of them on one shard.
    static let timersMax = 1 << 17

    private struct Entry {
        let atNanoseconds: UInt64
        let id: TimerID
    }

    /// A function in a dictionary is wrapped in an object of its own; in a value it is not.
    private struct Callback {
        let run: () -> Void
    }

    private var heap: [Entry] = []
    private var callbacks: [TimerID: Callback] = [:]
    private var lastNumber: UInt64 = 0

    var count: Int { callbacks.count }
    var heapCount: Int { heap.count }

    /// The earliest deadline that still matters.
    mutating func nextDeadline() -> UInt64? {
        while let first = heap.first {
            if callbacks[first.id] != nil { return first.atNanoseconds }
            removeFirst()
        }
        return nil
    }

    mutating func add(atNanoseconds: UInt64, _ callback: @escaping () -> Void) -> TimerID {
        precondition(callbacks.count < TimerQueue.timersMax, "a shard holds at most 131,072 timers")
        lastNumber += 1
        let id = TimerID(number: lastNumber)
        callbacks[id] = Callback(run: callback)
        heap.append(Entry(atNanoseconds: atNanoseconds, id: id))
        siftUp(heap.count - 1)
        return id
    }

    mutating func cancel(_ id: TimerID) {
        guard callbacks.removeValue(forKey: id) != nil else { return }
        if heap.count > 2 * callbacks.count + 64 { rebuild() }
    }

    /// Takes the callback of the earliest timer if it is due.
    mutating func takeDue(nowNanoseconds: UInt64) -> (() -> Void)? {
        guard let deadline = nextDeadline(), deadline <= nowNanoseconds else { return nil }
        let id = removeFirst()
        return callbacks.removeValue(forKey: id)?.run
    }

    private mutating func rebuild() {
        let kept = heap.filter { callbacks[$0.id] != nil }
        heap = kept.sorted { $0.atNanoseconds < $1.atNanoseconds }
    }

    @discardableResult
    private mutating func removeFirst() -> TimerID {
        let id = heap[0].id
        heap.swapAt(0, heap.count - 1)
        heap.removeLast()
        siftDown(0)
        return id
    }

    private mutating func siftUp(_ start: Int) {
        var index = start
        while index > 0 {
            let parent = (index - 1) / 2
            guard heap[index].atNanoseconds < heap[parent].atNanoseconds else { return }
            heap.swapAt(index, parent)
            index = parent
        }
    }

    private mutating func siftDown(_ start: Int) {
        var index = start
        while true {
            var least = index
            for child in [2 * index + 1, 2 * index + 2]
            where child < heap.count && heap[child].atNanoseconds < heap[least].atNanoseconds {
                least = child
            }
            guard least != index else { return }
            heap.swapAt(index, least)
            index = least
        }
    }
}
