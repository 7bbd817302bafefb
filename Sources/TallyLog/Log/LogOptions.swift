import TallyModel

/// The sizes of one log. The defaults are the product's; tests take smaller ones.
package struct LogOptions: Hashable, Sendable {
    /// `isRollDue` from here on.
    package var segmentBytes = Limits.segmentBytesMax
    /// A new segment begins with no more than this; it is refused otherwise.
    package var birthBytesMax = Limits.segmentBytesMax
    /// `append` refuses beyond this.
    package var segmentBytesHard = Limits.segmentBytesMax + Limits.segmentSlackBytesMax
    package var preallocationBytes = Limits.segmentPreallocationBytes
    package var bufferBytesMax = Limits.logBufferBytesMax
    /// Appends go past the page cache: for a log that grows fast and is not read soon.
    package var bypassesCache = false

    package init() {}

    /// A tenant's ledger.
    package static var ledger: LogOptions {
        var options = LogOptions()
        options.bypassesCache = true
        return options
    }
}

/// What is known outside the log about what it must hold: a lower bound for each. It turns a silent loss at the
/// end of the log into damage that is seen.
package struct LogEvidence: Hashable, Sendable {
    /// The last ordinal that the views applied, a client acknowledged, or a snapshot covers.
    package var durableThrough: UInt64
    /// The log must still hold this segment, if it is not 0.
    package var firstSegment: UInt32

    package static let none = LogEvidence()

    package init(durableThrough: UInt64 = 0, firstSegment: UInt32 = 0) {
        self.durableThrough = durableThrough
        self.firstSegment = firstSegment
    }
}

/// What opening a log found and did.
package struct LogRecovery: Hashable, Sendable {
    /// The last record known durable before anything was rewritten.
    package var durableThrough: UInt64
    /// Records behind it that were read, checked and written again.
    package var recordsRewritten: UInt64
    /// Bytes of a torn tail that are gone; none of them had been promised to anyone.
    package var bytesCut: Int

    package var wasClean: Bool { recordsRewritten == 0 && bytesCut == 0 }
}

/// A record for the head of a new segment.
package struct NewRecord: Hashable, Sendable {
    package var draft: RecordDraft
    package var body: [UInt8]
    package var local: [UInt8]

    package init(_ draft: RecordDraft, body: [UInt8] = [], local: [UInt8] = []) {
        self.draft = draft
        self.body = body
        self.local = local
    }
}
