/// The time zone in which a report cuts its days and hours: seconds east of Greenwich at an instant.
package struct UsageZone: Sendable {
    /// Hours are shown with `Z` rather than `+00:00`.
    package let isUTC: Bool
    /// Takes seconds since 1970.
    package let offset: @Sendable (Int64) -> Int64

    package init(isUTC: Bool, offset: @escaping @Sendable (Int64) -> Int64) {
        self.isUTC = isUTC
        self.offset = offset
    }

    package static let utc = UsageZone(isUTC: true) { _ in 0 }
}
