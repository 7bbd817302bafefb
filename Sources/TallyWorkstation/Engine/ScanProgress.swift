import TallyModel

/// How far a scan has come, in words for a person who watches: `reading 1.25 of 10.4 GB, 512 MB/s, 18 s left`.
///
/// Says nothing of a scan that is over before `interval`, and nothing sooner than `interval` after its last word.
struct ScanProgress: Hashable, Sendable {
    static let interval: Duration = .milliseconds(100)

    private let beganAt: MonotonicInstant
    private var toldAt: MonotonicInstant
    /// Something has been told, so that there is something to take away at the end.
    private(set) var isShown = false

    init(beganAt: MonotonicInstant) {
        self.beganAt = beganAt
        toldAt = beganAt
    }

    /// What there is to say now, nil if it is too early. `bytesToRead` is what the search found; files may have grown.
    mutating func words(bytesRead: UInt64, bytesToRead: UInt64, _ now: MonotonicInstant) -> String? {
        guard now.since(toldAt) >= Self.interval, bytesToRead > 0 else { return nil }
        toldAt = now
        isShown = true
        let elapsedMs = max(UInt64(now.since(beganAt).wholeMilliseconds), 1)
        // Bytes a millisecond are kilobytes a second.
        let rate = bytesRead / elapsedMs
        let whole = max(bytesRead, bytesToRead)
        var words = "reading \(Self.size(bytesRead, as: whole)) of \(Self.size(whole, as: whole)) "
        words += "\(Self.unit(whole).name), \(rate / 1_000) MB/s"
        if rate > 0 { words += ", \(Self.time(seconds: (whole - bytesRead) / rate / 1_000)) left" }
        return words
    }

    private static func unit(_ bytes: UInt64) -> (bytes: UInt64, name: String) {
        bytes < 1_000_000_000 ? (1_000_000, "MB") : (1_000_000_000, "GB")
    }

    /// `bytes` in the unit of `whole`, three digits of it at least where it is in gigabytes.
    private static func size(_ bytes: UInt64, as whole: UInt64) -> String {
        let unit = unit(whole).bytes
        guard unit == 1_000_000_000 else { return "\(bytes / unit)" }
        let hundredths = bytes / (unit / 100)
        let rest = hundredths % 100
        return "\(hundredths / 100).\(rest < 10 ? "0" : "")\(rest)"
    }

    private static func time(seconds: UInt64) -> String {
        if seconds < 60 { return "\(seconds) s" }
        if seconds < 3_600 { return "\(seconds / 60) min \(seconds % 60) s" }
        return "\(seconds / 3_600) h \(seconds / 60 % 60) min"
    }
}

extension EngineCore {
    /// Tells those who wait for the running scan, and who watches a following workstation, how far it has come.
    func tellReading(_ now: WorkstationInstant) {
        guard
            let words = reading.words(bytesRead: scan.bytesRead, bytesToRead: scan.bytesToRead, now.monotonic)
        else { return }
        for waiter in waiters where waiter.target == nil { emit(.reply(waiter.command, .progress(words))) }
        if isFollowing { emit(.reading(words)) }
    }

    /// Takes away what stands there of a scan that is over.
    func endReading() {
        if isFollowing, reading.isShown { emit(.reading(nil)) }
    }
}
