import TallyIO
import TallyTransport
import Testing

/// What a channel leaves in the shard's read buffer, which all connections of a shard share.
@Suite("Wiping", .serialized) struct WipingTests {
    private static let text = Array("a text that nobody is to see again".utf8)

    enum Handling: CaseIterable { case accepts, refuses, closes, keeps }

    /// What the read buffer holds once the connection is gone.
    private func leavings(_ handling: Handling, pieces: Int) throws -> [UInt8] {
        let rig = try Rig { log in
            let handler = Scripted(log)
            handler.onReceived = { bytes, channel in
                guard bytes.count >= Self.text.count else { return 0 }
                switch handling {
                case .accepts: return bytes.count
                case .refuses:
                    channel.wipeReceived()
                    return bytes.count
                case .closes:
                    channel.close(.refused)
                    return bytes.count
                case .keeps: return 0
                }
            }
            return handler
        }
        let log = try rig.dial { handler, loop in
            handler.onOpened = { channel in
                let size = (Self.text.count + pieces - 1) / pieces
                for piece in 0..<pieces {
                    _ = loop.after(.milliseconds(10 * Int64(piece))) {
                        channel.send(Array(Self.text[(piece * size)..<min((piece + 1) * size, Self.text.count)]))
                    }
                }
                _ = loop.after(.milliseconds(10 * Int64(pieces) + 20)) { channel.close() }
            }
        }
        _ = log.wait(for: 2)
        #expect(eventually { rig.count.current == 0 })
        let buffers = Log<[UInt8]>()
        for shard in rig.shards {
            shard.sync { loop in
                let buffer = loop.takeScratch(count: 0)
                buffers.add(buffer)
                loop.returnScratch(buffer)
            }
        }
        return buffers.wait(for: rig.shards.count).flatMap { $0 }
    }

    private func holdsText(_ bytes: [UInt8]) -> Bool {
        let piece = Self.text.prefix(12)
        return bytes.indices.contains { bytes[$0...].starts(with: piece) }
    }

    @Test("What a handler refuses, closes for or never had whole is overwritten", arguments: Handling.allCases, [1, 3])
    func refused(_ handling: Handling, pieces: Int) throws {
        let left = try leavings(handling, pieces: pieces)
        if handling == .accepts {
            // The control, for what came in one piece: nothing is wiped on the way of what is accepted.
            if pieces == 1 { #expect(holdsText(left)) }
        } else {
            #expect(!left.isEmpty && left.allSatisfy { $0 == 0 })
        }
    }
}
