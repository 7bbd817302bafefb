/// Row numbers by request: each request's rows are a chain from the newest to the oldest.
///
/// A row that learns its request later stands in `learnt`, and stays in the chain that it was in: whoever walks one
/// compares the rows' own requests. Invariant: `slots.count` is a power of two, at least 4/3 of the chains; `previous`
/// has one entry for each row.
struct RequestChains: Sendable {
    private static let none = UInt32.max

    private struct Slot: Sendable {
        var request: UInt64 = 0
        var newest = RequestChains.none
    }

    private var slots: [Slot] = []
    private var chains = 0
    private var previous: [UInt32] = []
    private var learnt: [UInt64: UInt32] = [:]
    private var called: Set<UInt64> = []

    /// The next row, of this request; 0 is none.
    mutating func append(_ number: Int, _ request: UInt64, isCall: Bool) {
        precondition(number == previous.count, "rows come in order")
        previous.append(Self.none)
        guard request != 0 else { return }
        if isCall { called.insert(request) }
        if (chains + 1) * 4 > slots.count * 3 { grow() }
        let slot = slot(of: request)
        if slots[slot].newest == Self.none { chains += 1 }
        previous[number] = slots[slot].newest
        slots[slot] = Slot(request: request, newest: UInt32(number))
    }

    /// A row's request was not known, or another, before.
    mutating func learn(_ number: Int, _ request: UInt64) {
        if request != 0 { learnt[request] = UInt32(number) }
    }

    func hasCall(_ request: UInt64) -> Bool { called.contains(request) }

    /// The rows that were told with this request, newest first.
    func rows(of request: UInt64) -> Rows {
        guard request != 0 else { return Rows(chains: self, ahead: Self.none, last: Self.none) }
        let newest = slots.isEmpty ? Self.none : slots[slot(of: request)].newest
        return Rows(chains: self, ahead: newest, last: learnt[request] ?? Self.none)
    }

    struct Rows: Sequence, IteratorProtocol {
        fileprivate let chains: RequestChains
        fileprivate var ahead: UInt32
        fileprivate var last: UInt32

        mutating func next() -> Int? {
            if ahead != RequestChains.none {
                let number = Int(ahead)
                ahead = chains.previous[number]
                return number
            }
            guard last != RequestChains.none else { return nil }
            defer { last = RequestChains.none }
            return Int(last)
        }
    }

    /// The slot of this request, or the free one where it would stand.
    private func slot(of request: UInt64) -> Int {
        var slot = Int(truncatingIfNeeded: request &* 0x9E37_79B9_7F4A_7C15 >> 20) & (slots.count - 1)
        while slots[slot].newest != Self.none, slots[slot].request != request { slot = (slot + 1) & (slots.count - 1) }
        return slot
    }

    private mutating func grow() {
        let old = slots
        slots = [Slot](repeating: Slot(), count: max(64, old.count * 2))
        for entry in old where entry.newest != Self.none { slots[slot(of: entry.request)] = entry }
    }
}
