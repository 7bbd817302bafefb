import TallyGenerator

/// Bodies with one thing wrong (SPEC section 4), raw unless the mutation is of the block.
extension CaseMaker {
    mutating func body(_ family: Family, _ number: Int, _ random: inout SeededRandom) -> FrameRecipe {
        let body = material.body(&random)
        let changed: [UInt8]? =
            switch family {
            case .varint: varint(body, &random)
            case .label: label(body, &random)
            case .column: column(body, &random)
            case .kind: kind(body, &random)
            case .range: range(body, &random)
            case .truncation: truncated(body, number, &random)
            default: nil
            }
        if family == .dictionary { return dictionary(&random) }
        if family == .packed { return packed(&random) }
        return .batch(changed ?? body.raw + [0], count: body.count)
    }

    private func varint(_ body: Material.Body, _ random: inout SeededRandom) -> [UInt8] {
        let mark = random.pick(body.marks(.varint, .entryCount))
        let bytes = Array(body.raw[mark.range])
        let filled = bytes.dropLast() + [bytes[bytes.count - 1] | 128]
        let changed: [UInt8] =
            switch random.number(in: 0...7) {
            // Longer than need be.
            case 0, 1: filled + [0]
            case 2: filled + [UInt8](repeating: 128, count: random.number(in: 0...7)) + [0]
            // Ten bytes, the tenth too large or going on; eleven.
            case 3: [UInt8](repeating: 255, count: 9) + [UInt8(random.number(in: 1...127))]
            case 4: [UInt8](repeating: 255, count: 9) + [128, 0]
            case 5: [UInt8](repeating: 128, count: random.number(in: 10...40)) + [1]
            case 6: [UInt8](repeating: 255, count: 9) + [1]
            default: Array(filled)
            }
        return body.raw.with(changed, at: mark.range)
    }

    private func range(_ body: Material.Body, _ random: inout SeededRandom) -> [UInt8] {
        let mark = random.pick(body.marks(.varint))
        let most = ColumnRule.rule(mark.column)?.most ?? 0
        let values: [UInt64] = [
            most, most + 1, most + 2, 2 * most, 2 * most + 1, 2 * most + 2, 1 << 32, 1 << 43, 1 << 63, .max, 0, 1,
        ]
        return body.raw.with(Material.varint(random.pick(values)), at: mark.range)
    }

    private func label(_ body: Material.Body, _ random: inout SeededRandom) -> [UInt8] {
        let labels = body.marks(.label)
        guard !labels.isEmpty else { return body.raw }
        let mark = random.pick(labels)
        let lengthAt = mark.range.lowerBound - 1
        var text = Array(body.raw[mark.range])
        let place = random.number(in: 0...(text.count - 1))
        switch random.number(in: 0...7) {
        case 0: text[place] = random.pick(Array("A Z~\\\"'?#%{}\u{7F}".utf8))
        case 1: text[0] = random.pick(Array("._:/@+-".utf8))
        case 2: text[place] = UInt8(random.number(in: 0...31))
        case 3: text[place] = UInt8(random.number(in: 128...255))
        case 4: text = [UInt8](repeating: UInt8(ascii: "a"), count: random.number(in: 65...255))
        case 5: text = []
        case 6: return body.raw.with([UInt8(random.number(in: 0...255))], at: lengthAt..<lengthAt + 1)
        default: text.insert(0, at: place)
        }
        return body.raw.with([UInt8(text.count)] + text, at: lengthAt..<mark.range.upperBound)
    }

    private func column(_ body: Material.Body, _ random: inout SeededRandom) -> [UInt8] {
        let id = random.pick(body.columnIDs)
        guard let place = body.range(of: id) else { return body.raw }
        let column = Array(body.raw[place])
        let text = Array("a prompt that must not pass".utf8)
        switch random.number(in: 0...9) {
        // Columns named as content, at the end and as themselves.
        case 0, 1: return body.raw + [0, UInt8(random.number(in: 128...191)), UInt8(text.count)] + text
        case 2:
            return body.raw + [random.pick([0x20, 0x60, 0x80, 0xA0, 0xE0]), UInt8(random.number(in: 128...191))] + text
        // Ids outside the table.
        case 3: return body.raw + [UInt8(random.number(in: 26...31)), 1]
        case 4: return body.raw + [0, random.pick([32, 40, 63, 64, 127, 192, 255]), 1]
        // The second byte where it may not be.
        case 5: return body.raw.with([column[0] & 0xE0, id] + column.dropFirst(), at: place)
        // Twice, and out of order.
        case 6: return body.raw.with(column + column, at: place)
        case 7: return Array(body.raw[place.lowerBound...]) + body.raw[..<place.lowerBound]
        // Another encoding.
        case 8:
            return body.raw.with(
                [column[0] & 31 | UInt8(random.number(in: 0...7)) << 5], at: place.lowerBound..<place.lowerBound + 1)
        default: return body.raw.with([UInt8(random.number(in: 0...255))], at: place.lowerBound..<place.lowerBound + 1)
        }
    }

    private func kind(_ body: Material.Body, _ random: inout SeededRandom) -> [UInt8] {
        switch random.number(in: 0...3) {
        case 0, 1:
            // Without a column.
            guard let place = body.range(of: random.pick(body.columnIDs)) else { return body.raw }
            return body.raw.with([], at: place)
        case 2:
            // With one that most kinds forbid.
            let id: UInt8 = random.pick([23, 24, 11, 21, 22])
            guard !body.columnIDs.contains(id) else { return body.raw }
            let at = body.marks(.head).first { $0.column > id }?.range.lowerBound ?? body.raw.count
            return body.raw.with([id, 1], at: at..<at)
        default:
            // All rows of another kind.
            let kind: [UInt8] = [1, UInt8(random.number(in: 1...4))]
            return body.raw.with(kind, at: body.range(of: 1) ?? 0..<0)
        }
    }

    private func truncated(_ body: Material.Body, _ number: Int, _ random: inout SeededRandom) -> [UInt8] {
        if random.chance(perMille: 200) {
            return body.raw + (0..<random.number(in: 1...4)).map { _ in UInt8(random.number(in: 0...255)) }
        }
        // Cut at every byte, over a thousand cases and more.
        return Array(body.raw.prefix(number / 7 % max(1, body.raw.count)))
    }

    private mutating func dictionary(_ random: inout SeededRandom) -> FrameRecipe {
        guard let (body, mark) = material.body(with: { $0.form == .id16 || $0.form == .label }, &random) else {
            return .batch([], count: 1)
        }
        let own = body.marks.filter { $0.column == mark.column }
        guard let size = own.first(where: { $0.kind == .entryCount }),
            let run = own.first(where: { $0.kind == .packed })
        else { return .batch([], count: 1) }
        let entries = own.filter { $0.kind == .id16 || $0.kind == .labelLength }.map { entry in
            entry.kind == .id16
                ? entry.range
                : entry.range.lowerBound..<entry.range.upperBound + Int(body.raw[entry.range.lowerBound])
        }
        let count = body.raw[size.range.lowerBound]
        let one = random.pick(entries)
        let changed: [UInt8]
        switch random.number(in: 0...9) {
        case 0: changed = body.raw.with([count &+ 1], at: size.range)
        case 1: changed = body.raw.with([count &- 1], at: size.range)
        case 2: changed = body.raw.with(Material.varint(random.pick([0, 1, 127, 4_097, 65_536, .max])), at: size.range)
        // One twice.
        case 3: changed = body.raw.with(body.raw[entries[0]], at: entries[entries.count - 1])
        // The default.
        case 4:
            let isID = ColumnRule.rule(mark.column)?.form == .id16
            changed = body.raw.with(isID ? [UInt8](repeating: 0, count: 16) : [0], at: one)
        // In another order.
        case 5:
            changed = body.raw.with(
                body.raw[entries[entries.count - 1]] + body.raw[one.upperBound..<one.upperBound], at: one)
        // One that no row uses, with its count.
        case 6:
            let more = ColumnRule.rule(mark.column)?.form == .id16 ? Material.session(&random) : [1, UInt8(ascii: "q")]
            let end = entries[entries.count - 1].upperBound
            changed = body.raw.with(more, at: end..<end).with([count &+ 1], at: size.range)
        // Indices: beyond the entries, skipping one, or none absent.
        case 7: changed = body.raw.with([UInt8](repeating: 255, count: run.range.count), at: run.range)
        case 8: changed = body.raw.with([UInt8](repeating: 0, count: run.range.count), at: run.range)
        default:
            let at = random.number(in: run.range.lowerBound...run.range.upperBound - 1)
            changed = body.raw.with([body.raw[at] ^ UInt8(1 << random.number(in: 0...7))], at: at..<at + 1)
        }
        return .batch(changed, count: body.count)
    }

    private mutating func packed(_ random: inout SeededRandom) -> FrameRecipe {
        guard let (body, mark) = material.body(with: { $0.form == .enumeration }, &random),
            let run = body.marks.first(where: { $0.column == mark.column && $0.kind == .packed })
        else { return .batch([], count: 1) }
        let last = run.range.upperBound - 1
        let changed: [UInt8]
        switch random.number(in: 0...4) {
        case 0: changed = body.raw.with([body.raw[last] | 128], at: last..<last + 1)
        case 1: changed = body.raw.with([UInt8](repeating: 255, count: run.range.count), at: run.range)
        case 2: changed = body.raw.with([UInt8](repeating: 0, count: run.range.count), at: run.range)
        case 3: changed = body.raw.with([], at: last..<last + 1)
        default:
            let at = random.number(in: run.range.lowerBound...last)
            changed = body.raw.with([body.raw[at] ^ UInt8(1 << random.number(in: 0...7))], at: at..<at + 1)
        }
        return .batch(changed, count: body.count)
    }
}
