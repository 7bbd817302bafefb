import TallyIO

/// Shows a reply: answers on standard output, troubles and progress on standard error, progress to people only.
struct Console: Sendable {
    private let isInteractive = Terminal.isErrorInteractive

    /// Shows everything to the end and returns the exit code.
    func show(_ reply: Reply) -> Int32 {
        while true {
            guard let message = reply.next() else { continue }
            if let code = show(message) { return code }
        }
    }

    /// Shows what is there already, the end excepted.
    func showReady(_ reply: Reply) {
        while !reply.isDone, let message = reply.next(timeoutMs: 0) { _ = show(message) }
    }

    func show(_ message: Reply.Message) -> Int32? {
        switch message {
        case .output(let text):
            clear()
            Terminal.writeOutput(text)
        case .error(let text):
            clear()
            Terminal.writeError(text)
        case .progress(let text): show(progress: text)
        case .done(let code):
            clear()
            return code
        }
        return nil
    }

    /// Replaces the line of progress; nil takes it away.
    func show(progress text: String?) {
        if isInteractive { Terminal.writeError("\r\u{1B}[K\(text ?? "")") }
    }

    private func clear() { show(progress: nil) }
}
