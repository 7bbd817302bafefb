import TallyIO

/// What a process holds of memory that is its own, as the kernel counts it in `/proc/PID/status`.
enum ProcessMemory {
    /// Resident anonymous memory (RssAnon) in bytes: heap and stacks, without files. Nil where there is no such process.
    static func anonymousBytes(of process: Int32) -> Int? {
        guard let folder = try? Directory.open("/proc/\(process)"), let file = try? folder.open("status", .read) else {
            return nil
        }
        var bytes: [UInt8] = []
        guard (try? file.read(at: 0, count: 16 << 10, into: &bytes)) != nil else { return nil }
        for line in bytes.split(separator: UInt8(ascii: "\n")) where line.starts(with: "RssAnon:".utf8) {
            // `RssAnon:	   12345 kB`
            let digits = line.filter { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
            return Int(String(decoding: digits, as: UTF8.self)).map { $0 * 1_024 }
        }
        return nil
    }
}
