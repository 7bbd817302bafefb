import TallyGenerator
import TallyWire

/// BATCHes whose header or LZ4 block has one thing wrong.
extension CaseMaker {
    mutating func sizes(_ random: inout SeededRandom) -> FrameRecipe {
        let body = material.body(&random)
        var frame = FrameRecipe.batch(body.raw, count: body.count)
        let block = material.block(body.raw)
        if let block, random.chance(perMille: 400) {
            frame = .batch(block: block, rawBytes: body.raw.count, count: body.count)
        }
        let counts = [0, body.count - 1, body.count + 1, 4_096, 4_097, 65_535, 65_536].map(UInt64.init)
        let sizes: [UInt64] = [
            0, 1, UInt64(body.raw.count - 1), UInt64(body.raw.count + 1), 65_536, 65_537, 1 << 31, 0xFFFF_FFFF,
            UInt64(255 * (block?.count ?? 1) + 64), UInt64(255 * (block?.count ?? 1) + 65),
        ]
        if random.chance(perMille: 450) {
            frame.parts[FrameRecipe.BatchPart.count] = .number(random.pick(counts), 4)
        } else {
            frame.parts[FrameRecipe.BatchPart.rawBytes] = .number(random.pick(sizes), 4)
            if random.chance(perMille: 100) { frame.parts[FrameRecipe.BatchPart.body] = .bytes([]) }
        }
        return frame
    }

    mutating func totals(_ random: inout SeededRandom) -> FrameRecipe {
        var frame = material.batch(nil, &random)
        let more = random.pick([1, -1, 1 << 32, Int64.max, Int64.min, 1_000_000])
        if random.chance(perMille: 500) {
            frame.parts[FrameRecipe.BatchPart.tokens] = .tokens(more)
        } else {
            frame.parts[FrameRecipe.BatchPart.reported] = .reported(more)
        }
        return frame
    }

    mutating func chain(_ random: inout SeededRandom) -> FrameRecipe {
        var frame = material.batch(nil, &random)
        frame.parts[FrameRecipe.BatchPart.chain] =
            random.chance(perMille: 700)
            ? .chain(1 << UInt64(random.number(in: 0...63))) : random.pick([.number(0, 8), .committedChain(0)])
        return frame
    }

    /// Times far outside a tenant's retention on either side; never near its border.
    mutating func time(_ random: inout SeededRandom) -> FrameRecipe {
        let body = material.body(&random)
        guard let mark = body.marks(.varint).first(where: { $0.column == 2 }) else {
            return .batch(body.raw, count: body.count)
        }
        let times: [UInt64] = [1, 2, 1_000, 1_000_000_000, 946_684_800_000, 4_102_444_800_000, 1 << 43 - 1]
        return .batch(body.raw.with(Material.varint(random.pick(times)), at: mark.range), count: body.count)
    }

    // MARK: LZ4

    mutating func block(_ random: inout SeededRandom) -> FrameRecipe {
        let body = material.body(random.number(in: 8...48), &random)
        guard var block = material.block(body.raw) else { return literals(body, &random) }
        if random.chance(perMille: 200) { return literals(body, &random) }
        var sequences: [BlockReader.Sequence] = []
        _ = BlockReader.open(block[...], rawBytes: body.raw.count, &sequences)
        let matched = sequences.filter { $0.offset != nil }
        guard !matched.isEmpty else { return literals(body, &random) }
        let one = random.pick(matched)
        guard let place = one.offset else { return literals(body, &random) }
        let reach = PresetDictionary.bytes.count + one.outputBefore
        let offset: Int? =
            switch random.number(in: 0...8) {
            case 0: 0
            case 1: reach
            case 2: min(reach + 1, 65_535)
            case 3: 65_535
            case 4: 1
            default: nil
            }
        if let offset {
            block = block.with([UInt8(offset & 255), UInt8(offset >> 8)], at: place)
        } else {
            switch random.number(in: 0...4) {
            case 0: block = Array(block.prefix(random.number(in: 0...(block.count - 1))))
            case 1: block.append(UInt8(random.number(in: 0...255)))
            // Another length of literals or of the match.
            case 2: block[one.token] ^= UInt8(random.number(in: 1...15)) << 4
            case 3: block[one.token] ^= UInt8(random.number(in: 1...15))
            // The match length in the last token is not looked at.
            default: block[sequences[sequences.count - 1].token] |= UInt8(random.number(in: 1...15))
            }
        }
        return .batch(block: block, rawBytes: body.raw.count, count: body.count)
    }

    /// A block that ends too near behind a match, or right at the border, and one without a match.
    private func literals(_ body: Material.Body, _ random: inout SeededRandom) -> FrameRecipe {
        let tail = random.number(in: 0...9)
        guard random.chance(perMille: 700), body.raw.count > 40 else {
            return .batch(block: CaseMaker.sequence(body.raw[...]), rawBytes: body.raw.count, count: body.count)
        }
        let match = random.number(in: 4...12)
        let before = body.raw.prefix(body.raw.count - tail - match)
        var block = CaseMaker.sequence(before, offset: 1, match: match)
        block += CaseMaker.sequence(body.raw.suffix(tail))
        return .batch(block: block, rawBytes: body.raw.count, count: body.count)
    }

    mutating func bomb(_ random: inout SeededRandom) -> FrameRecipe {
        // A few bytes that stand for many: one literal, and a match that goes on and on.
        let rawBytes = random.pick([4_096, 65_535, 65_536, 65_537, 1 << 24, 0x7FFF_FFFF, 0xFFFF_FFFF])
        let written = random.pick([min(rawBytes, 65_536), 65_536, 200_000, 16 << 20])
        var block = CaseMaker.sequence(
            [UInt8(random.number(in: 0...255))][...], offset: 1, match: max(4, min(written, 4 << 20) - 6))
        block += CaseMaker.sequence([1, 2, 3, 4, 5][...])
        return .batch(block: Array(block.prefix(60_000)), rawBytes: rawBytes, count: random.pick([1, 100, 4_096]))
    }

    /// One LZ4 sequence; without a match the last of a block.
    static func sequence(_ literals: ArraySlice<UInt8>, offset: Int = 0, match: Int = 0) -> [UInt8] {
        func extended(_ length: Int) -> [UInt8] {
            length < 15 ? [] : [UInt8](repeating: 255, count: (length - 15) / 255) + [UInt8((length - 15) % 255)]
        }
        let short = match == 0 ? 0 : match - 4
        var bytes = [UInt8(min(literals.count, 15)) << 4 | UInt8(min(short, 15))]
        bytes += extended(literals.count) + literals
        if match > 0 { bytes += [UInt8(offset & 255), UInt8(offset >> 8)] + extended(short) }
        return bytes
    }
}
