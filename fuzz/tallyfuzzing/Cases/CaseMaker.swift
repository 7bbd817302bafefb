import TallyGenerator

/// Makes case number n of a seed: the same one always (times of events apart, which follow the hour).
package struct CaseMaker: ~Copyable {
    private let seed: UInt64
    var material: Material

    package init(seed: UInt64, nowMs: Int64) {
        self.seed = seed
        material = Material(nowMs: nowMs)
    }

    package mutating func script(_ number: Int) -> Script {
        var random = SeededRandom(seed: seed &+ UInt64(number) &* 0x9E37_79B9_7F4A_7C15)
        // Every family in turn, over a thousand cases, in an order that the seed shuffles.
        let place = Int((UInt64(number) &* 617 &+ seed % 1_000) % 1_000)
        return script(number, Family.at(place), &random)
    }

    package mutating func script(_ number: Int, of family: Family) -> Script {
        var random = SeededRandom(seed: seed &+ UInt64(number) &* 0x9E37_79B9_7F4A_7C15)
        return script(number, family, &random)
    }

    private mutating func script(_ number: Int, _ family: Family, _ random: inout SeededRandom) -> Script {
        _ = random.next()
        return Script(family: family, seed: seed, number: number, steps: steps(family, number, &random))
    }

    private mutating func steps(_ family: Family, _ number: Int, _ random: inout SeededRandom) -> [Step] {
        switch family {
        case .valid: valid(&random)
        case .varint, .dictionary, .label, .column, .kind, .range, .packed, .truncation:
            tried(body(family, number, &random), &random)
        case .lz4: tried(block(&random), &random)
        case .bomb: tried(bomb(&random), &random)
        case .sizes: tried(sizes(&random), &random)
        case .totals: tried(totals(&random), &random)
        case .chain: tried(chain(&random), &random)
        case .time: tried(time(&random), &random)
        case .state: state(&random)
        case .sequence: sequence(&random)
        case .length: length(&random)
        case .type: type(&random)
        case .fields: fields(&random)
        case .hello: hello(&random)
        case .position: position(&random)
        case .credit: credit(&random)
        case .duplicate: duplicate(&random)
        case .replay: replay(&random)
        case .fork: fork(&random)
        case .half: half(number, &random)
        case .slow: slow(number, &random)
        case .handshake: handshake(&random)
        case .takeover: takeover(&random)
        case .skip: skip(&random)
        case .probe: probe(&random)
        case .ping: ping(&random)
        case .adopt: adopt(&random)
        case .close: close(&random)
        case .silence: [.open(.secure), .pause(9_000), .settle]
        case .havoc: havoc(&random)
        }
    }

    // MARK: Whole cases

    /// One frame in a session, then what shows that everything before was dealt with.
    private mutating func tried(_ frame: FrameRecipe, _ random: inout SeededRandom) -> [Step] {
        [.open(.session), .send(frame)] + proof(&random)
    }

    /// A probe that must be answered behind everything sent before; sometimes a batch that must be taken.
    mutating func proof(_ random: inout SeededRandom) -> [Step] {
        guard random.chance(perMille: 300) else { return [.send(.barrier), .settle] }
        return [.send(.barrier), .send(material.batch(nil, &random)), .settle]
    }

    private mutating func valid(_ random: inout SeededRandom) -> [Step] {
        let rows = random.chance(perMille: 20) ? 4_096 : random.number(in: 1...64)
        let count = random.number(in: 1...4)
        var steps: [Step] = [.open(.session)]
        for _ in 0..<count { steps.append(.send(material.batch(count == 1 ? rows : min(rows, 64), &random))) }
        return steps + [.settle]
    }

    private mutating func havoc(_ random: inout SeededRandom) -> [Step] {
        var frame = random.chance(perMille: 600) ? material.batch(nil, &random) : other(&random)
        for _ in 0..<random.number(in: 1...3) {
            frame.edits.append(
                FrameRecipe.Edit(at: random.number(in: 0...4_095), xor: UInt8(random.number(in: 1...255))))
        }
        return tried(frame, &random)
    }

    /// A frame of a session that is no batch.
    mutating func other(_ random: inout SeededRandom) -> FrameRecipe {
        switch random.number(in: 0...4) {
        case 0: .skip(events: random.number(in: 1...3), chain: random.next(), groups: groups(&random))
        case 1: .probe(.committed(0))
        case 2: .ping(random.next())
        case 3: .close(.committed(-1))
        default: adopt(sessions: random.number(in: 1...3), &random)
        }
    }

    /// What a SKIP tells of its events, never more than one event can hold.
    func groups(_ random: inout SeededRandom) -> [Part] {
        let count = random.number(in: 0...3)
        var parts: [Part] = [.number(UInt64(count), 1)]
        for index in 0..<count {
            parts.append(.bytes(index == 0 ? [0] : [5] + Array("gpt-5".utf8)))
            parts.append(.number(index == 0 ? 1 : 0, 8))
            for _ in 0..<7 { parts.append(.number(UInt64(random.number(in: 0...9_999)), 8)) }
            parts += [.number(UInt64(random.number(in: 0...9_999)), 8), .number(0, 8)]
        }
        return parts
    }

    func adopt(sessions: Int, _ random: inout SeededRandom) -> FrameRecipe {
        var parts: [Part] = [.bytes([UInt8](repeating: 0, count: 16)), .number(0, 8), .clock(-3_600_000)]
        parts.append(.number(UInt64(sessions), 2))
        for _ in 0..<sessions { parts.append(.bytes(Material.session(&random))) }
        return FrameRecipe(13, parts)
    }
}
