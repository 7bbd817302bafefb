import TallyIO
import TallyModel

/// `tally pause` and `tally resume`: a person's word that nothing is to be read or sent, and its end.
///
/// While a pause holds there is no engine: `tally run` closes it at once and starts another when the pause is over, and
/// that reads on from the checkpoints. So what happened meanwhile is counted then, as after a machine that was off.
extension Workstation {
    /// `spanMs` is nil until `tally resume`.
    package func pause(spanMs: Int64?) throws(WorkstationError) -> Int32 {
        let mark = PauseMark(untilMs: spanMs.map { WallClock.nowMs() + $0 })
        try home.savePause(mark)
        try Handover.tellReload(home)
        Terminal.writeOutput("\(mark.words): nothing is read or sent; what happens meanwhile is counted afterwards\n")
        do throws(WorkstationError) { _ = try home.own() } catch {
            guard case .locked(.held) = error, !Handover.isAnswering(home) else { return ExitStatus.success }
            Terminal.writeError("tally: a tally sync or send is at work and ends its work first\n")
        }
        return ExitStatus.success
    }

    package func resume() throws(WorkstationError) -> Int32 {
        let held = try home.pause(atMs: WallClock.nowMs())
        try home.savePause(nil)
        try Handover.tellReload(home)
        Terminal.writeOutput(
            held == nil ? "not paused\n" : "resumed: what happened meanwhile is read now or by the next sync\n")
        return ExitStatus.success
    }

    /// Says so where a pause holds; the command then ends with `ExitStatus.tryLater`.
    func isPaused() throws(WorkstationError) -> Bool {
        guard let mark = try home.pause(atMs: WallClock.nowMs()) else { return false }
        Terminal.writeError("tally: \(WorkstationError.paused(untilMs: mark.untilMs))\n")
        return true
    }
}
