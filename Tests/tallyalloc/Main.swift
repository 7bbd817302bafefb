import AllocationCount
import TallyGateway
import TallyHash
import TallyIO
import TallyLog
import TallyModel
import TallyPricing
import TallyProtocol
import TallyRollup
import TallyStorage
import TallyWire
import TestDisk

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// What a batch costs in memory asked for, once everything has its size: through the connection's machine, through the
/// ledger's appender, and its acknowledgement; and what a refused frame costs, which is nothing. Counted by an allocator in front of the C library's, in the program as it
/// is shipped; ends with 1 where a figure is over its bound.
@main
enum Main {
    private static let rounds = 400
    private static let warmUp = 100
    /// Batches that a shard hands over at once.
    private static let perDelivery = 20

    static func main() {
        do {
            try count()
        } catch {
            print("tallyalloc: \(error)")
            exit(1)
        }
    }

    private static func count() throws {
        guard tally_counts_allocations() != 0 else { return print("allocations are not counted on this system") }
        let (frames, cursors) = try batches()
        let rig = try Rig()
        var counts = Counts()
        try rig.run(frames, cursors, warmUp: warmUp, perDelivery: perDelivery, into: &counts)
        print(
            "allocations in \(rounds) batches of 100 events: \(counts.receiving) received,",
            "\(counts.handing) handed over, \(counts.appending) appended, \(counts.acknowledging) acknowledged")
        // A delivery brings a list of commands and a piece of memory for their bodies, which the next ones are as large as.
        let deliveries = UInt(rounds / perDelivery)
        guard counts.receiving == 0, counts.acknowledging == 0, counts.handing <= 4 * deliveries,
            counts.appending <= deliveries
        else { throw Rig.Unfit("too many allocations") }
        try Refusals().count()
    }

    struct Counts {
        var receiving: UInt = 0
        var handing: UInt = 0
        var appending: UInt = 0
        var acknowledging: UInt = 0
    }

    /// What a busy workstation sends: eight sessions, two models.
    private static func batches() throws -> (frames: [[UInt8]], cursors: [GatewaySession.Cursor]) {
        var encoder = BatchEncoder()
        var frames: [[UInt8]] = []
        var cursors = [GatewaySession.Cursor(sequence: .zero, chain: Chain.initial(Rig.stream))]
        for round in 0..<warmUp + rounds {
            var events: [Event] = []
            for index in 0..<100 {
                let number = UInt64((round + index) % 8 + 1)
                guard let session = SessionID(Bytes16(high: 7, low: number)),
                    let model = Label(number % 2 == 0 ? "claude-opus-4-5" : "claude-haiku-4-5-20251001")
                else { throw Rig.Unfit("a session and a model") }
                var event = Event(
                    timeMs: Rig.startMs - Int64(index), session: session, agent: .claudeCode, model: model)
                event.inputTokens = UInt32(round * 100 + index)
                event.cacheReadTokens = UInt32(index * 1_000)
                event.outputTokens = UInt32(index)
                events.append(event)
            }
            let last = cursors[cursors.count - 1]
            let encoded = try encoder.encode(events.span, after: last.chain)
            frames.append(
                FrameCodec.encode(.batch(encoder.frame(encoded, first: last.sequence.advanced(by: 1)))))
            cursors.append(
                GatewaySession.Cursor(sequence: last.sequence.advanced(by: 100), chain: encoded.chainAfter))
        }
        return (frames, Array(cursors.dropFirst()))
    }
}
