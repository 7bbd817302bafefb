import TallyModel
import TallyWire

/// Which dead letters to send again.
package enum LetterChoice: Hashable, Sendable {
    case all
    case these([DeadLetter.ID])

    /// As a command hands it over: `all`, or ids separated by spaces.
    package var text: String {
        switch self {
        case .all: "all"
        case .these(let ids): ids.map(\.description).joined(separator: " ")
        }
    }

    package init?(_ text: String) {
        if text == "all" {
            self = .all
            return
        }
        let parts = text.split(separator: " ")
        let ids = parts.compactMap { DeadLetter.ID(String($0)) }
        guard !ids.isEmpty, ids.count == parts.count else { return nil }
        self = .these(ids)
    }
}

/// What became of a `deadletters resend`.
package struct Resent: Hashable, Sendable {
    package var letters = 0
    package var events = 0
    package var missing: [DeadLetter.ID] = []

    var text: String { "\(events) events of \(letters) dead letters are in the spool again\n" }
}

extension Spool {
    /// Appends the chosen letters' events again, durably. Precondition: the counter is drained.
    package func resend(_ choice: LetterChoice, nowMs: Int64) throws(WorkstationError) -> Resent {
        guard !isFull else { throw .spoolFull }
        var ids = state.deadLetters.map(\.id)
        if case .these(let chosen) = choice { ids = chosen }
        var resent = Resent()
        for id in ids {
            if let events = try resend(id, nowMs: nowMs) {
                resent.letters += 1
                resent.events += events
            } else {
                resent.missing.append(id)
            }
            if isRollDue { try roll(nowMs: nowMs) }
        }
        if hasUnsynced { try sync() }
        return resent
    }
}

extension EngineCore {
    /// Spools the chosen letters' events again and answers at once; they are sent as everything else is.
    package func resend(_ choice: LetterChoice, _ now: WorkstationInstant) -> UInt64 {
        let command = nextCommand()
        if let failure {
            refuse(command, failure)
            return command
        }
        do throws(WorkstationError) {
            try commit(now)
            answer(command, try spool.resend(choice, nowMs: now.wallMs))
        } catch {
            // A full spool refuses and goes on; anything else is its end.
            if error != .spoolFull { fail(error) }
            refuse(command, error)
        }
        return command
    }

    private func answer(_ command: UInt64, _ resent: Resent) {
        for id in resent.missing { tellError(command, WorkstationError.noLetter(id).description) }
        emit(.reply(command, .output(resent.text)))
        emit(.reply(command, .done(resent.missing.isEmpty ? ExitStatus.success : ExitStatus.failure)))
    }
}
