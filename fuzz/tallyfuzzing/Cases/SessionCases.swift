import TallyGenerator

/// What spans several frames or connections: greeting, credit, duplicates, forks, takeovers.
extension CaseMaker {
    private typealias HelloPart = FrameRecipe.HelloPart

    mutating func hello(_ random: inout SeededRandom) -> [Step] {
        var hello = FrameRecipe.hello
        let most = SentReader.sequenceMax
        switch random.number(in: 0...12) {
        case 0: hello.parts[HelloPart.magic] = .bytes(Array(random.pick(["TALLYGT2", "tallygt1", "GET / HT"]).utf8))
        case 1:
            let pair = random.pick([(0, 0), (2, 2), (2, 9), (0, 65_535), (1, 65_535), (2, 1), (65_535, 0)])
            hello.parts[HelloPart.versionLow] = .number(UInt64(pair.0), 2)
            hello.parts[HelloPart.versionHigh] = .number(UInt64(pair.1), 2)
        case 2:
            let pair = random.pick([(0, 0), (2, 2), (0, 1), (1, 65_535), (3, 1)])
            hello.parts[HelloPart.schemaLow] = .number(UInt64(pair.0), 2)
            hello.parts[HelloPart.schemaHigh] = .number(UInt64(pair.1), 2)
        case 3:
            let pairs: [(UInt64, UInt64)] = [
                (0, 1), (1, 0), (5, 4), (most, most), (most + 1, most + 1), (1, .max),
            ]
            let pair = random.pick(pairs)
            hello.parts[HelloPart.lowest] = .number(pair.0, 8)
            hello.parts[HelloPart.highest] = .number(pair.1, 8)
        case 4: hello.parts[HelloPart.acknowledged] = .number(random.pick([most + 1, .max, 1 << 63]), 8)
        case 5: hello.parts[HelloPart.flags] = .number(random.pick([1, 2, 3, 65_535, 1 << 15]), 2)
        case 6: hello.parts[HelloPart.kind] = .number(random.pick([0, 2, 255]), 1)
        case 7:
            hello.parts[HelloPart.token] = random.pick([.token(1), .bytes([0]), .bytes([3, 1, 2, 3]), .token(128)])
        case 8:
            hello.parts[HelloPart.kind] = .number(0, 1)
            hello.parts[HelloPart.token] = .bytes([0])
        case 9, 10: hello.parts[HelloPart.options] = options(&random)
        case 11:
            hello.parts[HelloPart.options] = .bytes(random.pick([[1], [1, 10], [1, 10, 26, 5, 0, 1], [17], [255]]))
        default:
            hello.parts[HelloPart.clock] = random.pick([
                .number(0, 8), .number(.max, 8), .number(1 << 63, 8), .number(1 << 63 - 1, 8), .clock(86_400_000),
            ])
        }
        return [.open(.secure), .send(hello), .settle, .send(material.batch(nil, &random)), .settle]
    }

    /// Options with ids that are never given a meaning (TG-B3-5).
    private func options(_ random: inout SeededRandom) -> Part {
        let count = random.pick([1, 2, 16, 16, 17])
        var bytes = [UInt8(count)]
        for _ in 0..<count {
            let length = random.number(in: 0...7)
            bytes += [
                UInt8(random.number(in: 0...15)) << 4 | 10, UInt8(random.number(in: 0...15)) << 4 | 10, UInt8(length),
                0,
            ]
            bytes += (0..<length).map { _ in UInt8(random.number(in: 0...255)) }
        }
        return .bytes(bytes)
    }

    /// What a HELLO says of the stream: less than is committed, more, nothing, another epoch.
    mutating func position(_ random: inout SeededRandom) -> [Step] {
        var hello = FrameRecipe.hello
        hello.parts[HelloPart.epoch] = .epoch(1)
        switch random.number(in: 0...4) {
        case 0: hello.parts[HelloPart.acknowledged] = .number(0, 8)
        case 1: hello.parts[HelloPart.acknowledged] = .committed(Int64(random.number(in: 1...1_000)))
        case 2:
            hello.parts[HelloPart.lowest] = .number(1, 8)
            hello.parts[HelloPart.highest] = .committed(Int64(random.number(in: 1...100)))
        case 3:
            hello.parts[HelloPart.lowest] = .next(0)
            hello.parts[HelloPart.highest] = .next(Int64(random.number(in: 0...100)))
        default: hello.parts[HelloPart.epoch] = .number(0, 8)
        }
        return [
            .open(.secure), .send(hello), .settle, .send(material.batch(nil, &random)), .settle, .send(.barrier),
            .settle,
        ]
    }

    mutating func credit(_ random: inout SeededRandom) -> [Step] {
        let few = material.body(3, &random)
        var frame = FrameRecipe.batch(few.raw, count: few.count)
        switch random.number(in: 0...7) {
        // One frame beyond any credit: more events than any gateway grants.
        case 0...4:
            frame.parts[FrameRecipe.BatchPart.count] = .number(random.pick([1 << 25, 1 << 31, 0xFFFF_FFFF]), 4)
            return [.open(.session), .send(frame), .settle]
        case 5, 6:
            // SKIPs spend none, and have a bound of their own.
            let count = random.number(in: 60...90)
            return [.open(.session)] + (0..<count).map { .send(.skip(events: 1, chain: UInt64($0))) } + [.settle]
        default:
            let large = material.batch(200, &random)
            return [.open(.session)] + (0..<random.number(in: 8...24)).map { _ in .send(large) } + [.settle]
        }
    }

    mutating func duplicate(_ random: inout SeededRandom) -> [Step] {
        let frame = Step.send(material.batch(nil, &random))
        var other = material.batch(nil, &random)
        let opening: [Step] = [.open(.session), frame]
        switch random.number(in: 0...4) {
        case 0: return opening + [.settle, .again(1), .settle] + proof(&random)
        case 1: return opening + [.again(1), .again(1), .settle] + proof(&random)
        case 2: return opening + [.send(material.batch(nil, &random)), .again(2), .settle, .again(2), .settle]
        case 3:
            // The same end with other events: a fork.
            other = material.batch(1, &random)
            other.parts[0] = .committed(0)
            other.parts[FrameRecipe.BatchPart.chain] = .chain(random.next() | 1)
            return opening + [.settle, .send(other), .settle]
        default:
            // Below committed with a body that nobody reads.
            let noise = (0..<random.number(in: 0...40)).map { _ in UInt8(random.number(in: 0...255)) }
            other = .batch(noise, count: 1)
            other.parts[0] = .committed(-1)
            other.parts[FrameRecipe.BatchPart.rawBytes] = .number(random.next() & 0xFFFF_FFFF, 4)
            return opening + [.send(material.batch(3, &random)), .settle, .send(other), .settle] + proof(&random)
        }
    }

    /// The same bytes on another connection.
    mutating func replay(_ random: inout SeededRandom) -> [Step] {
        let frame = Step.send(material.batch(nil, &random))
        let again: [Step] = [.open(.session), .again(2), .settle, .send(.barrier), .settle]
        // The frame before the last is the batch: the last is the new connection's HELLO.
        return [.open(.session), frame] + (random.chance(perMille: 600) ? [.settle] : []) + [.hangUp] + again
    }

    mutating func fork(_ random: inout SeededRandom) -> [Step] {
        var hello = FrameRecipe.hello
        let lie = Part.committedChain(1 << UInt64(random.number(in: 0...63)))
        if random.chance(perMille: 500) {
            hello.parts[HelloPart.acknowledgedChain] = lie
        } else {
            hello.parts[HelloPart.lowest] = .number(1, 8)
            hello.parts[HelloPart.highest] = .committed(0)
            hello.parts[HelloPart.highestChain] = lie
        }
        let taken: [Step] = [.open(.session), .send(material.batch(nil, &random)), .settle, .hangUp]
        let after: Step =
            random.chance(perMille: 600) ? .send(material.batch(nil, &random)) : .send(.skip(events: 1, chain: 7))
        return taken + [.open(.secure), .send(hello), .settle, .send(.probe(.committed(0))), .settle, after, .settle]
    }

    mutating func takeover(_ random: inout SeededRandom) -> [Step] {
        var steps: [Step] = [.open(.session), .send(material.batch(nil, &random))]
        if random.chance(perMille: 500) { steps.append(.settle) }
        return steps + [.open(.session), .settle, .send(material.batch(nil, &random)), .settle]
    }

    mutating func skip(_ random: inout SeededRandom) -> [Step] {
        var frame = FrameRecipe.skip(
            events: random.number(in: 1...1_000), chain: random.next(), reason: UInt64(random.number(in: 1...3)),
            groups: groups(&random))
        if random.chance(perMille: 150) {
            // Totals that no stream can have.
            let group: [Part] = [.number(1, 1), .number(0, 1)] + (0..<10).map { _ in .number(.max, 8) }
            frame = .skip(events: 1, chain: 1, groups: group)
        }
        var steps: [Step] = [.open(.session), .send(frame), .settle]
        if random.chance(perMille: 500) { steps += [.again(1), .settle] }
        return steps + [.send(material.batch(nil, &random)), .settle] + reopened(&random)
    }

    /// WELCOME must tell what the frames before have come to.
    private func reopened(_ random: inout SeededRandom) -> [Step] {
        random.chance(perMille: 300) ? [.hangUp, .open(.session), .settle] : []
    }

    mutating func probe(_ random: inout SeededRandom) -> [Step] {
        var steps: [Step] = [.open(.session), .send(material.batch(nil, &random)), .settle]
        let places: [Part] = [.committed(0), .committed(-1), .number(0, 8), .next(0), .next(9), .number(1, 8)]
        for _ in 0..<random.number(in: 1...4) { steps.append(.send(.probe(random.pick(places)))) }
        if random.chance(perMille: 30) { steps += (0..<140).map { _ in .send(.barrier) } }
        return steps + [.settle]
    }

    mutating func ping(_ random: inout SeededRandom) -> [Step] {
        let count = random.chance(perMille: 100) ? random.number(in: 6...20) : random.number(in: 1...3)
        return [.open(.session)] + (0..<count).map { _ in .send(.ping(random.next())) } + [.settle]
    }

    mutating func adopt(_ random: inout SeededRandom) -> [Step] {
        var hello = FrameRecipe.hello
        hello.parts[HelloPart.flags] = .number(1, 2)
        let asked = adopt(sessions: random.pick([1, 1, 3, 16]), &random)
        switch random.number(in: 0...5) {
        case 0: return [.open(.session), .send(asked), .settle]
        case 1: return [.open(.secure), .send(hello), .settle, .send(adopt(sessions: 0, &random)), .settle]
        case 2: return [.open(.secure), .send(hello), .settle, .send(asked), .send(asked), .settle]
        default: return [.open(.secure), .send(hello), .settle, .send(asked), .settle] + proof(&random)
        }
    }

    mutating func close(_ random: inout SeededRandom) -> [Step] {
        let final: Part =
            random.chance(perMille: 400)
            ? .committed(0) : random.pick([.next(0), .committed(-1), .number(0, 8), .next(50)])
        var steps: [Step] = [
            .open(.session), .send(material.batch(nil, &random)), .settle, .send(.close(final)), .settle,
        ]
        if final == .committed(0), random.chance(perMille: 300) { steps += [.open(.secure), .send(.hello), .settle] }
        return steps
    }
}
