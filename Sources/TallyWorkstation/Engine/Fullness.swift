import TallyModel

/// A full spool: nothing is read until the gateway has taken some of it. Said loudly, counted durably.
extension EngineCore {
    func noteFullness(_ now: WorkstationInstant) throws(WorkstationError) {
        if spool.isFull, fullSince == nil {
            fullSince = now.monotonic
            emit(.notice(WorkstationError.spoolFull.description))
            try spool.noteFull(afterMs: nil, nowMs: now.wallMs)
        } else if !spool.isFull, let since = fullSince {
            fullSince = nil
            emit(.notice("the spool has room again: reading goes on"))
            try spool.noteFull(
                afterMs: now.monotonic.since(since).wholeNanoseconds / 1_000_000, nowMs: now.wallMs)
        }
    }
}
