/// What must hold in every world, whatever happens: docs/DURABILITY.md states each in a user's words.
package enum Invariant: String, CaseIterable, Sendable {
    case i1 = "I1 every event is counted exactly once"
    case i2 = "I2 generated = ledger + gaps + unacknowledged spool + dead letters"
    case i3 = "I3 an ACK survives a loss of power"
    case i4 = "I4 so does what a WELCOME said"
    case i5 = "I5 committed sequence and totals never go back within an epoch"
    case i6 = "I6 ledger and gaps cover 1 to committed without hole or overlap"
    case i7 = "I7 the chain over decoded rows is the stored one and the workstation's"
    case i8 = "I8 the views are what the ledger adds up to"
    case i9 = "I9 no byte of one tenant is in another's files, replies or logs"
    case i10 = "I10 encoding what was decoded gives the same bytes"
    case i11 = "I11 a superseded connection appends nothing"
    case i12 = "I12 bytes in flight are within credit, credit within the budget"
    case i13 = "I13 when faults stop everything drains, and one poisoned event delays nobody"
    case i14 = "I14 every discard is counted and visible"
    case i15 = "I15 the same seed gives the same trace"
    case i16 = "I16 after a restore the kept segments give everything back"
    case i17 = "I17 a deleted tenant leaves no byte"

    package var title: String { rawValue }
}

/// An invariant that did not hold.
package struct Violation: Error, Hashable, Sendable, CustomStringConvertible {
    package let invariant: Invariant
    package let at: UInt64
    package let text: String

    package var description: String { "\(invariant.title)\n  at \(Trace.stamp(at)): \(text)" }
}

extension World {
    /// Notes the first invariant that breaks; the run ends with it.
    func violate(_ invariant: Invariant, _ text: @autoclosure () -> String) {
        guard violation == nil else { return }
        violation = Violation(invariant: invariant, at: now, text: text())
    }
}
