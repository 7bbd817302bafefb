import TallyIO
import TallyModel

/// Refused bytes do not stay: what a handler refuses is overwritten in the two places where a channel has plaintext,
/// the shard's read buffer and what it keeps of an unfinished unit. What is accepted costs nothing by it.
extension SecureChannel {
    /// Asked for by a handler in `received`: what it was shown is overwritten once the call has returned. Closing from
    /// there asks for it too.
    package func wipeReceived() { isWipeAsked = true }

    var isToBeWiped: Bool { isWipeAsked || !isOpen }

    /// Whether the turn that ends now leaves something to overwrite.
    func takeWipe() -> Bool {
        defer { isWipeAsked = false }
        return isToBeWiped
    }

    /// Overwrites in place, since a buffer that somebody else holds too would be copied for it, and the copy wiped.
    func giveBack(_ buffer: inout [UInt8], wiped: Bool) {
        if wiped { buffer.overwrite() }
        var given: [UInt8] = []
        swap(&given, &buffer)
        loop.returnScratch(given)
    }

    /// Of a channel that ends: what came of a unit that was never finished, here and in the read buffer.
    func wipeUnfinished(_ incoming: inout ByteQueue) {
        if !incoming.isEmpty {
            incoming.wipeFirst(incoming.count)
            loop.wipeScratch()
        }
        incoming.clear()
    }
}
