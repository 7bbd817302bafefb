/// How many of a shard's connections send at present: the different ones that a shard's last thousand batches came from.
/// Connections that are silent do not count, however many they are.
struct SenderCensus {
    /// In batches.
    static let period = 1_024

    /// Of the last full period; 0 in the first.
    private(set) var senders = 0
    private var seen = 0
    private var batches = 0
    /// Never 0, with which a connection begins.
    private var number: UInt8 = 1

    /// A batch came. `mark`: the connection's own, the period in which it was last counted. One that was silent for a
    /// multiple of 255 periods is not counted again: the census is one short then.
    mutating func count(_ mark: inout UInt8) {
        if mark != number {
            mark = number
            seen += 1
        }
        batches += 1
        guard batches == Self.period else { return }
        senders = seen
        seen = 0
        batches = 0
        number = number == .max ? 1 : number + 1
    }
}
