extension [UInt8] {
    /// Appends a copy of `bytes` in one piece.
    package mutating func append(copying bytes: Span<UInt8>) {
        // The buffer pointer lives for the call, and the array copies from it.
        unsafe bytes.withUnsafeBufferPointer { unsafe append(contentsOf: $0) }
    }
}
