import Synchronization
import TallyIO

/// What a command has to say while it works, from the engine's queue to the thread that waits for it.
///
/// The waiting thread takes messages in order until `done`. Progress that nobody has taken yet is replaced by the
/// next; errors beyond `messagesMax` are counted and told as a number.
package final class Reply: Sendable {
    package typealias Message = ReplyMessage

    private struct State {
        var messages: [Message] = []
        var isDone = false
        var omitted = 0
    }

    private static let messagesMax = 10_000
    private let state = Guarded(State())
    private let ready = Bell()

    package init() {}

    package func output(_ text: String) { put(.output(text)) }
    package func error(_ text: String) { put(.error("tally: \(text)\n")) }
    package func progress(_ text: String) { put(.progress(text)) }

    /// The last word; what comes later is dropped.
    package func done(_ code: Int32) { put(.done(code)) }

    package var isDone: Bool { state.withLock { $0.isDone } }

    package func put(_ message: Message) {
        if add(message) { ready.ring() }
    }

    private func add(_ message: Message) -> Bool {
        state.withLock { state in
            guard !state.isDone else { return false }
            if case .progress = message, case .progress? = state.messages.last {
                state.messages[state.messages.count - 1] = message
                return false
            }
            if case .done = message {
                state.isDone = true
                if state.omitted > 0 {
                    state.messages.append(.error("tally: \(state.omitted) further messages are not shown\n"))
                    state.omitted = 0
                    ready.ring()
                }
            } else if state.messages.count >= Reply.messagesMax {
                state.omitted += 1
                return false
            }
            state.messages.append(message)
            return true
        }
    }

    /// Waits for the next message; nil if none comes in time.
    package func next(timeoutMs: Int? = nil) -> Message? {
        guard ready.wait(timeoutMs: timeoutMs) else { return nil }
        return state.withLock { $0.messages.isEmpty ? nil : $0.messages.removeFirst() }
    }
}
