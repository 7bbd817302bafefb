/// What a run knows when a frame is to be sent.
package struct Setting: Hashable, Sendable {
    package var stream: [UInt8]
    package var committed: Place
    package var accepted: Place
    package var token: [UInt8]
    package var clockMs: Int64
    package var epoch: UInt64

    package init(stream: [UInt8], committed: Place, accepted: Place, token: [UInt8], clockMs: Int64, epoch: UInt64) {
        self.stream = stream
        self.committed = committed
        self.accepted = accepted
        self.token = token
        self.clockMs = clockMs
        self.epoch = epoch
    }
}

extension FrameRecipe {
    /// The frame's bytes, its delivery apart.
    package func bytes(_ setting: Setting) -> [UInt8] {
        var frame: [UInt8] = [0, 0, 0, 0, type, flags]
        var waiting: [(part: Part, at: Int)] = []
        for part in parts {
            switch part {
            case .bytes(let bytes): frame += bytes
            case .number(let value, let width): FrameRecipe.put(value, width, &frame)
            case .next(let more):
                frame.put(UInt64(bitPattern: Int64(bitPattern: setting.accepted.sequence &+ 1) &+ more))
            case .committed(let more):
                frame.put(UInt64(bitPattern: Int64(bitPattern: setting.committed.sequence) &+ more))
            case .rawBytes, .tokens, .reported, .chain:
                waiting.append((part, frame.count))
                FrameRecipe.put(0, part.width, &frame)
            case .committedChain(let xor): frame.put(setting.committed.chain ^ xor)
            case .totals:
                frame.put(setting.committed.tokens)
                frame.put(setting.committed.reported)
            case .stream: frame += setting.stream
            case .clock(let more): frame.put(UInt64(bitPattern: setting.clockMs &+ more))
            case .epoch(let xor): frame.put(setting.epoch ^ xor)
            case .token(let xor):
                frame.append(UInt8(truncatingIfNeeded: setting.token.count))
                frame += setting.token
                if xor != 0, !setting.token.isEmpty { frame[frame.count - 1] ^= xor }
            }
        }
        if !waiting.isEmpty { workOut(waiting, &frame, setting) }
        FrameRecipe.put(length(of: frame), at: 0, 4, &frame)
        for edit in edits { frame[edit.at % frame.count] ^= edit.xor }
        return frame
    }

    private func length(of frame: [UInt8]) -> UInt64 {
        switch length {
        case .exactly(let length): UInt64(length)
        case .off(let more): UInt64(UInt32(truncatingIfNeeded: frame.count - 4 + more))
        }
    }

    /// What a BATCH's header says of its body. Of a body that is not valid the totals are 0 and the chain stays.
    private func workOut(_ waiting: [(part: Part, at: Int)], _ frame: inout [UInt8], _ setting: Setting) {
        for case (.rawBytes(let more), let at) in waiting {
            let body = Int64(max(0, frame.count - FrameRecipe.bodyAt))
            FrameRecipe.put(UInt64(bitPattern: body &+ more), at: at, 4, &frame)
        }
        var fields = ByteCursor(frame[6...])
        guard case .batch(let batch) = SentReader.batch(&fields, isBlock: flags & 1 != 0) else { return }
        let read = try? BatchRules.read(batch, rowsMax: BatchRules.rowsMax, times: nil)
        for (part, at) in waiting {
            switch part {
            case .tokens(let more): FrameRecipe.put((read?.tokens ?? 0) &+ UInt64(bitPattern: more), at: at, 8, &frame)
            case .reported(let more):
                FrameRecipe.put((read?.reported ?? 0) &+ UInt64(bitPattern: more), at: at, 8, &frame)
            case .chain(let xor):
                let chain = read?.chains(from: setting.accepted.chain).last ?? setting.accepted.chain
                FrameRecipe.put(chain ^ xor, at: at, 8, &frame)
            default: break
            }
        }
    }

    /// Where a BATCH's body begins: length, type, flags, 40 bytes of header.
    package static let bodyAt = 46

    private static func put(_ value: UInt64, _ width: Int, _ bytes: inout [UInt8]) {
        for place in 0..<width { bytes.append(UInt8(truncatingIfNeeded: value >> UInt64(8 * place))) }
    }

    private static func put(_ value: UInt64, at: Int, _ width: Int, _ bytes: inout [UInt8]) {
        for place in 0..<width { bytes[at + place] = UInt8(truncatingIfNeeded: value >> UInt64(8 * place)) }
    }
}

extension Part {
    var width: Int { if case .rawBytes = self { 4 } else { 8 } }
}

extension FrameRecipe {
    // MARK: The frames as they should be

    /// A HELLO that holds nothing and tells what it knows to be committed.
    package static let hello = FrameRecipe(
        1,
        [
            .bytes(Array("TALLYGT1".utf8)), .number(1, 2), .number(1, 2), .number(1, 2), .number(1, 2), .stream,
            .number(0, 8), .number(0, 8), .committed(0), .committedChain(0), .totals, .clock(0), .committedChain(0),
            .epoch(0), .number(0, 2), .number(1, 1), .token(0), .number(0, 1),
        ])

    /// The places of a HELLO's parts.
    package enum HelloPart {
        package static let magic = 0, versionLow = 1, versionHigh = 2, schemaLow = 3, schemaHigh = 4, lowest = 6
        package static let highest = 7, acknowledged = 8, acknowledgedChain = 9, clock = 11, highestChain = 12
        package static let epoch = 13, flags = 14, kind = 15, token = 16, options = 17
    }

    package static func batch(_ raw: [UInt8], count: Int) -> FrameRecipe {
        FrameRecipe(
            3, [.next(0), .number(UInt64(count), 4), .rawBytes(0), .tokens(0), .reported(0), .chain(0), .bytes(raw)])
    }

    package static func batch(block: [UInt8], rawBytes: Int, count: Int) -> FrameRecipe {
        FrameRecipe(
            3, flags: 1,
            [
                .next(0), .number(UInt64(count), 4), .number(UInt64(rawBytes), 4), .tokens(0), .reported(0), .chain(0),
                .bytes(block),
            ])
    }

    /// The places of a BATCH's parts.
    package enum BatchPart {
        package static let first = 0, count = 1, rawBytes = 2, tokens = 3, reported = 4, chain = 5, body = 6
    }

    /// SKIP of `events` events without groups; the chain value is the workstation's word.
    package static func skip(events: Int, chain: UInt64, reason: UInt64 = 1, groups: [Part] = [.number(0, 1)])
        -> FrameRecipe
    {
        FrameRecipe(6, [.next(0), .next(Int64(events) - 1), .number(chain, 8), .number(reason, 2)] + groups)
    }

    package static func probe(_ sequence: Part) -> FrameRecipe { FrameRecipe(7, [sequence]) }
    /// A sequence that no stream reaches: answered at once, it shows that everything before was dealt with.
    package static let barrier = probe(.number(SentReader.sequenceMax, 8))
    package static func ping(_ opaque: UInt64) -> FrameRecipe { FrameRecipe(9, [.number(opaque, 8)]) }
    package static func close(_ final: Part) -> FrameRecipe { FrameRecipe(12, [final]) }
}
