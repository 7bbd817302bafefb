import ArgumentParser
import Synchronization
import TallyFuzzing
import TallyHash
import TallyIO

/// The black-box protocol fuzzer: one mutation a session, every reply judged by the documents.
@main
struct Tallyfuzz: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tallyfuzz",
        abstract: "Fuzzes a gateway that speaks tallygate/1, from outside.",
        discussion: """
            Each case is a valid session with one thing wrong. Every reply is judged by protocol/SPEC.md and BEHAVIOUR.md, \
            and a finding names the requirement that is broken. A failing case is made smaller and can be replayed.

            Use a tenant of its own on a gateway that nobody needs: cases leave events there.

            Exit codes: 0 nothing found, 1 findings, 2 wrong usage or no session.
            """)

    @OptionGroup var place: PlaceOptions
    @OptionGroup var which: CaseOptions

    @Option(help: ArgumentHelp("The gateway's process number: its memory is told before and after.", valueName: "pid"))
    var gatewayPid: Int32?

    @Option(help: ArgumentHelp("Write each finding's case there.", valueName: "folder"))
    var out: String?

    @Flag(help: "Print one JSON object, on one line, as the last line.")
    var json = false

    static func main() {
        do {
            var command = try parseAsRoot()
            try command.run()
        } catch {
            let code = exitCode(for: error)
            if error is ExitCode { exit(withError: error) }
            guard code == .success else {
                let words = error is FuzzError ? "tallyfuzz: \(error)" : fullMessage(for: error)
                Terminal.writeError(words + "\n")
                exit(withError: ExitCode(2))
            }
            Terminal.writeOutput(message(for: error) + "\n")
        }
    }

    func run() throws {
        let target = try place.target()
        let token = try place.secret()
        if let gatewayPid, GatewayMemory.of(gatewayPid) == nil { throw FuzzError.noProcess(gatewayPid) }
        let lanes = which.isSingle ? 1 : which.connections
        let room = try FuzzRoom(target, token: token, lanes: lanes, seed: Random.uint64(), traces: which.isSingle)
        try greet(room)
        var report = FuzzReport(which, gateway: gatewayPid)
        var campaign = try which.campaign(nowMs: WallClock.nowMs())
        let stop = StopFlag()
        let signals = StopSignals { stop.raise() }
        defer { withExtendedLifetime(signals) {} }
        report.begin()
        try room.run(&campaign, isStopped: { stop.isRaised }, progress: { report.progress($0) })
        room.close()
        report.end()
        for trace in room.traces.dropFirst() { Terminal.writeOutput(trace.map { "  \($0)\n" }.joined()) }
        if let out { try report.save(campaign, to: out) }
        Terminal.writeOutput(report.table(campaign))
        if json { Terminal.writeOutput(report.json(campaign)) }
        if campaign.total.broken > 0 { throw ExitCode(1) }
    }

    /// A session as it should be, before anything else: where there is none, no case says anything.
    private func greet(_ room: FuzzRoom) throws {
        let greeting = Script(family: .valid, seed: 0, number: 0, steps: [.open(.session), .settle])
        var campaign = Campaign(replaying: greeting, nowMs: WallClock.nowMs())
        try room.run(&campaign)
        if campaign.total.interrupted > 0 { throw FuzzError.unreachable(campaign.interruption ?? "it broke off") }
        if let group = campaign.groups.first {
            throw FuzzError.unreachable(
                "\(group.finding.rule): expected \(group.finding.expected), got \(group.finding.got)")
        }
    }
}

/// A wish to stop, from the thread that hears signals.
final class StopFlag: Sendable {
    private let flag = Atomic<Bool>(false)
    var isRaised: Bool { flag.load(ordering: .relaxed) }
    func raise() { flag.store(true, ordering: .relaxed) }
}
