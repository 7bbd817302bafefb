import Testing

@testable import TallyIO

/// The searches that take many bytes at a time, held against one that takes a byte at a time.
@Suite("Ends of lines and texts are found wherever they stand")
struct TailSearchTests {
    /// A small generator of numbers; the same seed, the same bytes.
    private struct Draw {
        var state: UInt64
        mutating func next() -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int(state >> 33)
        }
    }

    private func slowEnd(_ bytes: [UInt8], from start: Int) -> (quote: Int, hasEscapes: Bool)? {
        var index = start
        var hasEscapes = false
        while index < bytes.count {
            if bytes[index] == UInt8(ascii: "\"") { return (index, hasEscapes) }
            if bytes[index] == UInt8(ascii: "\\") {
                hasEscapes = true
                index += 1
            }
            index += 1
        }
        return nil
    }

    @Test("The closing quote is the one that a walk from byte to byte finds", arguments: [1, 2, 3] as [UInt64])
    func textEnds(seed: UInt64) {
        print("seed \(seed)")
        var draw = Draw(state: seed)
        // Bytes near the two that count, and bytes of several scalars, among others of any value.
        let palette: [UInt8] = [0x22, 0x5C, 0x21, 0x23, 0x5B, 0x5D, 0xA2, 0xDC, 0x00, 0xFF, 0x80, 0x61]
        for _ in 0..<4_000 {
            let length = draw.next() % 150
            let share = 2 + draw.next() % 40
            let bytes = (0..<length).map { _ in
                draw.next() % share == 0 ? palette[draw.next() % palette.count] : UInt8(0x61 + draw.next() % 20)
            }
            let start = draw.next() % (length + 1)
            let wanted = slowEnd(bytes, from: start)
            let found = TailSearch.textEnd(in: bytes.span, from: start)
            #expect(found?.quote == wanted?.quote, "\(bytes) from \(start)")
            #expect(found?.hasEscapes == wanted?.hasEscapes, "\(bytes) from \(start)")
            #expect(TailSearch.skippedTextEnd(in: bytes.span, from: start) == wanted?.quote, "\(bytes) from \(start)")
        }
    }

    @Test("Every length of a text and every run of backslashes before a quote is told right")
    func runs() {
        for length in 0..<140 {
            for slashes in 0..<6 {
                var bytes = [UInt8](repeating: 0x61, count: length)
                bytes += [UInt8](repeating: UInt8(ascii: "\\"), count: slashes)
                bytes += Array("\" tail \"".utf8)
                let wanted = slowEnd(bytes, from: 0)?.quote
                #expect(TailSearch.textEnd(in: bytes.span, from: 0)?.quote == wanted)
                #expect(TailSearch.skippedTextEnd(in: bytes.span, from: 0) == wanted, "\(length), \(slashes)")
            }
        }
    }

    @Test("A line's end is found in its range alone")
    func lines() {
        let bytes = Array("ab\ncd\nef".utf8)
        #expect(TailSearch.first(0x0A, in: bytes.span, from: 0, to: 8) == 2)
        #expect(TailSearch.first(0x0A, in: bytes.span, from: 3, to: 8) == 5)
        #expect(TailSearch.first(0x0A, in: bytes.span, from: 3, to: 5) == nil)
        #expect(TailSearch.first(0x0A, in: bytes.span, from: 6, to: 8) == nil)
        #expect(TailSearch.first(0x0A, in: bytes.span, from: 8, to: 8) == nil)
    }
}
