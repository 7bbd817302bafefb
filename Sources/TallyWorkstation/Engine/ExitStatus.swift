/// Exit codes that a script may rely on.
package enum ExitStatus {
    package static let success: Int32 = 0
    package static let failure: Int32 = 1
    /// Try again later: everything is spooled (`EX_TEMPFAIL` of sysexits).
    package static let tryLater: Int32 = 75

    /// How `tally sync` and `tally send` end.
    package static func ofCommand(badLines: UInt64, isSettled: Bool) -> Int32 {
        if !isSettled { return tryLater }
        return badLines > 0 ? failure : success
    }
}
