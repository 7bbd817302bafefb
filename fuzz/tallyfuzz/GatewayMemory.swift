import TallyIO

/// What a gateway process holds, as the kernel counts it in `/proc/PID/smaps_rollup`.
struct GatewayMemory: Hashable, Sendable {
    /// Memory that is the process's own, and its share of what others map too (PSS); kilobytes.
    var privateKB: Int
    var proportionalKB: Int

    /// Nil where there is no such process, or another user's.
    static func of(_ process: Int32) -> GatewayMemory? {
        var bytes: [UInt8] = []
        guard let folder = try? Directory.open("/proc/\(process)"), let file = try? folder.open("smaps_rollup", .read),
            (try? file.read(at: 0, count: 16 << 10, into: &bytes)) != nil
        else { return nil }
        var memory = GatewayMemory(privateKB: 0, proportionalKB: 0)
        for line in bytes.split(separator: UInt8(ascii: "\n")) {
            // `Private_Dirty:     12345 kB`
            let digits = line.drop { $0 != UInt8(ascii: ":") }.filter {
                (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0)
            }
            let number = Int(String(decoding: digits, as: UTF8.self)) ?? 0
            if line.starts(with: "Pss:".utf8) { memory.proportionalKB += number }
            if line.starts(with: "Private_Clean:".utf8) || line.starts(with: "Private_Dirty:".utf8) {
                memory.privateKB += number
            }
        }
        return memory
    }
}
