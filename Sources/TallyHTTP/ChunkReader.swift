/// Takes a body out of its chunks (RFC 9112, 7.1), a few bytes at a time; sans I/O.
///
/// Extensions of a chunk and trailer fields are passed over within a bound; what is not of the form is refused. The
/// body never grows beyond `bodyBytesMax`.
package struct ChunkReader: Sendable {
    private enum State: Hashable {
        /// The digits of a chunk's size, and what may stand behind them.
        case size, extra, sizeEnd
        case data(left: Int)
        case dataReturn, dataEnd
        /// At the start of a trailer line, within one, behind its return.
        case lineStart, line, lineEnd, lastEnd
        case done
    }

    package enum Failure: Error, Hashable, Sendable { case malformed, tooLarge }

    /// What a chunk's line and the trailer may hold beside digits, together.
    private static let besideBytesMax = 4_096

    private let bodyBytesMax: Int
    private var state = State.size
    private var size = 0
    private var digits = 0
    private var besideBytes = 0
    package private(set) var body: [UInt8] = []

    package init(bodyBytesMax: Int) { self.bodyBytesMax = bodyBytesMax }

    package var isDone: Bool { state == .done }

    /// Takes bytes from `start` on, up to the end of the body; returns how many it took.
    package mutating func take(_ bytes: [UInt8], from start: Int) throws(Failure) -> Int {
        var index = start
        while index < bytes.count, state != .done {
            if case .data(let left) = state {
                let count = min(left, bytes.count - index)
                body.append(contentsOf: bytes[index..<(index + count)])
                index += count
                state = count == left ? .dataReturn : .data(left: left - count)
                continue
            }
            try step(bytes[index])
            index += 1
        }
        return index - start
    }

    private mutating func step(_ byte: UInt8) throws(Failure) {
        switch state {
        case .size:
            if let digit = hex(byte), digits < 8 {
                size = size << 4 | digit
                digits += 1
            } else if digits > 0, byte == 0x0D {
                state = .sizeEnd
            } else if digits > 0, byte == UInt8(ascii: ";") || byte == 0x20 || byte == 0x09 {
                state = .extra
            } else {
                throw .malformed
            }
        case .extra: if byte == 0x0D { state = .sizeEnd } else { try passOver(byte) }
        case .sizeEnd:
            guard byte == 0x0A else { throw .malformed }
            guard size <= bodyBytesMax - body.count else { throw .tooLarge }
            state = size == 0 ? .lineStart : .data(left: size)
            size = 0
            digits = 0
        case .dataReturn: try expect(0x0D, byte, .dataEnd)
        case .dataEnd: try expect(0x0A, byte, .size)
        case .lineStart:
            if byte == 0x0D { state = .lastEnd } else { try passOver(byte) }
            if state == .lineStart { state = .line }
        case .line: if byte == 0x0D { state = .lineEnd } else { try passOver(byte) }
        case .lineEnd: try expect(0x0A, byte, .lineStart)
        case .lastEnd: try expect(0x0A, byte, .done)
        case .data, .done: break
        }
    }

    private mutating func expect(_ wanted: UInt8, _ byte: UInt8, _ next: State) throws(Failure) {
        guard byte == wanted else { throw .malformed }
        state = next
    }

    private mutating func passOver(_ byte: UInt8) throws(Failure) {
        besideBytes += 1
        guard byte >= 0x20 || byte == 0x09, besideBytes <= Self.besideBytesMax else { throw .malformed }
    }

    private func hex(_ byte: UInt8) -> Int? {
        switch byte {
        case 0x30...0x39: Int(byte - 0x30)
        case 0x41...0x46: Int(byte - 0x41 + 10)
        case 0x61...0x66: Int(byte - 0x61 + 10)
        default: nil
        }
    }
}
