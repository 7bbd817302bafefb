/// A list that grows by blocks, so that appending never copies what is there: a list of many megabytes that doubled
/// would for a moment be held one and a half times.
///
/// Invariant: all blocks but the last hold `blockCount` elements; the last one holds at least one; `count` is their sum.
struct BlockList<Element: Sendable>: Sendable {
    private static var shift: Int { 12 }
    private static var blockCount: Int { 1 << shift }

    private(set) var count = 0
    private var blocks: [[Element]] = []

    subscript(number: Int) -> Element {
        get { blocks[number >> Self.shift][number & (Self.blockCount - 1)] }
        _modify { yield &blocks[number >> Self.shift][number & (Self.blockCount - 1)] }
    }

    mutating func append(_ element: Element) {
        let block = count >> Self.shift
        if block == blocks.count {
            var fresh: [Element] = []
            // The first grows as it must: many homes are small.
            if block > 0 { fresh.reserveCapacity(Self.blockCount) }
            blocks.append(fresh)
        }
        // In place: a block that something else held would be copied whole.
        blocks[block].append(element)
        count += 1
    }

    /// Precondition: not empty.
    mutating func removeLast() {
        count -= 1
        blocks[count >> Self.shift].removeLast()
        if count & (Self.blockCount - 1) == 0 { blocks.removeLast() }
    }
}
