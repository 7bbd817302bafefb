import TallyModel
import TallyWire

/// The frame reader, and the fields of every frame it finds.
///
/// ```
/// | how u8: bit 0 workstation, bit 1 past HELLO, bits 2 to 7 piece - 1 | bytes as they come from a peer |
/// ```
/// Promises: the bytes give the same frames in whatever pieces they come; the reader never asks for less than a byte,
/// never for more than a frame may have, and keeps its word about how many are missing; a frame that decodes is
/// encoded to the same bytes; what is read through before it has leave is refused and taken like what is decoded.
class FrameSubject: FuzzSubject {
    /// What a reader finds in all bytes: the frames, and where and how it ended.
    private struct Reading: Equatable {
        var frames: [FrameSlice] = []
        var refusal: FrameRefusal?
    }

    func next(_ reader: FrameReader, _ bytes: [UInt8], from start: Int, to end: Int) -> FrameReader.Step {
        reader.next(in: bytes.span.extracting(0..<end), from: start)
    }

    func decode(_ slice: FrameSlice, _ bytes: [UInt8]) throws(FrameRefusal) -> Frame {
        try FrameCodec.decode(slice, in: bytes.span)
    }

    func encode(_ frame: Frame) -> [UInt8] { FrameCodec.encode(frame) }

    func run(_ input: [UInt8]) throws(FuzzFinding) -> FuzzOutcome {
        guard let how = input.first else { return .refused }
        var reader = FrameReader(side: how & 1 == 0 ? .gateway : .workstation)
        if how & 2 != 0 { reader.phase = .open }
        let bytes = Array(input.dropFirst())
        let whole = try read(bytes, reader, piece: max(1, bytes.count))
        let pieces = try read(bytes, reader, piece: 1 + Int(how >> 2))
        try expect(whole == pieces, "the same bytes in pieces are the same frames")
        var outcome = FuzzOutcome.refused
        for slice in whole.frames {
            if try decodes(slice, bytes) { outcome = .reached }
        }
        return outcome
    }

    func header(_ slice: FrameSlice, _ bytes: [UInt8]) throws(FrameRefusal) -> (header: BatchHeader, body: Range<Int>) {
        try FrameCodec.batchHeader(slice, in: bytes.span)
    }

    /// What a frame is decided by before it is decoded; nil of a frame that is short.
    enum ReadThrough: Equatable {
        case hello(HelloHeader, credential: [UInt8]), skip(SkipHeader), adopt(sessions: Int)
    }

    func readThrough(_ slice: FrameSlice, _ bytes: [UInt8]) throws(FrameRefusal) -> ReadThrough? {
        switch slice.type {
        case .hello:
            let (header, credential) = try FrameCodec.helloHeader(slice, in: bytes.span)
            return .hello(header, credential: Array(bytes[credential]))
        case .skip: return .skip(try FrameCodec.skipHeader(slice, in: bytes.span))
        case .adopt: return .adopt(sessions: try FrameCodec.adoptSessions(slice, in: bytes.span))
        default: return nil
        }
    }

    /// `frame`: what decoding makes of the same bytes; nil where it refuses them.
    private func checkReadThrough(_ slice: FrameSlice, _ bytes: [UInt8], _ frame: Frame?) throws(FuzzFinding) {
        let told: ReadThrough?
        do throws(FrameRefusal) { told = try readThrough(slice, bytes) } catch {
            return try expect(frame == nil, "what is refused when it is read through is refused when it is decoded")
        }
        guard let told else { return }
        let decoded: ReadThrough? =
            switch frame {
            case .hello(let hello):
                if case .token(let token) = hello.credential {
                    .hello(HelloHeader(hello), credential: token)
                } else {
                    .hello(HelloHeader(hello), credential: [])
                }
            case .skip(let skip): .skip(SkipHeader(skip))
            case .adopt(let adopt): .adopt(sessions: adopt.sessions.count)
            default: nil
            }
        try expect(told == decoded, "a frame says the same whether it is read through or decoded")
    }

    private func decodes(_ slice: FrameSlice, _ bytes: [UInt8]) throws(FuzzFinding) -> Bool {
        var decoded: Frame?
        do throws(FrameRefusal) { decoded = try decode(slice, bytes) } catch {}
        try checkReadThrough(slice, bytes, decoded)
        guard let frame = decoded else { return false }
        let own = Array(bytes[slice.body.lowerBound - FrameReader.headerBytes..<slice.body.upperBound])
        try expect(encode(frame) == own, "a frame that decodes has these bytes and no others")
        if case .batch(let batch) = frame {
            var isSame = false
            do throws(FrameRefusal) {
                let (header, body) = try self.header(slice, bytes)
                isSame = header == batch.header && Array(bytes[body]) == batch.body
            } catch {}
            try expect(isSame, "a BATCH's header and body are the same whether the body is copied or not")
        }
        return true
    }

    /// Reads all frames, with `piece` more bytes at a time.
    private func read(_ bytes: [UInt8], _ reader: FrameReader, piece: Int) throws(FuzzFinding) -> Reading {
        var reading = Reading()
        var start = 0
        var end = min(piece, bytes.count)
        /// Before so many bytes are there the reader has promised not to find a frame.
        var promised = 0
        while true {
            switch next(reader, bytes, from: start, to: end) {
            case .needMore(let count):
                try expect(count >= 1, "a reader that needs more needs a byte")
                try expect(end + count >= promised, "a reader does not ask for less than it did")
                try expect(
                    end - start + count <= reader.phase.frameBytesMax + 4, "no more is asked for than a frame has")
                promised = end + count
                guard end < bytes.count else { return reading }
                end = min(end + piece, bytes.count)
            case .frame(let slice):
                try expect(end >= promised, "a frame is not found before the bytes that it needs are there")
                try expect(
                    slice.body.lowerBound == start + FrameReader.headerBytes && slice.body.upperBound <= end,
                    "a frame lies within the bytes that are there")
                reading.frames.append(slice)
                start = slice.body.upperBound
                promised = 0
            case .refused(let refusal):
                try expect(refusal.goAway == .protocol, "what is no frame ends the connection")
                reading.refusal = refusal
                return reading
            }
        }
    }
}
