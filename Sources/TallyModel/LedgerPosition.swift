/// A place in a log: behind which record something stands. The checksum says that it is the same log.
package struct LedgerPosition: Hashable, Sendable {
    /// Drawn when the log was created; another lineage is another log.
    package var lineage: Bytes16
    /// The number of the segment, from 1.
    package var segment: UInt32
    /// The number of the record in the whole log, from 1; 0 stands before the first.
    package var ordinal: UInt64
    /// The checksum of that record's header; 0 before the first.
    package var checksum: UInt64

    package init(lineage: Bytes16, segment: UInt32, ordinal: UInt64, checksum: UInt64) {
        self.lineage = lineage
        self.segment = segment
        self.ordinal = ordinal
        self.checksum = checksum
    }
}
