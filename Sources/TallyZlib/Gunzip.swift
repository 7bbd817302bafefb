import CZlib

/// Why bytes were not unpacked.
package enum GzipRefusal: Error, Hashable, Sendable {
    /// They are no whole gzip member, or more than one.
    case damaged
    /// They hold more than the caller takes.
    case tooLarge
    case noMemory
}

/// Unpacks one gzip body in memory, never beyond what the caller takes: a bomb is refused and costs that much at most.
package enum Gunzip {
    /// How much a first attempt has room for: telemetry packs about ten to one.
    private static let usualRatio = 16

    /// The bytes that `bytes` hold, at most `outputBytesMax` of them.
    package static func decode(_ bytes: Span<UInt8>, outputBytesMax: Int) throws(GzipRefusal) -> [UInt8] {
        precondition(outputBytesMax > 0 && outputBytesMax < 1 << 30, "a body is far below 2^30 bytes")
        guard bytes.count < 1 << 30 else { throw .tooLarge }
        let usual = min(outputBytesMax, bytes.count * usualRatio + 1_024)
        do throws(GzipRefusal) {
            return try attempt(bytes, room: usual)
        } catch {
            guard error == .tooLarge, usual < outputBytesMax else { throw error }
            return try attempt(bytes, room: outputBytesMax)
        }
    }

    private static func attempt(_ bytes: Span<UInt8>, room: Int) throws(GzipRefusal) -> [UInt8] {
        var output = [UInt8](repeating: 0, count: room)
        var written = 0
        // Why this holds: the library reads `source.count` bytes, writes at most `target.count` and keeps no address.
        let status = unsafe bytes.withUnsafeBytes { source in
            unsafe output.withUnsafeMutableBufferPointer { target in
                unsafe tally_gunzip(
                    source.baseAddress?.assumingMemoryBound(to: UInt8.self), source.count, target.baseAddress,
                    target.count, &written)
            }
        }
        switch Int(status) {
        case Int(TALLY_GUNZIP_DONE): break
        case Int(TALLY_GUNZIP_ROOM): throw .tooLarge
        case Int(TALLY_GUNZIP_MEMORY): throw .noMemory
        default: throw .damaged
        }
        output.removeLast(room - written)
        return output
    }
}
