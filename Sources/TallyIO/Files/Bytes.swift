extension [UInt8] {
    /// Copies a span behind the last byte.
    package mutating func append(copying bytes: Span<UInt8>) {
        // Why this holds: the span outlives the call and the array copies the bytes out of it.
        unsafe bytes.withUnsafeBufferPointer { unsafe append(contentsOf: $0) }
    }

    /// Writes an integer's bytes behind the last one, least significant first.
    package mutating func append(littleEndian value: some FixedWidthInteger) {
        // Why this holds: the integer lives in a local copy for the length of the closure.
        unsafe Swift.withUnsafeBytes(of: value.littleEndian) { unsafe append(contentsOf: $0) }
    }
}

extension Span<UInt8> {
    /// Reads an integer's bytes from `offset`, least significant first. Precondition: they lie inside.
    package func littleEndian<Value: FixedWidthInteger & BitwiseCopyable>(_: Value.Type, at offset: Int) -> Value {
        let width = Value.bitWidth / 8
        precondition(offset >= 0 && offset <= count - width, "an integer lies inside its bytes")
        // Why this holds: the window was checked above; an unaligned load of any bit pattern is an integer.
        return unsafe withUnsafeBytes { bytes in
            Value(littleEndian: unsafe bytes.loadUnaligned(fromByteOffset: offset, as: Value.self))
        }
    }
}
