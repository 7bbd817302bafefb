import TallyGateway
import TallyModel
import TallyStorage
import TallyWire

/// Frames that are refused, each full of what must not stay. What never was in memory asked for cannot be left behind
/// in it when it is given back.
struct Refusals {
    private typealias Case = (name: String, frame: [UInt8], isOpen: Bool)

    /// Throws where one of them asks for memory.
    func count() throws {
        var most: UInt = 0
        let cases = try cases()
        for told in cases {
            // The first of its kind asks for what stays: metadata of types, sizes of lists.
            _ = try Rig(isOpen: told.isOpen).refuse(told.frame, told.name)
            let counted = try Rig(isOpen: told.isOpen).refuse(told.frame, told.name)
            if counted > 0 { print("\(told.name): \(counted) allocations") }
            most = max(most, counted)
        }
        print("allocations in \(cases.count) kinds of refused frames: at most \(most)")
        guard most == 0 else { throw Rig.Unfit("a refused frame leaves something in memory") }
    }

    private func cases() throws -> [Case] {
        var cases: [Case] = []
        func add(_ name: String, _ frame: [UInt8], isOpen: Bool = true) {
            cases.append((name, frame, isOpen))
        }
        let adopt = FrameCodec.encode(.adopt(try adopt(sessions: 1_000)))
        add("ADOPT without leave", adopt)
        add("ADOPT before a HELLO", FrameCodec.encode(.adopt(try self.adopt(sessions: 40))), isOpen: false)
        add("ADOPT that breaks off", cut(adopt, by: 5))
        add("ADOPT whose last session is none", adopt.dropLast(16) + [UInt8](repeating: 0, count: 16))
        add("ADOPT and more", cut(adopt, by: -7))
        for groups in [1, 8] {
            let good = FrameCodec.encode(.skip(try skip(first: 1, groups: groups)))
            add("SKIP in a gap", FrameCodec.encode(.skip(try skip(first: 9, groups: groups))))
            let much = try skip(first: 1, groups: groups, isMuch: true)
            add("SKIP of impossible numbers", FrameCodec.encode(.skip(much)))
            add("SKIP that breaks off", cut(good, by: 3))
            add("SKIP and more", cut(good, by: -3))
        }
        add("SKIP before a HELLO", FrameCodec.encode(.skip(try skip(first: 1, groups: 8))), isOpen: false)
        let hello = hello()
        add("a stranger's HELLO", FrameCodec.encode(.hello(hello)), isOpen: false)
        add("a second HELLO", FrameCodec.encode(.hello(hello)))
        add("a HELLO that breaks off", cut(FrameCodec.encode(.hello(hello)), by: 1), isOpen: false)
        add("a HELLO and more", cut(FrameCodec.encode(.hello(hello)), by: -1), isOpen: false)
        var newer = hello
        newer.versions = 7...9
        newer.credential = .token(Array(Rig.token.text.utf8))
        add("a HELLO of another version", FrameCodec.encode(.hello(newer)), isOpen: false)
        var other = FrameCodec.encode(.hello(hello))
        other[9] = 9
        add("a HELLO of other magic", other, isOpen: false)
        let header = BatchHeader(
            first: Sequence64(9), count: 3, rawBytes: 900, controlTokens: .max, reportedNanoUSD: .max,
            chainAfter: ChainValue(.max), isLZ4: false)
        let batch = BatchFrame(header: header, body: [UInt8](repeating: 77, count: 900))
        add("a BATCH in a gap", FrameCodec.encode(.batch(batch)))
        add("PROBE and more", cut(FrameCodec.encode(.probe(sequence: .zero)), by: -40))
        add("a type that there is not", [40, 0, 0, 0, 99, 0] + [UInt8](repeating: 77, count: 38))
        return cases
    }

    /// The frame without its last bytes, or with more of them, and told so by its length.
    private func cut(_ frame: [UInt8], by bytes: Int) -> [UInt8] {
        var cut = bytes < 0 ? frame + [UInt8](repeating: 77, count: -bytes) : Array(frame.dropLast(bytes))
        for place in 0..<4 { cut[place] = UInt8(truncatingIfNeeded: (cut.count - 4) >> (8 * place)) }
        return cut
    }

    private func adopt(sessions: Int) throws -> Adopt {
        var ids: [SessionID] = []
        for number in 0..<sessions {
            guard let id = SessionID(Bytes16(high: 77, low: UInt64(number))) else { throw Rig.Unfit("a session") }
            ids.append(id)
        }
        return Adopt(prior: nil, priorThrough: .zero, fromMs: 0, sessions: ids)
    }

    private func skip(first: UInt64, groups: Int, isMuch: Bool = false) throws -> Skip {
        guard let model = Label(String(repeating: "content-", count: 8)) else { throw Rig.Unfit("a label") }
        let group = SkipGroup(
            model: model, events: isMuch ? .max : 0, tokenClasses: [UInt64](repeating: isMuch ? .max : 0, count: 7),
            reportedNanoUSD: isMuch ? .max : 0)
        return Skip(
            first: Sequence64(first), last: Sequence64(first), chainAfter: ChainValue(5), reason: .poison,
            groups: Array(repeating: group, count: groups))
    }

    private func hello() -> Hello {
        let much = UInt64.max >> 8
        let cursor = StreamCursor(
            sequence: .zero, chain: ChainValue(much), totals: RunningTotals(tokens: .max, reportedNanoUSD: .max))
        var hello = Hello(
            stream: StreamID(Bytes16(high: much, low: much)), highestChain: ChainValue(much), acknowledged: cursor,
            clockMs: Rig.startMs, credential: .token([UInt8](repeating: 77, count: 255)))
        hello.options = (1...5).map { HelloOption(id: UInt16($0), value: [UInt8](repeating: 77, count: 50)) }
        return hello
    }
}
