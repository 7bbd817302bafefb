/// What a finding says in words. Bytes of the gateway are never shown, and those of a case only by its file.
extension SessionJudge {
    /// What is owed first, or that nothing is.
    var expectation: String { owed.first.map { words(of: $0) } ?? "silence" }

    func rule(of owed: Owed) -> Rule {
        switch owed {
        case .welcome: .hello
        case .end(_, let rule): rule
        case .reject(let refusal, _): refusal.rule
        case .acknowledged: .acknowledge
        case .acknowledgement(let rule): rule
        case .chain: .probe
        case .pong: .ping
        case .adopted: Rule("TG-B8-6")
        case .silence(let rule): rule
        }
    }

    func words(of owed: Owed) -> String {
        switch owed {
        case .welcome: "WELCOME"
        case .end(let reasons, _): "GOAWAY(\(reasons.map(\.words).sorted().joined(separator: " or ")))"
        case .reject(let refusal, let first):
            "REJECT(first \(first), \(refusal.reason.words), field \(refusal.field), index \(refusal.index), run "
                + "\(refusal.run))"
        case .acknowledged(let through): "ACK(\(through))"
        case .acknowledgement: "ACK"
        case .chain(let sequence, _, _): "CHAIN(\(sequence))"
        case .pong: "PONG with the same bytes"
        case .adopted: "ADOPTED, the last of it marked"
        case .silence: "the connection's end"
        }
    }
}

extension RejectFields {
    var words: String {
        "REJECT(first \(first), \(Reason(rawValue: reason)?.words ?? "\(reason)"), field \(field), index \(index), run "
            + "\(run)\(isPermanent ? ", permanent" : ""))"
    }
}

extension Reply {
    package var words: String {
        switch self {
        case .welcome(let welcome): "WELCOME(committed \(welcome.committed))"
        case .ack(let ack): "ACK(\(ack.committed))"
        case .reject(let reject): reject.words
        case .chain(let sequence, let value): "CHAIN(\(sequence), \(value == nil ? "unknown" : "known"))"
        case .ping: "PING"
        case .pong: "PONG"
        case .goaway(let code, let committed):
            "GOAWAY(\(Farewell(rawValue: code)?.words ?? "\(code)"), committed \(committed))"
        case .adopted(let count, _, _, let isLast): "ADOPTED(\(count)\(isLast ? ", last" : ""))"
        }
    }
}

extension Reason {
    package var words: String { capitals("\(self)") }
}

extension Farewell {
    package var words: String { capitals("\(self)") }

    /// Whom to blame where a gateway says it and nothing asked for it.
    var home: Rule {
        switch self {
        case .credit: .credit
        case .streamFork: .fork
        case .superseded: .takeover
        case .version, .schema: .versions
        case .unauthenticated, .streamOwned: .hello
        default: .form
        }
    }
}

/// `streamFork` as the documents write it, STREAM_FORK.
private func capitals(_ name: String) -> String {
    name.reduce(into: "") { words, letter in
        if letter.isUppercase { words.append("_") }
        words.append(contentsOf: letter.uppercased())
    }
}
