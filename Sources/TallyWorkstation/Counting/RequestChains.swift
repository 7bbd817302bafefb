/// Finds the rows of one request, or of one session's counter rows: each request's rows are a chain from the newest to
/// the oldest. For telemetry, which names no message.
///
/// The rows lie with the owner, who hands them in. Invariant: a row whose request is not 0 is in the chain of that request
/// and in no other, behind all newer rows of it; `previous` has one entry for each row; `slots.count` is a power of two,
/// at least 4/3 of `used`; a slot that names a chain's newest row says whether a call is among its rows.
struct RequestChains: Sendable {
    /// No row, and a slot that was never used.
    private static let none = UInt32.max
    /// A slot whose chain has lost its last row.
    private static let dead = UInt32.max - 1
    private static let callBit: UInt32 = 1 << 31
    private static let numberBits = UInt32(RequestTable.rowsMax - 1)
    private static let slotsMin = 64

    private var slots: [UInt32] = []
    /// Slots that are not `none`.
    private var used = 0
    private var previous = BlockList<UInt32>()

    /// Chains of all rows.
    init(_ rows: RequestRows) {
        for _ in rows.indices { previous.append(Self.none) }
        rebuild(rows, room: Self.slotsMin)
    }

    /// The row behind all others has come.
    mutating func append(_ number: Int, _ rows: RequestRows) {
        precondition(number == previous.count, "rows come in order")
        previous.append(Self.none)
        insert(number, rows)
    }

    /// A row has a request now; it is in no chain.
    mutating func insert(_ number: Int, _ rows: RequestRows) {
        let head = rows.head(number)
        guard head.request != 0 else { return }
        if (used + 1) * 4 > slots.count * 3 { return rebuild(rows, room: slots.count * 2) }
        link(number, head, rows)
    }

    /// Takes a row out of the chain of the request that it still has.
    mutating func remove(_ number: Int, _ rows: RequestRows) {
        let head = rows.head(number)
        guard head.request != 0, let slot = find(head.request, rows) else { return }
        let newest = Int(slots[slot] & Self.numberBits)
        if newest == number {
            slots[slot] = previous[number] == Self.none ? Self.dead : previous[number] | slots[slot] & Self.callBit
        } else {
            var newer = newest
            while previous[newer] != UInt32(number) { newer = Int(previous[newer]) }
            previous[newer] = previous[number]
        }
        previous[number] = Self.none
        guard head.isCall, slots[slot] != Self.dead else { return }
        let rest = slots[slot] & Self.numberBits
        slots[slot] = rest | (hasCall(from: rest, rows) ? Self.callBit : 0)
    }

    func hasCall(_ request: UInt64, _ rows: RequestRows) -> Bool {
        guard request != 0, let slot = find(request, rows) else { return false }
        return slots[slot] & Self.callBit != 0
    }

    /// The newest call's row of this request, or else its newest row.
    func newest(of request: UInt64, _ rows: RequestRows) -> Int? {
        guard request != 0, let slot = find(request, rows) else { return nil }
        let newest = slots[slot] & Self.numberBits
        guard slots[slot] & Self.callBit != 0 else { return Int(newest) }
        var number = newest
        while number != Self.none, !rows.head(Int(number)).isCall { number = previous[Int(number)] }
        return Int(number == Self.none ? newest : number)
    }

    /// All rows of this request, newest first.
    func forEach(of request: UInt64, _ rows: RequestRows, _ body: (Int) -> Void) {
        guard request != 0, let slot = find(request, rows) else { return }
        var number = slots[slot] & Self.numberBits
        while number != Self.none {
            body(Int(number))
            number = previous[Int(number)]
        }
    }

    // MARK: Helpers

    private func home(_ request: UInt64) -> Int {
        Int(truncatingIfNeeded: (request &* 0x9E37_79B9_7F4A_7C15) >> 32) & (slots.count - 1)
    }

    /// The slot of this request's chain.
    private func find(_ request: UInt64, _ rows: RequestRows) -> Int? {
        var slot = home(request)
        while slots[slot] != Self.none {
            if slots[slot] != Self.dead, rows.head(Int(slots[slot] & Self.numberBits)).request == request {
                return slot
            }
            slot = (slot + 1) & (slots.count - 1)
        }
        return nil
    }

    private func hasCall(from newest: UInt32, _ rows: RequestRows) -> Bool {
        var number = newest
        while number != Self.none {
            if rows.head(Int(number)).isCall { return true }
            number = previous[Int(number)]
        }
        return false
    }

    /// Precondition: there is a free slot.
    private mutating func link(_ number: Int, _ head: RequestRows.Head, _ rows: RequestRows) {
        let call = head.isCall ? Self.callBit : 0
        guard let slot = find(head.request, rows) else {
            var slot = home(head.request)
            while slots[slot] != Self.none { slot = (slot + 1) & (slots.count - 1) }
            slots[slot] = UInt32(number) | call
            used += 1
            return
        }
        let newest = slots[slot] & Self.numberBits
        if newest < UInt32(number) {
            previous[number] = newest
            slots[slot] = UInt32(number) | slots[slot] & Self.callBit | call
            return
        }
        var newer = Int(newest)
        while previous[newer] != Self.none, previous[newer] > UInt32(number) { newer = Int(previous[newer]) }
        previous[number] = previous[newer]
        previous[newer] = UInt32(number)
        slots[slot] |= call
    }

    /// Chains all rows anew, over at least `room` slots.
    private mutating func rebuild(_ rows: RequestRows, room: Int) {
        var room = room
        repeat {
            // The old slots go before the new ones come.
            slots = []
            slots = [UInt32](repeating: Self.none, count: room)
            used = 0
            room *= 2
        } while !relink(rows)
    }

    /// False if there are not slots enough.
    private mutating func relink(_ rows: RequestRows) -> Bool {
        for number in rows.indices {
            previous[number] = Self.none
            let head = rows.head(number)
            guard head.request != 0 else { continue }
            if (used + 1) * 4 > slots.count * 3 { return false }
            link(number, head, rows)
        }
        return true
    }
}
