import TallyModel
import Testing

@Suite("Zeros")
struct ZerosTests {
    @Test("As many zeros as are asked for stand behind what was there", arguments: [0, 1, 4_095, 4_096, 4_097, 20_000])
    func appended(count: Int) {
        var bytes: [UInt8] = [7, 8]
        bytes.appendZeros(count)
        #expect(bytes == [7, 8] + [UInt8](repeating: 0, count: count))
    }
}
