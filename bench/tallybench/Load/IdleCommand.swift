import ArgumentParser
import TallyIO
import TallyModel
import TallyWire

/// `tallybench idle`: many connections that do nothing.
struct IdleCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "idle",
        abstract: "Hold connections open at a gateway and weigh them.",
        discussion: """
            Each shakes hands and is welcomed with a stream of its own, then says nothing but a PING every 40 s. With \
            --gateway-pid it reports how much the gateway's own memory has grown, by connection. Exit 1 where a \
            connection could not be opened or was lost.
            """)

    @OptionGroup var place: TargetOptions
    @OptionGroup var who: TokenOptions
    @OptionGroup var output: OutputOptions

    @Option(help: "How many connections.")
    var connections = 1_000

    @Option(help: ArgumentHelp("How long to hold them once all are open.", valueName: "seconds"))
    var duration = Seconds(nanoseconds: 10_000_000_000)

    @Option(
        help: ArgumentHelp(
            "The gateway's process number: its memory and processor time are reported.", valueName: "pid"))
    var gatewayPid: Int32?

    func validate() throws {
        guard (1...LoadLimits.connectionsMax).contains(connections) else {
            throw ValidationError("--connections is 1 to \(LoadLimits.connectionsMax)")
        }
    }

    func run() throws {
        if let gatewayPid, ProcessMemory.anonymousBytes(of: gatewayPid) == nil { throw LoadError.noProcess(gatewayPid) }
        try OpenFiles.check(connections: connections)
        let room = try PeerRoom(try place.target(), tokens: try who.tokens())
        let hold = IdleHold(room, gateway: gatewayPid)
        let results = hold.run(connections: connections, nanoseconds: duration.nanoseconds)
        output.show(results)
        guard room.faults.areNone, hold.opened == connections else {
            Terminal.writeError("a connection was refused or lost; first: \(room.faults.first ?? "unknown")\n")
            throw ExitCode(1)
        }
    }
}

/// One run of `idle`: opens, holds, weighs.
final class IdleHold: PeerOwner {
    private(set) var opened = 0
    private let room: PeerRoom
    private let gateway: Int32?

    init(_ room: PeerRoom, gateway: Int32?) {
        self.room = room
        self.gateway = gateway
    }

    func welcomed(_ index: Int, _ welcome: Welcome) {}
    func acknowledged(_ index: Int, _ ack: Ack) {}
    func served(_ index: Int) {
        if room.peers[index].connection.hasUnsent { room.flush(index) }
    }

    func run(connections: Int, nanoseconds: Int64) -> Results {
        var progress = Progress()
        let memoryBefore = memory
        let timeBefore = time
        let ownBefore = ProcessTime.ownNanoseconds()
        let began = PeerRoom.now()
        opened = room.open(connections, self) { progress.show("\($0) connections open") }
        let openedAt = PeerRoom.now()
        let timeOpened = time
        let ownOpened = ProcessTime.ownNanoseconds()
        let memoryOpened = memory
        let end = openedAt + nanoseconds
        // A turn a second, or sooner where something comes.
        while PeerRoom.now() < end, room.welcomed > 0 {
            progress.show("\(room.welcomed) connections held")
            room.turn(until: min(end, PeerRoom.now() + 1_000_000_000), self)
            room.keepAlive(now: PeerRoom.now())
        }
        let memoryHeld = memory
        let held = room.welcomed
        let timeHeld = time
        room.close()
        progress.clear()

        var results = Results()
        results.add("command", "idle")
        results.add("version", ProgramVersion.text)
        results.add("connections", connections)
        results.add("opened", opened)
        results.add("held_to_the_end", held)
        results.add("failures", connections - held)
        let seconds = Double(openedAt - began) / 1e9
        results.add("seconds_to_open", seconds, digits: 3)
        results.add("opened_per_second", seconds > 0 ? Double(opened) / seconds : nil, digits: 0)
        results.add("seconds_held", Double(nanoseconds) / 1e9, digits: 3)
        results.add("gateway_anonymous_bytes_before", memoryBefore)
        results.add("gateway_anonymous_bytes_opened", memoryOpened)
        results.add("gateway_anonymous_bytes_held", memoryHeld)
        results.add("gateway_bytes_per_connection", perConnection(memoryHeld, less: memoryBefore))
        results.add(
            "gateway_bytes_per_connection_on_opening", perConnection(memoryOpened, less: memoryBefore))
        results.add("server_cpu_us_per_opening", micros(timeOpened, less: timeBefore, by: opened), digits: 1)
        results.add("client_cpu_us_per_opening", micros(ownOpened, less: ownBefore, by: opened), digits: 1)
        results.add("server_cpu_seconds_held", micros(timeHeld, less: timeOpened, by: 1_000_000), digits: 3)
        if let first = room.faults.first { results.add("first_fault", first) }
        return results
    }

    private var memory: Int? { gateway.flatMap { ProcessMemory.anonymousBytes(of: $0) } }
    private var time: UInt64? { gateway.flatMap { ProcessTime.nanoseconds(of: $0) } }

    private func perConnection(_ after: Int?, less before: Int?) -> Int? {
        guard let after, let before, opened > 0 else { return nil }
        return (after - before) / opened
    }

    private func micros(_ after: UInt64?, less before: UInt64?, by count: Int) -> Double? {
        guard let after, let before, after >= before, count > 0 else { return nil }
        return Double(after - before) / 1_000 / Double(count)
    }
}
