import TallyIO
import TallyModel

/// Bytes in order, added at the end and taken from the front, at most `bytesMax`.
///
/// `bytes[start...]` is what is queued. Taking moves `start`; the front is cut off when it is the larger half,
/// so every byte is moved at most once more. An empty queue keeps at most `idleBytesMax` of memory, because
/// most connections are idle most of the time; its owner may lend it memory and take it back.
///
/// A queue of a peer's bytes can be told to overwrite what it took. That reaches everything, since such a queue leaves
/// no copy behind when it grows.
struct ByteQueue: ~Copyable {
    static let idleBytesMax = 1_024

    let bytesMax: Int
    private let leavesNoCopy: Bool
    private(set) var bytes: [UInt8] = []
    private(set) var start = 0

    init(bytesMax: Int, leavesNoCopy: Bool = false) {
        self.bytesMax = bytesMax
        self.leavesNoCopy = leavesNoCopy
    }

    var count: Int { bytes.count - start }
    var isEmpty: Bool { count == 0 }
    var room: Int { bytesMax - count }

    /// False, and nothing is added, if it does not fit.
    mutating func append(_ added: Span<UInt8>) -> Bool {
        guard added.count <= room else { return false }
        if leavesNoCopy, !bytes.isEmpty, bytes.capacity - bytes.count < added.count { grow(by: added.count) }
        bytes.append(copying: added)
        return true
    }

    private mutating func grow(by added: Int) {
        let size = max(count + added, 2 * count)
        var larger: [UInt8] = []
        larger.reserveCapacity(size)
        larger.append(contentsOf: bytes[start...])
        bytes.overwrite()
        bytes = larger
        start = 0
    }

    mutating func removeFirst(_ taken: Int) {
        precondition(taken >= 0 && taken <= count, "only queued bytes can be taken")
        start += taken
        if isEmpty {
            bytes.removeAll(keepingCapacity: bytes.capacity <= ByteQueue.idleBytesMax)
            start = 0
        } else if start > count {
            bytes.removeSubrange(..<start)
            start = 0
        }
    }

    /// The same, and overwrites what was taken, wherever it stood.
    mutating func wipeFirst(_ taken: Int) {
        precondition(taken >= 0 && taken <= count, "only queued bytes can be taken")
        var rest: [UInt8] = []
        rest.append(contentsOf: bytes[(start + taken)...])
        bytes.overwrite()
        bytes = rest
        start = 0
    }

    var hasMemory: Bool { bytes.capacity > 0 }

    /// Precondition: it is empty and has no memory.
    mutating func take(_ memory: consuming [UInt8]) {
        precondition(isEmpty && memory.isEmpty, "what is queued is not thrown away")
        bytes = memory
    }

    /// Precondition: it is empty.
    mutating func giveMemory() -> [UInt8] {
        precondition(isEmpty, "what is queued is not given away")
        var memory: [UInt8] = []
        swap(&memory, &bytes)
        return memory
    }

    mutating func clear() {
        bytes = []
        start = 0
    }
}
