import Foundation
import TallyIO

extension Parts {
    /// CPU time of this process, user and system, and time on the wall.
    struct Span: Comparable {
        var cpuNs: Int64 = 0
        var wallNs: Int64 = 0

        static func < (left: Span, right: Span) -> Bool { left.cpuNs < right.cpuNs }

        static func + (left: Span, right: Span) -> Span {
            Span(cpuNs: left.cpuNs + right.cpuNs, wallNs: left.wallNs + right.wallNs)
        }

        /// What is left where one pass does all that another does, and more. The two are timed one after the other, so
        /// that noise can make a small difference negative: that is shown as nothing.
        static func - (left: Span, right: Span) -> Span {
            Span(cpuNs: max(0, left.cpuNs - right.cpuNs), wallNs: max(0, left.wallNs - right.wallNs))
        }

        var cpuSeconds: Double { Double(cpuNs) / 1e9 }
        var wallSeconds: Double { Double(wallNs) / 1e9 }

        static func timing<Result, Failure: Error>(
            _ body: () throws(Failure) -> Result
        ) throws(Failure) -> (Span, Result) {
            let cpu = processCPUNs()
            let wall = MonotonicClock.nowNanoseconds()
            let result = try body()
            return (Span(cpuNs: processCPUNs() - cpu, wallNs: MonotonicClock.nowNanoseconds() - wall), result)
        }

        /// The middle one of `rounds` runs, by CPU time.
        static func median(_ rounds: Int, _ body: () throws -> Void) throws -> Span {
            var spans: [Span] = []
            for _ in 0..<max(1, rounds) { spans.append(try timing(body).0) }
            return spans.sorted()[(spans.count - 1) / 2]
        }

        private static func processCPUNs() -> Int64 {
            var now = timespec()
            // The kernel fills the structure that is passed; the clock always exists.
            _ = unsafe clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now)
            return Int64(now.tv_sec) * 1_000_000_000 + Int64(now.tv_nsec)
        }
    }

    /// The most memory that this process has had resident since it began, in bytes; 0 where the kernel does not say.
    /// `getrusage` would not do: on Linux its figure begins with that of the program that started this one.
    static func peakResidentBytes() -> Int {
        guard let status = try? String(contentsOfFile: "/proc/self/status", encoding: .utf8),
            let line = status.split(separator: "\n").first(where: { $0.hasPrefix("VmHWM:") }),
            let kilobytes = line.split(separator: " ").compactMap({ Int($0) }).first
        else { return 0 }
        return kilobytes * 1_024
    }

    /// Reads a file to its end in blocks of 256 KB and does nothing with them; how many bytes it had.
    static func readThrough(_ path: String, _ block: inout [UInt8]) throws -> Int {
        let file = unsafe open(path, O_RDONLY)
        guard file >= 0 else { throw Mismatch("\(path) cannot be opened") }
        defer { _ = close(file) }
        var bytes = 0
        while true {
            // The block outlives the call, which writes at most its length.
            let count = unsafe block.withUnsafeMutableBytes { unsafe read(file, $0.baseAddress, $0.count) }
            guard count >= 0 else { throw Mismatch("\(path) cannot be read") }
            guard count > 0 else { return bytes }
            bytes += count
        }
    }

    static let readBlockBytes = 256 << 10
}
