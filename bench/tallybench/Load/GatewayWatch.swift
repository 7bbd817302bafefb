import TallyIO
import TallyModel

/// Looks at a gateway from outside while it is under load: the processor time of its process, and its own metrics.
struct GatewayWatch: Sendable {
    /// Some of the gateway's counters at one moment.
    struct Counters: Hashable, Sendable {
        var commits: UInt64
        var segmentSyncs: UInt64
        var fileSystemSyncs: UInt64
        var events: UInt64
        var viewTransactions: UInt64
        var barriers: UInt64 { segmentSyncs + fileSystemSyncs }
    }

    private let processes: [Int32]
    private let metrics: MetricsPage?

    init(processes: [Int32], metrics: MetricsPage?) throws(LoadError) {
        self.processes = processes
        self.metrics = metrics
        for id in processes where ProcessTime.nanoseconds(of: id) == nil { throw .noProcess(id) }
        if let metrics { _ = try metrics.read() }
    }

    /// User and system time of all threads, ended ones too; nil where no process was named or one is gone.
    func cpuNanoseconds() -> UInt64? {
        guard !processes.isEmpty else { return nil }
        var sum: UInt64 = 0
        for id in processes {
            guard let time = ProcessTime.nanoseconds(of: id) else { return nil }
            sum += time
        }
        return sum
    }

    func counters() -> Counters? {
        guard let page = try? metrics?.read() else { return nil }
        func value(_ name: String) -> UInt64 { page["tallygate_" + name] ?? 0 }
        return Counters(
            commits: value("commits_total"), segmentSyncs: value("segment_syncs_total"),
            fileSystemSyncs: value("file_system_syncs_total"), events: value("events_committed_total"),
            viewTransactions: value("view_transactions_total"))
    }

    /// Waits until the views have taken in what the ledger holds. False where that did not come in time; nil where
    /// nobody can tell.
    func settle() -> Bool? {
        guard let metrics else { return nil }
        let deadline = MonotonicClock.nowNanoseconds() + LoadLimits.settleNanoseconds
        // Each look costs the gateway about as much as a small batch, so there are twenty a second.
        while MonotonicClock.nowNanoseconds() < deadline {
            guard let page = try? metrics.read() else { return nil }
            if page["tallygate_views_lag_records"] == 0 { return true }
            Pause.milliseconds(50)
        }
        return false
    }
}

/// A Prometheus page on loopback, read with one small request.
struct MetricsPage: Sendable {
    private let address: SocketAddress
    private let host: String
    private let path: String

    private static let bytesMax = 1 << 20
    private static let waitMs: CInt = 5_000

    /// `http://HOST:PORT/PATH`, the host a loopback address or `localhost`.
    init(url: String) throws(LoadError) {
        let scheme = "http://"
        let rest = url.dropFirst(scheme.count)
        let slash = rest.firstIndex(of: "/") ?? rest.endIndex
        guard url.hasPrefix(scheme), let place = HostPort(String(rest[..<slash])), place.isLoopback else {
            throw .metrics("\(url) is not http://HOST:PORT/metrics on loopback")
        }
        path = slash < rest.endIndex ? String(rest[slash...]) : "/metrics"
        host = place.description
        do throws(ResolveError) {
            // It throws rather than find none.
            address = try Resolver.resolve(place)[0]
        } catch {
            throw .unresolved(error)
        }
    }

    /// Whole numbers by name; series with labels are left out.
    func read() throws(LoadError) -> [String: UInt64] {
        var answer: [UInt8] = []
        do throws(SystemError) {
            let connection = try BlockingConnection.connect(to: address, timeoutMs: MetricsPage.waitMs)
            let request = "GET \(path) HTTP/1.1\r\nHost: \(host)\r\nConnection: close\r\n\r\n"
            try connection.write(Array(request.utf8), timeoutMs: MetricsPage.waitMs)
            while try connection.read(upTo: 16_384, into: &answer, timeoutMs: MetricsPage.waitMs) {
                guard answer.count <= MetricsPage.bytesMax else { break }
            }
        } catch {
            throw .system(error)
        }
        let text = String(decoding: answer, as: UTF8.self)
        guard text.hasPrefix("HTTP/1.1 200") else { throw .metrics("the answer is not 200 OK") }
        var values: [String: UInt64] = [:]
        for line in text.split(whereSeparator: \.isNewline) where !line.hasPrefix("#") {
            let words = line.split(separator: " ")
            if words.count == 2, let value = UInt64(words[1]) { values[String(words[0])] = value }
        }
        return values
    }
}
