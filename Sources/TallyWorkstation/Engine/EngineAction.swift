/// What the engine wants done, in order: by the connection's holder, by who waits for a command, by a person who
/// watches.
package enum EngineAction: Hashable, Sendable {
    /// Connect, then call `opened` or `dialFailed`.
    case dial
    case send([UInt8])
    /// Say farewell and forget the connection.
    case close
    /// A word for the command of this number; after `done` there are none.
    case reply(UInt64, ReplyMessage)
    case notice(String)
    /// How the export of this number ended.
    case exported(UInt64, OTLPOutcome)
    /// One line about a scan that takes long, for a terminal; it replaces the one before, and nil takes it away.
    case reading(String?)
    /// These folders have just been searched: a change in one of them is to be told with `folderChanged`. Carried
    /// out before the next `slice`, so that nothing that is added meanwhile is missed.
    case watch([String])
    /// The engine is over; only a new one, on a spool opened anew, can go on.
    case failed(WorkstationError)
}

/// What a command has to say while it works.
package enum ReplyMessage: Hashable, Sendable {
    case output(String)
    case error(String)
    /// One line that replaces the one before, for a terminal.
    case progress(String)
    case done(Int32)
}
