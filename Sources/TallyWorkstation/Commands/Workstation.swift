import Dispatch
import Synchronization
import TallyHash
import TallyIO
import TallyLog
package import TallyModel
import TallyTLS
import TallyWire

/// The commands of `tally`, without flags: each returns its exit code, and says what it has to say through
/// `Console`. While a `tally run` owns the home, they hand their work over to it.
package struct Workstation {
    package let home: Home
    let homes: SourceHomes

    /// The values of TALLY_HOME, HOME, CLAUDE_CONFIG_DIR, CODEX_HOME and GEMINI_CLI_HOME.
    package init(
        tallyHome: String?, home: String?, claudeConfigDir: String?, codexHome: String?, geminiCLIHome: String?
    ) throws(WorkstationError) {
        TLSLibrary.keepUntilTheEnd()
        self.home = try Home(path: try Home.path(tallyHome: tallyHome, home: home))
        homes = SourceHomes(
            home: home, claudeConfigDir: claudeConfigDir, codexHome: codexHome, geminiCLIHome: geminiCLIHome)
    }

    // MARK: Connecting

    /// Shakes hands, and only then saves.
    package func connect(
        _ gateway: HostPort, token: [UInt8], authorities: [UInt8]?, name: String
    ) throws(WorkstationError) -> Int32 {
        let tls: TLSClientContext
        do throws(CertificateError) {
            tls = try TLSClientContext(trust: authorities.map { .authorities($0, name: name) } ?? .system)
        } catch {
            throw .certificate(error)
        }
        let shard = try newShard()
        let known = try spoolState()
        let state = known ?? SpoolState(newStream: StreamID(Bytes16(Random.bytes(16))))
        let welcome: Welcome
        do throws(WorkstationError) {
            welcome = try greet(gateway, tls, token, state, shard)
        } catch {
            guard error == .refused(.streamOwned) else { throw error }
            // The token is another workstation's than the one the spool was sent under: the spool opens a new
            // stream when it is sent. Whether the token is good, a stream of its own tells.
            let fresh = SpoolState(newStream: StreamID(Bytes16(Random.bytes(16))))
            welcome = try greet(gateway, tls, token, fresh, shard)
        }
        let (keeps, isOver) = welcome.clockMs.subtractingReportingOverflow(welcome.oldestTimeMs)
        guard !isOver, keeps > 0 else { throw .protocolBroken }
        // Nothing is made before the gateway has said yes.
        if known == nil { try makeSpool(state.stream) }
        try home.save(
            Enrolment(
                gateway: gateway, token: token, authorities: authorities, tenantKey: welcome.tenantKey, keepsMs: keeps,
                oldestMs: welcome.oldestTimeMs))
        try Handover.tellReload(home)
        Terminal.writeOutput("connected to \(gateway)\n")
        return ExitStatus.success
    }

    package func disconnect() throws(WorkstationError) -> Int32 {
        guard let enrolment = try home.enrolment() else {
            Terminal.writeOutput("not connected\n")
            return ExitStatus.success
        }
        try home.save(nil)
        try Handover.tellReload(home)
        Terminal.writeOutput("disconnected from \(enrolment.gateway); the spool is kept\n")
        return ExitStatus.success
    }

    private func greet(
        _ gateway: HostPort, _ tls: TLSClientContext, _ token: [UInt8], _ state: SpoolState, _ shard: Shard
    ) throws(WorkstationError) -> Welcome {
        let answer = Guarded<Result<Welcome, WorkstationError>?>(nil)
        let box = GreetingBox(answer)
        Greeter.greet(gateway, tls: tls, token: token, state: state, on: shard) { box.put($0) }
        guard let result = box.wait() else { throw .noAnswer }
        return try result.get()
    }

    /// What the spool says now, nil if there is none; nobody's work is disturbed.
    func spoolState() throws(WorkstationError) -> SpoolState? {
        guard let folder = try home.existingSpool() else { return nil }
        // An owner may trim a segment while it is read: then it is read again.
        for _ in 0..<3 {
            do throws(WorkstationError) { return try SpoolState.load(folder) } catch {
                if error == .log(.absent) { return nil }
                guard case .log(.system(let cause)) = error, cause.isNotFound else { throw error }
            }
        }
        return try SpoolState.load(folder)
    }

    private func makeSpool(_ stream: StreamID) throws(WorkstationError) {
        let lock = try home.own()
        try Spool(on: try home.spoolFolder(), stream: stream, nowMs: WallClock.nowMs()).close()
        _ = consume lock
    }

    func newShard() throws(WorkstationError) -> Shard {
        do throws(SystemError) { return try Shard(name: "tally") } catch { throw .system(error) }
    }

    // MARK: Sync and send

    package func sync(wait: Duration) throws(WorkstationError) -> Int32 {
        guard try !isPaused() else { return ExitStatus.tryLater }
        let console = Console()
        guard let owned = try ownOrHandOver() else {
            return try Handover.sync(home, wait: wait, console)
        }
        let host = try EngineHost(home, homes, newShard())
        let reply = Reply()
        host.with {
            $0.sync(wait: wait, reply: reply)
        } orElse: {
            host.refuse(reply)
        }
        let code = console.show(reply)
        host.stop()
        _ = consume owned
        return code
    }

    /// Reads NDJSON from standard input to its end.
    package func send(wait: Duration) throws(WorkstationError) -> Int32 {
        guard try !isPaused() else { return ExitStatus.tryLater }
        let console = Console()
        guard let owned = try ownOrHandOver() else {
            return try Handover.send(home, wait: wait, console)
        }
        let host = try EngineHost(home, homes, newShard())
        let reply = Reply()
        let input = host.beginSend(wait: wait, reply: reply)
        var isCut = false
        while !isCut, !reply.isDone {
            let bytes = try readInput()
            guard !bytes.isEmpty else { break }
            isCut = !feed(bytes, input, host, wait)
            console.showReady(reply)
        }
        host.endSend(input, isCut: isCut, reply: reply)
        let code = console.show(reply)
        host.stop()
        _ = consume owned
        return code
    }

    /// Offers bytes until the spool has room; gives up when it has had none for `wait`.
    private func feed(_ bytes: [UInt8], _ input: UInt64, _ host: EngineHost, _ wait: Duration) -> Bool {
        let began = MonotonicClock.nowMs()
        while !host.feed(input, bytes) {
            guard MonotonicClock.nowMs() - began < Int64(wait.wholeMilliseconds) else { return false }
            Pause.milliseconds(200)
        }
        return true
    }

    func readInput() throws(WorkstationError) -> [UInt8] {
        do throws(SystemError) { return try Terminal.readInput(limit: Limits.sendChunkBytes) } catch {
            throw .system(error)
        }
    }

    /// The home's lock; nil where a running tally holds it and answers.
    func ownOrHandOver() throws(WorkstationError) -> FileLock? {
        do throws(WorkstationError) { return try home.own() } catch {
            guard case .locked(.held) = error, Handover.isAnswering(home) else { throw error }
            return nil
        }
    }
}

/// One answer on its way from the shard to the waiting command.
private final class GreetingBox: Sendable {
    private let answer: Guarded<Result<Welcome, WorkstationError>?>
    private let ready = Bell()

    init(_ answer: consuming Guarded<Result<Welcome, WorkstationError>?>) { self.answer = answer }

    func put(_ result: Result<Welcome, WorkstationError>) {
        answer.withLock { $0 = result }
        ready.ring()
    }

    /// Nil after twice the longest dial: connection, then answer.
    func wait() -> Result<Welcome, WorkstationError>? {
        let limit = 2 * Int(Limits.dialTimeout.wholeMilliseconds) + 1_000
        guard ready.wait(timeoutMs: limit) else { return nil }
        return answer.withLock { $0 }
    }
}
