import TallyModel

/// Finds whole frames in buffered bytes; holds no bytes itself and never asks for more than one frame needs.
///
/// ```
/// | u32 length | u8 type | u8 flags | body, length - 2 bytes |
/// ```
/// The length, the type, its direction and its flags are checked as soon as they are there, before memory is
/// spent on the body.
package struct FrameReader: Sendable {
    package enum Side: Hashable, Sendable { case gateway, workstation }

    /// Until the gateway has accepted a HELLO frames are short.
    package enum Phase: Hashable, Sendable {
        case hello, open
        package var frameBytesMax: Int { self == .hello ? Limits.helloFrameBytesMax : Limits.frameBytesMax }
    }

    package enum Step: Hashable, Sendable {
        /// So many bytes beyond those buffered are needed at least: to the end of the header, then of the frame.
        case needMore(Int)
        case frame(FrameSlice)
        /// The peer's mistake: GOAWAY(PROTOCOL), and the connection ends.
        case refused(FrameRefusal)
    }

    package static let headerBytes = 6

    /// Who reads.
    package let side: Side
    package var phase: Phase = .hello

    package init(side: Side) { self.side = side }

    /// The frame that begins at `start` of `bytes`.
    package func next(in bytes: Span<UInt8>, from start: Int = 0) -> Step {
        let held = bytes.count - start
        guard held >= Self.headerBytes else { return .needMore(Self.headerBytes - held) }
        let length =
            Int(bytes[start]) | Int(bytes[start + 1]) << 8 | Int(bytes[start + 2]) << 16 | Int(bytes[start + 3]) << 24
        guard length >= 2 else { return .refused(.lengthBelowMin) }
        guard length <= phase.frameBytesMax else { return .refused(.lengthAboveMax) }
        guard let type = FrameType(rawValue: bytes[start + 4]) else { return .refused(.unknownType) }
        guard type.travels(to: side) else { return .refused(.wrongDirection) }
        let flags = bytes[start + 5]
        guard flags & ~type.flags == 0 else { return .refused(.undefinedFlag) }
        let end = start + 4 + length
        guard bytes.count >= end else { return .needMore(end - bytes.count) }
        return .frame(FrameSlice(type: type, flags: flags, body: start + Self.headerBytes..<end))
    }
}

/// Where a whole frame stands in the buffered bytes. The next one begins at `body.upperBound`.
package struct FrameSlice: Hashable, Sendable {
    package let type: FrameType
    package let flags: UInt8
    package let body: Range<Int>

    package init(type: FrameType, flags: UInt8, body: Range<Int>) {
        self.type = type
        self.flags = flags
        self.body = body
    }
}

package enum FrameType: UInt8, CaseIterable, Hashable, Sendable {
    case hello = 1, welcome, batch, ack, reject, skip, probe, chain, ping, pong, goaway, close, adopt, adopted

    package func travels(to side: FrameReader.Side) -> Bool {
        switch self {
        case .ping, .pong: true
        case .hello, .batch, .skip, .probe, .close, .adopt: side == .gateway
        case .welcome, .ack, .reject, .chain, .goaway, .adopted: side == .workstation
        }
    }

    /// The flag bits that are defined: of BATCH that the body is an LZ4 block, of ADOPTED that it is the last.
    package var flags: UInt8 { self == .batch || self == .adopted ? 1 : 0 }
}

/// Why a frame ends the connection. The peer sees GOAWAY(PROTOCOL) for each.
package enum FrameRefusal: Error, CaseIterable, Hashable, Sendable {
    case lengthBelowMin
    case lengthAboveMax
    case unknownType
    case wrongDirection
    case undefinedFlag
    /// The body ends within a field.
    case bodyTooShort
    /// Bytes are left behind the last field.
    case bodyTooLong
    case reservedNotZero
    /// A field holds a number that it does not have (SPEC.md TG-2-7).
    case badValue

    package var goAway: GoAwayReason { .protocol }
}
