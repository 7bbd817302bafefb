import TallyModel

/// An export whose calls wait to be counted.
struct WaitingExport {
    let command: UInt64
    let batch: OTLPBatch
    let dueAt: MonotonicInstant
    /// How many scans had begun when it came: one that begins later has read what was in the transcripts by then.
    let scansBegun: UInt64
}

/// Exports: decoded at once, counted behind the transcripts that are being read, answered when they are durable.
extension EngineCore {
    /// Takes an export; `exported` tells how it ended, with the number that this returns.
    package func take(_ request: OTLPRequest, _ now: WorkstationInstant) -> UInt64 {
        let command = nextCommand()
        do throws(OTLPRefusal) {
            guard failure == nil else { throw .unavailable }
            guard request.signal != .metrics else {
                emit(.exported(command, .taken(rejected: 0)))
                return command
            }
            guard !spool.isFull else { throw .full }
            let batch = try telemetry.decode(request)
            takeTelemetry(batch.signs, now)
            guard waitingCalls + batch.calls.count <= Limits.otlpWaitingCallsMax else { throw .busy }
            exports.append(
                WaitingExport(
                    command: command, batch: batch, dueAt: now.monotonic + Limits.otlpPatience,
                    scansBegun: scansBegun))
            // Nobody reads transcripts, or there is nothing that they could know better.
            if !isFollowing || batch.calls.isEmpty { countExports(now, through: command) }
        } catch {
            emit(.exported(command, .refused(error)))
        }
        return command
    }

    private var waitingCalls: Int { exports.reduce(0) { $0 + $1.batch.calls.count } }

    /// Counts what is due: by time, by the end of the scan of this number, or through this command.
    func countExports(_ now: WorkstationInstant, scanned: UInt64 = 0, through: UInt64 = 0) {
        let due = exports.filter {
            $0.dueAt <= now.monotonic || $0.scansBegun < scanned || $0.command == through
        }
        guard !due.isEmpty, failure == nil else { return }
        exports.removeAll { export in due.contains { $0.command == export.command } }
        do throws(WorkstationError) {
            try noteFullness(now)
            guard !spool.isFull else {
                for export in due { emit(.exported(export.command, .refused(.full))) }
                return
            }
            let transcripts = spool.counter.transcriptAgents
            for export in due {
                if spool.counter.isFull { try commit(now, isGrouped: true) }
                spool.counter.note(export.batch)
                for call in export.batch.calls {
                    if spool.counter.isFull { try commit(now, isGrouped: true) }
                    spool.counter.take(call, transcripts: transcripts)
                }
            }
            // Written and synced: only now may a sender forget them.
            try commit(now)
            touch(now)
            for export in due { emit(.exported(export.command, .taken(rejected: export.batch.rejected))) }
        } catch {
            for export in due { emit(.exported(export.command, .refused(.unavailable))) }
            fail(error)
        }
    }

    func refuseExports() {
        for export in exports { emit(.exported(export.command, .refused(.unavailable))) }
        exports = []
    }
}
