import Synchronization
import TallyModel

/// The gateway's counters, and their Prometheus text. Numbers only: no label of a metric can hold a peer's text.
package final class Metrics: Sendable {
    package enum Counter: Int, CaseIterable {
        case connectionsAccepted, connectionsRefused, connectionsRefusedByAddress, connectionsRefusedByPace
        case connectionsRefusedForDescriptors, acceptPauses, handshakesFailed, hellosRefused, framesTimedOut
        case batchesReceived, batchesDuplicate, batchesRejected, contentRejected
        case batchesHeldOff, labelsLimited, sessionsLimited
        case eventsCommitted, gapsRecorded, bytesReceived, bodyBytesReceived
        case commits, tenantSyncs, fileSystemSyncs, commitNanoseconds, viewTransactions, viewRebuilds

        var name: String {
            switch self {
            case .connectionsAccepted: "tallygate_connections_accepted_total"
            case .connectionsRefused: "tallygate_connections_refused_total"
            case .connectionsRefusedByAddress: "tallygate_connections_refused_by_address_total"
            case .connectionsRefusedByPace: "tallygate_connections_refused_by_pace_total"
            case .connectionsRefusedForDescriptors: "tallygate_connections_refused_for_descriptors_total"
            case .acceptPauses: "tallygate_accept_pauses_total"
            case .framesTimedOut: "tallygate_frames_timed_out_total"
            case .batchesHeldOff: "tallygate_batches_held_off_total"
            case .labelsLimited: "tallygate_batches_rejected_for_labels_total"
            case .sessionsLimited: "tallygate_batches_rejected_for_sessions_total"
            case .handshakesFailed: "tallygate_handshakes_failed_total"
            case .hellosRefused: "tallygate_hellos_refused_total"
            case .batchesReceived: "tallygate_batches_received_total"
            case .batchesDuplicate: "tallygate_batches_duplicate_total"
            case .batchesRejected: "tallygate_batches_rejected_total"
            case .contentRejected: "tallygate_batches_rejected_for_content_total"
            case .eventsCommitted: "tallygate_events_committed_total"
            case .gapsRecorded: "tallygate_gaps_recorded_total"
            case .bytesReceived: "tallygate_received_bytes_total"
            case .bodyBytesReceived: "tallygate_batch_body_bytes_total"
            case .commits: "tallygate_commits_total"
            case .tenantSyncs: "tallygate_segment_syncs_total"
            case .fileSystemSyncs: "tallygate_file_system_syncs_total"
            case .commitNanoseconds: "tallygate_commit_nanoseconds_total"
            case .viewTransactions: "tallygate_view_transactions_total"
            case .viewRebuilds: "tallygate_view_rebuilds_total"
            }
        }

        var help: String {
            switch self {
            case .connectionsAccepted: "Connections whose TLS handshake was completed."
            case .connectionsRefused: "Connections refused because of a limit."
            case .connectionsRefusedByAddress: "Of them, because of a limit of one address."
            case .connectionsRefusedByPace: "Of them, because too many began at once."
            case .connectionsRefusedForDescriptors: "Of them, because the rest of the descriptors is for files."
            case .acceptPauses: "Times that accepting waited for a descriptor or memory."
            case .framesTimedOut: "Connections ended because a frame was not finished in time."
            case .batchesHeldOff: "BATCH frames answered BUSY because too many bytes wait for the disk."
            case .labelsLimited: "BATCH frames rejected because a tenant had too many new models."
            case .sessionsLimited: "BATCH frames put off because a tenant had too many new sessions."
            case .handshakesFailed: "TLS handshakes that failed."
            case .hellosRefused: "HELLO frames refused."
            case .batchesReceived: "BATCH frames taken."
            case .batchesDuplicate: "BATCH frames that were committed before and acknowledged again."
            case .batchesRejected: "BATCH frames answered by REJECT."
            case .contentRejected: "BATCH frames rejected because a column was named as content."
            case .eventsCommitted: "Events committed to stable storage."
            case .gapsRecorded: "SKIP frames committed as gaps."
            case .bytesReceived: "Plaintext bytes received."
            case .bodyBytesReceived: "Bytes of BATCH bodies received."
            case .commits: "Group commits."
            case .tenantSyncs: "Barriers on one tenant's segment."
            case .fileSystemSyncs: "Barriers on the whole file system."
            case .commitNanoseconds: "Time spent in barriers."
            case .viewTransactions: "Transactions on views."
            case .viewRebuilds: "Views discarded and rebuilt from the ledger."
            }
        }
    }

    package enum Gauge: Int, CaseIterable {
        case connections, streams, tenants, viewsLagRecords, isReady, isPaused

        var name: String {
            switch self {
            case .connections: "tallygate_connections"
            case .streams: "tallygate_live_streams"
            case .tenants: "tallygate_tenants"
            case .viewsLagRecords: "tallygate_views_lag_records"
            case .isReady: "tallygate_ready"
            case .isPaused: "tallygate_paused"
            }
        }

        var help: String {
            switch self {
            case .connections: "Open connections."
            case .streams: "Streams with a live connection."
            case .tenants: "Tenants that are open."
            case .viewsLagRecords: "Ledger records that the views have not applied yet."
            case .isReady: "1 while the gateway takes batches."
            case .isPaused: "1 while the disk is nearly full and no workstation has credit."
            }
        }
    }

    private let counters: [AtomicCell]
    private let gauges: [AtomicCell]

    package init() {
        counters = Counter.allCases.map { _ in AtomicCell() }
        gauges = Gauge.allCases.map { _ in AtomicCell() }
    }

    func add(_ counter: Counter, _ amount: Int = 1) { counters[counter.rawValue].add(amount) }
    func add(_ gauge: Gauge, _ amount: Int) { gauges[gauge.rawValue].add(amount) }
    /// For a counter that is kept elsewhere and never falls.
    func set(_ counter: Counter, _ value: Int) { counters[counter.rawValue].set(value) }
    func set(_ gauge: Gauge, _ value: Int) { gauges[gauge.rawValue].set(value) }
    package func value(_ counter: Counter) -> Int { counters[counter.rawValue].value }
    package func value(_ gauge: Gauge) -> Int { gauges[gauge.rawValue].value }

    /// The exposition format of Prometheus, version 0.0.4.
    package var text: String {
        var text = "# HELP tallygate_build_info The program's version.\n# TYPE tallygate_build_info gauge\n"
        text += "tallygate_build_info{version=\"\(ProgramVersion.text)\"} 1\n"
        for counter in Counter.allCases {
            text += "# HELP \(counter.name) \(counter.help)\n# TYPE \(counter.name) counter\n"
            text += "\(counter.name) \(value(counter))\n"
        }
        for gauge in Gauge.allCases {
            text += "# HELP \(gauge.name) \(gauge.help)\n# TYPE \(gauge.name) gauge\n\(gauge.name) \(value(gauge))\n"
        }
        return text
    }
}

/// One number that several threads change.
private final class AtomicCell: Sendable {
    private let number = Atomic<Int>(0)
    var value: Int { number.load(ordering: .relaxed) }
    func add(_ amount: Int) { number.wrappingAdd(amount, ordering: .relaxed) }
    func set(_ value: Int) { number.store(value, ordering: .relaxed) }
}
