import TallyIO
import TallyModel

/// How a command speaks to a running `tally run`, over the home's socket.
///
/// Each message's first byte is its kind. From the command: `s` sync and `n` send, both with the wait in
/// milliseconds as text; `d` bytes of standard input, answered by `k` (taken) or `w` (no room: wait); `f` their end,
/// `c` that the rest had no room; `l` send these dead letters again (`LetterChoice.text`); `t` the `LiveStatus`;
/// `r` read the settings again; `p` are you there. From the owner: `o` output, `e` error, `g` progress, `x` exit
/// code as text, `k`, `w`.
enum Handover {
    static let replyTimeoutMs: CInt = 10_000

    static func open(_ home: Home) -> UnixSocket? {
        do throws(SystemError) {
            return try UnixSocket.connect(folder: home.path, name: Home.socketName)
        } catch {
            return nil
        }
    }

    static func isAnswering(_ home: Home) -> Bool {
        guard let socket = open(home) else { return false }
        do throws(SystemError) {
            try socket.send([UInt8(ascii: "p")], timeoutMs: replyTimeoutMs)
            return try socket.receive(timeoutMs: replyTimeoutMs) != nil
        } catch {
            return false
        }
    }

    /// Tells a running owner, if there is one, that the settings have changed.
    static func tellReload(_ home: Home) throws(WorkstationError) {
        guard let socket = open(home) else { return }
        do throws(SystemError) {
            try socket.send([UInt8(ascii: "r")], timeoutMs: replyTimeoutMs)
            _ = try socket.receive(timeoutMs: replyTimeoutMs)
        } catch {
            throw .ownerGone
        }
    }

    static func sync(_ home: Home, wait: Duration, _ console: Console) throws(WorkstationError) -> Int32 {
        guard let socket = open(home) else { throw .ownerGone }
        do throws(SystemError) {
            try socket.send(message("s", "\(wait.wholeMilliseconds)"), timeoutMs: replyTimeoutMs)
            return try follow(socket, console)
        } catch {
            throw .ownerGone
        }
    }

    static func resend(_ home: Home, _ choice: LetterChoice, _ console: Console) throws(WorkstationError) -> Int32 {
        guard let socket = open(home) else { throw .ownerGone }
        do throws(SystemError) {
            try socket.send(message("l", choice.text), timeoutMs: replyTimeoutMs)
            return try follow(socket, console)
        } catch {
            throw .ownerGone
        }
    }

    /// What a running owner says of itself; nil where there is none.
    static func status(_ home: Home) -> LiveStatus? {
        guard let socket = open(home) else { return nil }
        do throws(SystemError) {
            try socket.send([UInt8(ascii: "t")], timeoutMs: replyTimeoutMs)
            while let bytes = try socket.receive(timeoutMs: replyTimeoutMs), let message = decode(bytes) {
                if case .output(let text) = message { return LiveStatus(decoding: text) }
                if case .done = message { return nil }
            }
        } catch {
            return nil
        }
        return nil
    }

    static func send(_ home: Home, wait: Duration, _ console: Console) throws(WorkstationError) -> Int32 {
        guard let socket = open(home) else { throw .ownerGone }
        do throws(SystemError) {
            try socket.send(message("n", "\(wait.wholeMilliseconds)"), timeoutMs: replyTimeoutMs)
            let began = MonotonicClock.nowMs()
            var lastTaken = began
            var isTaken = true
            while isTaken {
                let bytes = try Terminal.readInput(limit: Limits.sendChunkBytes)
                guard !bytes.isEmpty else { break }
                isTaken = false
                while !isTaken {
                    try socket.send([UInt8(ascii: "d")] + bytes, timeoutMs: replyTimeoutMs)
                    isTaken = try answer(socket, console)
                    if isTaken {
                        lastTaken = MonotonicClock.nowMs()
                    } else {
                        guard MonotonicClock.nowMs() - lastTaken < Int64(wait.wholeMilliseconds) else { break }
                        Pause.milliseconds(200)
                    }
                }
            }
            try socket.send([UInt8(ascii: isTaken ? "f" : "c")], timeoutMs: replyTimeoutMs)
            return try follow(socket, console)
        } catch {
            throw .ownerGone
        }
    }

    /// Shows what comes until `k` or `w`.
    private static func answer(_ socket: borrowing UnixSocket, _ console: Console) throws(SystemError) -> Bool {
        while let bytes = try socket.receive(timeoutMs: replyTimeoutMs) {
            switch bytes.first {
            case UInt8(ascii: "k"): return true
            case UInt8(ascii: "w"): return false
            default: if let message = decode(bytes) { _ = console.show(message) }
            }
        }
        throw SystemError("receive", number: 104)
    }

    /// Shows everything up to the exit code. The owner says something every second, so silence is its end.
    private static func follow(_ socket: borrowing UnixSocket, _ console: Console) throws(SystemError) -> Int32 {
        while let bytes = try socket.receive(timeoutMs: replyTimeoutMs) {
            guard let message = decode(bytes) else { continue }
            if let code = console.show(message) { return code }
        }
        throw SystemError("receive", number: 104)
    }

    static func message(_ kind: Character, _ text: String) -> [UInt8] { Array("\(kind)\(text)".utf8) }

    static func encode(_ message: Reply.Message) -> [UInt8] {
        switch message {
        case .output(let text): self.message("o", text)
        case .error(let text): self.message("e", text)
        case .progress(let text): self.message("g", text)
        case .done(let code): self.message("x", "\(code)")
        }
    }

    static func decode(_ bytes: [UInt8]) -> Reply.Message? {
        let text = String(decoding: bytes.dropFirst(), as: UTF8.self)
        switch bytes.first {
        case UInt8(ascii: "o"): return .output(text)
        case UInt8(ascii: "e"): return .error(text)
        case UInt8(ascii: "g"): return text.isEmpty ? nil : .progress(text)
        case UInt8(ascii: "x"): return .done(Int32(text) ?? ExitStatus.failure)
        default: return nil
        }
    }
}
