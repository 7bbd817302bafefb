/// One case: what a workstation does, step by step. Everything that a run decides (stream, token, where the stream stands,
/// chain values) is named and not fixed, so that a case means the same against every gateway and at every time.
package struct Script: Hashable, Sendable {
    package var family: Family
    package var seed: UInt64
    package var number: Int
    package var steps: [Step]

    package init(family: Family, seed: UInt64, number: Int, steps: [Step]) {
        self.family = family
        self.seed = seed
        self.number = number
        self.steps = steps
    }

    /// It begins where a case before it has left a clean session.
    package var canShare: Bool { steps.first == .open(.session) }

    /// Bytes that it spells out: what shrinking makes fewer.
    package var weight: Int {
        steps.reduce(steps.count) { sum, step in
            switch step {
            case .send(let recipe): sum + recipe.weight
            case .raw(let bytes): sum + bytes.count
            default: sum
            }
        }
    }
}

/// How a connection begins.
package enum Opening: String, CaseIterable, Hashable, Sendable {
    /// TLS, HELLO, WELCOME.
    case session
    /// TLS, and nothing said.
    case secure
    /// TCP alone.
    case plain
    /// TLS that offers another application protocol.
    case foreign
}

package enum Step: Hashable, Sendable {
    /// A new connection becomes the present one; the one before stays.
    case open(Opening)
    case send(FrameRecipe)
    /// The same bytes as the frame sent so many frames ago; 1 is the last.
    case again(Int)
    /// Bytes on a connection without TLS.
    case raw([UInt8])
    /// Waits until everything that is owed has come.
    case settle
    /// Ends the present connection without a word; of a session what is in flight stays unheard.
    case hangUp
    /// Waits so many milliseconds.
    case pause(Int)
}

/// A frame, field by field.
package struct FrameRecipe: Hashable, Sendable {
    package enum Length: Hashable, Sendable {
        /// So much more than its bytes are.
        case off(Int)
        case exactly(UInt32)
    }

    package enum Delivery: Hashable, Sendable {
        case whole
        /// Only the first so many bytes.
        case cut(Int)
        /// In two parts, with a pause between them.
        case split(Int)
        /// Byte by byte.
        case drip
    }

    /// A byte changed once everything else is worked out.
    package struct Edit: Hashable, Sendable {
        /// Taken modulo the frame's bytes.
        package var at: Int
        package var xor: UInt8

        package init(at: Int, xor: UInt8) {
            self.at = at
            self.xor = xor
        }
    }

    package var type: UInt8
    package var flags: UInt8 = 0
    package var length = Length.off(0)
    package var parts: [Part]
    package var edits: [Edit] = []
    package var delivery = Delivery.whole

    package init(_ type: UInt8, flags: UInt8 = 0, _ parts: [Part]) {
        self.type = type
        self.flags = flags
        self.parts = parts
    }

    var weight: Int {
        parts.reduce(8 + edits.count) { sum, part in
            if case .bytes(let bytes) = part { sum + bytes.count } else { sum + 8 }
        }
    }
}

/// A field: its bytes, or what they are to be.
package enum Part: Hashable, Sendable {
    case bytes([UInt8])
    /// So many bytes wide, at most eight.
    case number(UInt64, Int)
    /// The next event's sequence, and so much.
    case next(Int64)
    /// The sequence acknowledged, and so much.
    case committed(Int64)
    /// A BATCH's `raw_bytes`: its body's length, and so much.
    case rawBytes(Int64)
    /// A BATCH's control totals as its body gives them, and so much.
    case tokens(Int64)
    case reported(Int64)
    /// The chain value after the events of this BATCH, changed by an exclusive or.
    case chain(UInt64)
    /// The chain value at committed.
    case committedChain(UInt64)
    /// Both running totals at committed.
    case totals
    case stream
    /// Now, and so many milliseconds.
    case clock(Int64)
    /// The store epoch that the last WELCOME told.
    case epoch(UInt64)
    /// With its length; its last byte changed by an exclusive or.
    case token(UInt8)
}
