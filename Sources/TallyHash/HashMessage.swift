/// A short message that is put together in place and hashed with XXH3-64 (seed 0): 144 bytes without a heap.
///
/// Words are little-endian. A put may write over what an earlier one left behind the message's end.
package struct HashMessage: Sendable {
    package static let capacity = 144
    @usableFromInline package var storage = InlineArray<144, UInt8>(repeating: 0)

    @inlinable package init() {}

    /// Why these hold: the spans check the place against the storage, and any bytes are a valid UInt8.
    @inlinable @inline(__always)
    package mutating func put(_ value: UInt64, at place: Int) {
        var span = storage.mutableSpan
        var bytes = unsafe span.mutableBytes
        bytes.storeBytes(of: value.littleEndian, toByteOffset: place, as: UInt64.self)
    }

    @inlinable @inline(__always)
    package mutating func put(_ value: UInt32, at place: Int) {
        var span = storage.mutableSpan
        var bytes = unsafe span.mutableBytes
        bytes.storeBytes(of: value.littleEndian, toByteOffset: place, as: UInt32.self)
    }

    @inlinable @inline(__always)
    package mutating func put(_ value: UInt8, at place: Int) {
        var span = storage.mutableSpan
        span[place] = value
    }

    /// The hash of the first `length` bytes.
    @inline(__always)
    package func hash64(length: Int) -> UInt64 {
        XXH3.hash64(storage.span.extracting(0..<length))
    }
}
