import TallyIO
import Testing

@Suite("Kernel release")
struct KernelReleaseTests {
    @Test("A kernel's version is read from its own words, and compared by number")
    func parsing() {
        let cases: [(String, KernelRelease?)] = [
            ("6.1.0-18-amd64", KernelRelease(major: 6, minor: 1)), ("5.17", KernelRelease(major: 5, minor: 17)),
            ("5.9-rc3", KernelRelease(major: 5, minor: 9)), ("10.2.3", KernelRelease(major: 10, minor: 2)),
            ("6", nil), ("six.one", nil), ("", nil), (".1", nil), ("6.", nil),
        ]
        for (text, release) in cases { #expect(KernelRelease(text) == release, "\(text)") }
        #expect(KernelRelease(major: 5, minor: 9) < KernelRelease(major: 5, minor: 17))
        #expect(KernelRelease.current != nil)
    }

    @Test("One barrier for a file system is trusted only where it flushes the drive and its errors are told")
    func shared() {
        func facts(_ name: String) -> FileSystemFacts { FileSystemFacts(name: name, totalBytes: 1, freeBytes: 1) }
        let old = KernelRelease(major: 5, minor: 16)
        let new = KernelRelease.reportsSyncErrors
        #expect(facts("ext4").mayShareBarrier(on: new) && facts("btrfs").mayShareBarrier(on: new))
        #expect(!facts("xfs").mayShareBarrier(on: new) && !facts("0x1234").mayShareBarrier(on: new))
        #expect(!facts("ext4").mayShareBarrier(on: old) && !facts("ext4").mayShareBarrier(on: nil))
    }
}
