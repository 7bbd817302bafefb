import Dispatch
import Synchronization
import TallyIO
import TallyModel

/// Lets the other commands in while `tally run` owns the home: one thread accepts, one each serves, at most
/// `clientsMax` at a time.
final class RunDoor: Sendable {
    private let listener: UnixSocket
    private let host: RunHost
    private let clients = Atomic<Int>(0)
    private let isClosed = Atomic<Bool>(false)

    /// The caller holds the home's lock.
    init(_ home: Home, _ host: RunHost) throws(WorkstationError) {
        do throws(SystemError) {
            listener = try UnixSocket.listen(folder: home.path, name: Home.socketName)
        } catch {
            throw .system(error)
        }
        self.host = host
    }

    func open() {
        DispatchQueue(label: "tally.door").async { self.acceptAll() }
    }

    func close() {
        isClosed.store(true, ordering: .relaxed)
        listener.stopListening()
    }

    private func acceptAll() {
        while !isClosed.load(ordering: .relaxed) {
            do throws(SystemError) {
                guard let socket = try listener.accept(timeoutMs: nil) else { continue }
                let client = RunClient(socket, host)
                guard clients.add(1, ordering: .relaxed).newValue <= Limits.clientsMax else {
                    clients.subtract(1, ordering: .relaxed)
                    continue
                }
                DispatchQueue.global(qos: .userInitiated).async {
                    client.serve()
                    self.clients.subtract(1, ordering: .relaxed)
                }
            } catch {
                // Out of descriptors, for instance: there will be some again.
                if isClosed.load(ordering: .relaxed) { break }
                Pause.milliseconds(200)
            }
        }
    }
}

/// One command that has come in (see `Handover` for what is said).
private final class RunClient: Sendable {
    private let socket: UnixSocket
    private let host: RunHost

    init(_ socket: consuming UnixSocket, _ host: RunHost) {
        self.socket = socket
        self.host = host
    }

    func serve() {
        do throws(SystemError) {
            guard let first = try socket.receive(timeoutMs: Handover.replyTimeoutMs) else { return }
            switch first.first {
            case UInt8(ascii: "p"): try say("k")
            case UInt8(ascii: "r"):
                host.reload()
                try say("k")
            case UInt8(ascii: "s"): try sync(wait(first))
            case UInt8(ascii: "n"): try send(wait(first))
            case UInt8(ascii: "l"): try resend(first)
            case UInt8(ascii: "t"): try status()
            default: return
            }
        } catch {
            // The command has gone away; what it gave is spooled all the same.
        }
    }

    private func wait(_ message: [UInt8]) -> Duration {
        .milliseconds(Int64(UInt32(String(decoding: message.dropFirst(), as: UTF8.self)) ?? 60_000))
    }

    private func sync(_ wait: Duration) throws(SystemError) {
        let reply = Reply()
        guard let engine = host.current else { return try follow(host.refused(reply)) }
        engine.with {
            $0.sync(wait: wait, reply: reply)
        } orElse: {
            engine.refuse(reply)
        }
        try follow(reply)
    }

    private func resend(_ message: [UInt8]) throws(SystemError) {
        let reply = Reply()
        guard let choice = LetterChoice(String(decoding: message.dropFirst(), as: UTF8.self)) else { return }
        guard let engine = host.current else { return try follow(host.refused(reply)) }
        engine.with {
            $0.resend(choice, reply: reply)
        } orElse: {
            engine.refuse(reply)
        }
        try follow(reply)
    }

    private func status() throws(SystemError) {
        let reply = Reply()
        guard let engine = host.current else {
            let isPaused = if case .paused = host.whyAbsent { true } else { false }
            reply.output(LiveStatus(connection: isPaused ? "paused" : "unconfigured").encode())
            reply.done(ExitStatus.success)
            return try follow(reply)
        }
        engine.with {
            $0.status(reply: reply)
        } orElse: {
            engine.refuse(reply)
        }
        try follow(reply)
    }

    private func send(_ wait: Duration) throws(SystemError) {
        let reply = Reply()
        guard let engine = host.current else { return try follow(host.refused(reply)) }
        let input = engine.beginSend(wait: wait, reply: reply)
        var isCut = false
        // Also where the command goes away: what it gave is spooled all the same.
        defer { engine.endSend(input, isCut: isCut, reply: reply) }
        while let message = try socket.receive(timeoutMs: CInt.max) {
            isCut = message.first == UInt8(ascii: "c")
            guard message.first == UInt8(ascii: "d") else { break }
            let isTaken = engine.feed(input, Array(message.dropFirst()))
            while !reply.isDone, let message = reply.next(timeoutMs: 0) { try pass(message) }
            try say(isTaken ? "k" : "w")
        }
        engine.endSend(input, isCut: isCut, reply: reply)
        try follow(reply)
    }

    /// Passes on everything to the end; a word each second shows that somebody is there.
    private func follow(_ reply: Reply) throws(SystemError) {
        while true {
            let message = reply.next(timeoutMs: 1_000) ?? .progress("")
            try pass(message)
            if case .done = message { return }
        }
    }

    private func pass(_ message: Reply.Message) throws(SystemError) {
        try socket.send(Handover.encode(message), timeoutMs: Handover.replyTimeoutMs)
    }

    private func say(_ word: Character) throws(SystemError) {
        try socket.send(Handover.message(word, ""), timeoutMs: Handover.replyTimeoutMs)
    }
}
