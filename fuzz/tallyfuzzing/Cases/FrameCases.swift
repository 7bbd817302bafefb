import TallyGenerator

/// Frames that are out of place or badly formed (SPEC section 2, BEHAVIOUR section 2).
extension CaseMaker {
    /// A frame in a state that does not take it.
    mutating func state(_ random: inout SeededRandom) -> [Step] {
        let frame = random.chance(perMille: 500) ? material.batch(nil, &random) : other(&random)
        switch random.number(in: 0...4) {
        case 0: return [.open(.secure), .send(frame), .settle]
        case 1: return [.open(.session), .send(.hello), .settle]
        // Right behind HELLO, before WELCOME.
        case 2: return [.open(.secure), .send(.hello), .send(frame), .settle]
        case 3: return [.open(.session), .send(toWorkstation(&random)), .settle]
        default: return [.open(.secure), .send(toWorkstation(&random)), .settle]
        }
    }

    /// A frame that travels the other way, well formed.
    private func toWorkstation(_ random: inout SeededRandom) -> FrameRecipe {
        switch random.number(in: 0...5) {
        case 0:
            FrameRecipe(4, [.committed(0), .committedChain(0), .number(8_192, 4), .number(65_536, 4), .number(0, 8)])
        case 1:
            FrameRecipe(
                5, [.next(0), .number(0, 4), .number(1, 4), .number(5, 2), .number(0, 1), .number(1, 1), .number(0, 4)])
        case 2: FrameRecipe(8, [.committed(0), .number(1, 1), .committedChain(0)])
        case 3: FrameRecipe(11, [.number(7, 2), .number(0, 2), .number(1_000, 4), .committed(0)])
        case 4: FrameRecipe(14, flags: 1, [.number(0, 4), .number(UInt64(Int64.max), 8)])
        default:
            FrameRecipe(
                2,
                [
                    .number(1, 2), .number(1, 2), .number(0, 2), .number(0, 2), .committed(0), .committedChain(0),
                    .totals,
                ]
                    + [4_096, 65_536, 4_096, 65_536].map { .number($0, 4) } + [.clock(0), .number(1, 8), .epoch(0)]
                    + [.number(0, 8), .number(1, 4), .bytes([UInt8](repeating: 7, count: 32)), .number(0, 1)])
        }
    }

    mutating func sequence(_ random: inout SeededRandom) -> [Step] {
        var frame =
            random.chance(perMille: 700)
            ? material.batch(random.number(in: 2...6), &random) : FrameRecipe.skip(events: 2, chain: random.next())
        let isSkip = frame.type == 6
        let most = SentReader.sequenceMax
        let places: [Part] = [
            .next(1), .next(2), .next(100), .next(-1), .number(0, 8), .number(most, 8), .number(most + 1, 8),
            .number(.max, 8), .number(most - 2, 8), .next(1 << 40), .number(1 << 63, 8),
        ]
        let first = random.pick(places)
        frame.parts[0] = first
        if isSkip {
            frame.parts[1] = random.pick([
                first, .next(1), .number(most, 8), .number(most + 1, 8), .number(.max, 8), .next(2),
            ])
        }
        // An event that is taken first, so that there is something to overlap with.
        var steps: [Step] = [.open(.session)]
        if random.chance(perMille: 400) { steps += [.send(material.batch(nil, &random)), .settle] }
        steps.append(.send(frame))
        // Behind a REJECT what lies beyond is dropped in silence; the next event ends that.
        if random.chance(perMille: 400) {
            var beyond = material.batch(nil, &random)
            beyond.parts[0] = .next(Int64(random.number(in: 1...50)))
            steps += [.send(beyond), .send(.barrier), .settle]
        }
        return steps + proof(&random)
    }

    mutating func length(_ random: inout SeededRandom) -> [Step] {
        var frame = random.chance(perMille: 500) ? material.batch(nil, &random) : other(&random)
        let isGreeting = random.chance(perMille: 300)
        if isGreeting { frame = .hello }
        switch random.number(in: 0...5) {
        case 0: frame.length = .exactly(UInt32(random.number(in: 0...1)))
        case 1: frame.length = .exactly(random.pick([65_601, 65_602, 1 << 16 + 1_000, 1 << 24, 1 << 31, .max]))
        case 2: frame.length = .off(random.pick([-1, -2, -8]))
        // A byte more than its fields, which is there.
        case 3:
            frame.parts.append(.number(0, 1))
            if frame.type == 3 { frame.parts[FrameRecipe.BatchPart.rawBytes] = .rawBytes(-1) }
        case 4 where isGreeting: frame.length = .exactly(1_025)
        case 4:
            frame.length = .exactly(random.pick([65_601, 1 << 20, .max]))
            frame.delivery = .cut(6)
        default: frame = FrameRecipe(isGreeting ? 1 : random.pick([3, 6, 7, 9, 10, 12, 13]), [])
        }
        return [.open(isGreeting ? .secure : .session), .send(frame), .settle]
            + (frame.length == .off(0) ? proof(&random) : [])
    }

    mutating func type(_ random: inout SeededRandom) -> [Step] {
        var frame = random.chance(perMille: 500) ? material.batch(nil, &random) : other(&random)
        if random.chance(perMille: 500) {
            frame.type = random.pick([0, 15, 16, 32, 64, 127, 128, 200, 255])
        } else {
            frame.flags |= UInt8(1 << random.number(in: frame.type == 3 ? 1...7 : 0...7))
        }
        return [.open(random.chance(perMille: 200) ? .secure : .session), .send(frame), .settle]
    }

    /// Fields of frames other than HELLO and BATCH.
    mutating func fields(_ random: inout SeededRandom) -> [Step] {
        var frame = other(&random)
        let place = random.number(in: 0...(frame.parts.count - 1))
        switch random.number(in: 0...6) {
        case 0: frame.parts.remove(at: place)
        case 1: frame.parts.insert(.number(random.next() & 255, 1), at: place)
        case 2:
            frame.parts[place] = .number(
                random.pick([0, 1, 2, 255, 1 << 16, 1 << 56, .max]), CaseMaker.width(frame.parts[place]))
        case 3:
            frame = .skip(events: 1, chain: 1, reason: random.pick([0, 4, 255, 65_535]))
        case 4:
            frame = .skip(events: 1, chain: 1, groups: [.number(UInt64(random.number(in: 1...255)), 1)])
        case 5:
            let label: [UInt8] = random.pick([
                [65], Array("a b".utf8), [97, 0], [UInt8](repeating: 97, count: 65), [0xC3, 0xA9],
            ])
            let group: [Part] =
                [.number(1, 1), .bytes([UInt8(label.count)] + label)] + (0..<10).map { _ in .number(1, 8) }
            frame = .skip(events: 1, chain: 1, groups: group)
        default:
            frame = adopt(sessions: random.pick([0, 1, 2]), &random)
            switch random.number(in: 0...3) {
            case 0: frame.parts[1] = .number(random.pick([1, 1 << 56, .max]), 8)
            case 1: frame.parts[3] = .number(random.pick([3, 1_024, 1_025, 65_535]), 2)
            case 2: frame.parts.append(.bytes([UInt8](repeating: 0, count: 16)))
            default: break
            }
        }
        return [.open(.session), .send(frame)] + proof(&random)
    }

    private static func width(_ part: Part) -> Int {
        switch part {
        case .number(_, let width): width
        case .bytes(let bytes): min(8, max(1, bytes.count))
        default: 8
        }
    }

    // MARK: Half frames, slow writers, handshakes

    /// A frame cut at every byte, and the connection gone; then the stream must stand where it stood.
    mutating func half(_ number: Int, _ random: inout SeededRandom) -> [Step] {
        let isGreeting = random.chance(perMille: 200)
        var frame =
            isGreeting
            ? FrameRecipe.hello : random.chance(perMille: 700) ? material.batch(nil, &random) : other(&random)
        frame.delivery = .cut(number / 11 % 200)
        return [
            .open(isGreeting ? .secure : .session), .send(frame), .pause(random.number(in: 0...2)), .hangUp,
            .open(.session), .send(material.batch(nil, &random)), .settle,
        ]
    }

    mutating func slow(_ number: Int, _ random: inout SeededRandom) -> [Step] {
        var frame = material.batch(nil, &random)
        frame.delivery = random.chance(perMille: 300) ? .drip : .split(number / 13 % 200)
        guard random.chance(perMille: 250) else { return [.open(.session), .send(frame)] + proof(&random) }
        var hello = FrameRecipe.hello
        hello.delivery = random.chance(perMille: 300) ? .drip : .split(number / 13 % 190)
        return [.open(.secure), .send(hello), .settle, .send(frame), .settle]
    }

    mutating func handshake(_ random: inout SeededRandom) -> [Step] {
        let after: [Step] = [.pause(random.number(in: 0...3)), .hangUp, .open(.session)] + proof(&random)
        switch random.number(in: 0...5) {
        case 0: return [.open(.foreign), .settle] + after
        case 1: return [.open(.plain)] + after
        case 2: return [.open(.plain), .raw(Array("GET / HTTP/1.1\r\nHost: gateway\r\n\r\n".utf8))] + after
        case 3:
            let noise = (0..<random.number(in: 1...600)).map { _ in UInt8(random.number(in: 0...255)) }
            return [.open(.plain), .raw(noise)] + after
        case 4:
            // A record that promises more than comes, of the handshake.
            let head: [UInt8] = [0x16, 3, 1, UInt8(random.number(in: 0...63)), UInt8(random.number(in: 0...255)), 1, 0]
            return [.open(.plain), .raw(head + [UInt8](repeating: 3, count: random.number(in: 0...120)))] + after
        // Our own protocol without TLS.
        default: return [.open(.plain), .raw([0, 1, 0, 0, 1, 0] + Array("TALLYGT1".utf8))] + after
        }
    }
}
