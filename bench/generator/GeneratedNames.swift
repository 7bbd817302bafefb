import TallyModel

/// Names as sources write them, and as reports show them.
enum GeneratedNames {
    /// What a report shows for a model: lower case, without a `[1m]` suffix.
    static func label(_ model: String) -> Label {
        let lower = model.lowercased()
        return Label(lower.hasSuffix("[1m]") ? String(lower.dropLast(4)) : lower) ?? .unlisted
    }

    /// Never met: a drawn UUID has its version bits set and so is not zero.
    static var anySession: SessionID {
        guard let session = SessionID(Bytes16(high: 0x4000, low: 1)) else { preconditionFailure("one is not zero") }
        return session
    }
}
