import Dispatch
import TallyIO
import Testing

@Suite("Bells")
struct BellTests {
    @Test("A bell's wait takes one ring, whenever it came, and ends by itself where none comes")
    func rings() {
        let bell = Bell()
        #expect(!bell.wait(timeoutMs: 1))
        bell.ring()
        bell.ring()
        #expect(bell.wait(timeoutMs: 0))
        #expect(bell.wait())
        #expect(!bell.wait(timeoutMs: 0))
    }

    @Test("Each ring of many threads wakes the one that waits, once")
    func threads() {
        let bell = Bell()
        for _ in 0..<4 {
            DispatchQueue.global().async {
                for _ in 0..<500 { bell.ring() }
            }
        }
        // Without a limit: a ring that is lost would hold this up for ever.
        for _ in 0..<2_000 { #expect(bell.wait()) }
        #expect(!bell.wait(timeoutMs: 0))
    }
}
