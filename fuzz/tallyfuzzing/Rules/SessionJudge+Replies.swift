/// What comes, held against what is owed.
extension SessionJudge {
    package mutating func received(_ reply: Reply, nowMs: Int64, _ book: inout StreamBook) -> Finding? {
        if phase == .over {
            return isLoose ? nil : Finding(.form, expected: "silence after GOAWAY", got: reply.words)
        }
        switch reply {
        case .goaway(let code, let committed): return goaway(code, committed, &book)
        case .welcome(let welcome): return take(welcome, nowMs, &book)
        case .pong(let opaque): return pong(opaque)
        case .ping: return nil
        default: break
        }
        guard !isLoose else { return nil }
        guard phase == .open else { return Finding(.form, expected: expectation, got: reply.words) }
        switch reply {
        case .ack(let ack): return take(ack, &book)
        case .reject(let reject): return take(reject, &book)
        case .chain(let sequence, let value): return chain(sequence, value, &book)
        case .adopted(let count, let nextMs, let body, let isLast): return adopted(count, nextMs, body, isLast)
        default: return nil
        }
    }

    /// The connection ended, and not by us.
    package mutating func ended() -> Finding? {
        defer {
            phase = .over
            owed = []
        }
        guard !isLoose, interruption == nil else { return nil }
        if let first = owed.first(where: { if case .silence = $0 { false } else { true } }) {
            return Finding(rule(of: first), expected: words(of: first), got: "the connection's end without a word")
        }
        guard phase == .open || phase == .greeting else { return nil }
        if owed.contains(where: { if case .silence = $0 { true } else { false } }) { return nil }
        return Finding(.form, expected: expectation, got: "the connection's end without a word")
    }

    /// What was owed did not come in time.
    package func overdue() -> Finding? {
        guard let first = owed.first, !isLoose, interruption == nil else { return nil }
        return Finding(rule(of: first), expected: words(of: first), got: "nothing in time")
    }

    // MARK: GOAWAY

    private mutating func goaway(_ code: UInt16, _ committed: UInt64, _ book: inout StreamBook) -> Finding? {
        let before = owed
        let wasOpen = phase == .open
        phase = .over
        owed = [.silence(.form)]
        guard let reason = Farewell(rawValue: code) else {
            interruption = "GOAWAY of the unknown reason \(code)"
            return nil
        }
        let got = "GOAWAY(\(reason.words))"
        for item in before {
            guard case .end(let reasons, let rule) = item else { continue }
            guard reasons.contains(reason) else {
                if reason.isCircumstance {
                    interruption = got
                    return nil
                }
                return Finding(rule, expected: words(of: item), got: got)
            }
            let isBetween = committed >= acknowledged.sequence && committed <= accepted.sequence
            if wasOpen, !isLoose, !isBetween {
                return Finding(.acknowledge, expected: "GOAWAY that names committed", got: "\(got) of \(committed)")
            }
            return nil
        }
        if reason.isCircumstance || isLoose || mayEnd.contains(reason) {
            if !mayEnd.contains(reason) { interruption = got }
            if let stream = hello?.stream, reason == .streamFork, book[stream].mayBeClosed {
                book[stream].isClosed = true
            }
            loosen(&book)
            owed = [.silence(.form)]
            return nil
        }
        if reason == .timeout, !wasOpen { return nil }
        // IDLE is the gateway's right; SUPERSEDED comes late where we hung up and greeted anew.
        if reason == .idle || reason == .timeout || reason == .superseded {
            interruption = got
            return nil
        }
        let blamed = before.first.map { rule(of: $0) } ?? reason.home
        return Finding(blamed, expected: before.first.map { words(of: $0) } ?? "an open connection", got: got)
    }

    // MARK: ACK and REJECT

    private mutating func take(_ ack: AckFields, _ book: inout StreamBook) -> Finding? {
        let got = "ACK(\(ack.committed))"
        if ack.committed < acknowledged.sequence {
            return Finding(.acknowledge, expected: "an ACK of \(acknowledged.sequence) or more", got: got)
        }
        if ack.committed > accepted.sequence {
            return instead(of: "an ACK of \(accepted.sequence) at most", got)
        }
        guard let place = place(ack.committed) else { return instead(of: "an ACK of a sequence that was sent", got) }
        if place.chain != ack.chain {
            return instead(of: "the chain value after \(ack.committed)", "\(got) with another")
        }
        if let finding = credit(ack.creditEvents, ack.creditBytes, committed: ack.committed) { return finding }
        acknowledged = place
        flight.removeAll { $0.place.sequence <= ack.committed }
        owed.removeAll {
            switch $0 {
            case .acknowledged(let through): through <= ack.committed
            case .acknowledgement: true
            default: false
            }
        }
        note(&book)
        return nil
    }

    /// An ACK that cannot be. Where a refusal is owed, what should have been refused was taken.
    private func instead(of words: String, _ got: String) -> Finding {
        let refused = owed.first { if case .reject = $0 { true } else { false } }
        let ended = owed.first { if case .end = $0 { true } else { false } }
        guard let blamed = refused ?? ended else { return Finding(.acknowledge, expected: words, got: got) }
        return Finding(rule(of: blamed), expected: self.words(of: blamed), got: got)
    }

    private func place(_ sequence: UInt64) -> Place? {
        if sequence == acknowledged.sequence { return acknowledged }
        for entry in flight where entry.place.sequence >= sequence {
            if entry.place.sequence == sequence { return entry.place }
            let index = Int(sequence - entry.first)
            // Within a SKIP no value is known.
            guard entry.chains.indices.contains(index), entry.chains.count > 1 else { return nil }
            var place = acknowledged
            place.sequence = sequence
            place.chain = entry.chains[index]
            return place
        }
        return nil
    }

    mutating func credit(_ events: UInt32, _ bytes: UInt32, committed: UInt64) -> Finding? {
        let got = "credit of \(events) events and \(bytes) bytes"
        if events == 0 || bytes == 0 {
            creditEvents = 0
            if !isForked { interruption = "the gateway has paused" }
            return nil
        }
        if let welcome, events < welcome.batchEventsMax || bytes < welcome.batchBodyBytesMax {
            return Finding(.credit, expected: "credit of zero or of a largest batch at least", got: got)
        }
        if committed + UInt64(events) < edge {
            return Finding(.credit, expected: "a right edge that does not move left of \(edge)", got: got)
        }
        edge = committed + UInt64(events)
        creditEvents = max(creditEvents, UInt64(events))
        creditBytes = max(creditBytes, UInt64(bytes))
        return nil
    }

    private mutating func take(_ reject: RejectFields, _ book: inout StreamBook) -> Finding? {
        let got = reject.words
        let known = Reason(rawValue: reject.reason)
        let item = settle { if case .reject(_, let first) = $0 { first == reject.first } else { false } }
        guard let item, case .reject(let refusal, _) = item else {
            if let known, known.isCircumstance {
                interruption = got
                loosen(&book)
                return nil
            }
            let isValid = flight.contains { $0.first == reject.first }
            return Finding(
                isValid ? known.map { Rule.home(of: $0) } ?? .order : owed.first.map { rule(of: $0) } ?? .places,
                expected: isValid ? "ACK: the batch is valid" : expectation, got: got)
        }
        let expected = words(of: item)
        let isUnsure = refusal.reason == .tooOld && known == .clockUnsure
        guard known == refusal.reason || isUnsure else {
            if let known, known.isCircumstance {
                interruption = got
                loosen(&book)
                return nil
            }
            return Finding(refusal.rule, expected: expected, got: got)
        }
        guard reject.index == refusal.index, reject.field == refusal.field, reject.run >= refusal.run,
            reject.run <= refusal.runMost, reject.isPermanent == known?.isPermanent
        else { return Finding(.rejectForm, expected: expected, got: got) }
        return nil
    }

    /// Keeps what is known of the stream.
    func note(_ book: inout StreamBook) {
        guard let stream = hello?.stream else { return }
        var record = book[stream]
        record.acknowledged = acknowledged
        record.open.removeAll { $0.sequence <= acknowledged.sequence }
        record.note(acknowledged.sequence, acknowledged.chain)
        book[stream] = record
    }

    // MARK: PONG, CHAIN, ADOPTED

    private mutating func pong(_ opaque: [UInt8]) -> Finding? {
        if settle({ $0 == .pong(opaque) }) != nil { return nil }
        // Beyond the burst nothing is owed, and the bytes are not kept.
        if pings > SessionJudge.pingBurst || isLoose { return nil }
        return Finding(.ping, expected: expectation, got: pings == 0 ? "PONG, unasked" : "PONG of other bytes")
    }

    private mutating func chain(_ sequence: UInt64, _ value: UInt64?, _ book: inout StreamBook) -> Finding? {
        let item = settle { if case .chain(sequence, _, _) = $0 { true } else { false } }
        let got = "CHAIN(\(sequence), \(value == nil ? "unknown" : "known"))"
        guard let item, case .chain(_, let acknowledged, let accepted) = item else {
            return Finding(.probe, expected: expectation, got: got)
        }
        guard let value else {
            let isTold = sequence == acknowledged && accepted == acknowledged
            return isTold ? Finding(.probe, expected: "CHAIN of committed, known", got: got) : nil
        }
        if sequence > accepted { return Finding(.probe, expected: "CHAIN(\(sequence), unknown)", got: got) }
        guard let stream = hello?.stream, let known = book[stream].chains[sequence], known != value else { return nil }
        return Finding(.probe, expected: "CHAIN with the value after \(sequence)", got: "CHAIN with another")
    }

    private mutating func adopted(_ count: UInt32, _ nextMs: Int64, _ body: [UInt8], _ isLast: Bool) -> Finding? {
        let isAsked = { (item: Owed) in if case .adopted = item { true } else { false } }
        let item = isLast ? settle(isAsked) : owed.first(where: isAsked) ?? perhaps.first(where: isAsked)
        guard let item, case .adopted(let sessions, let fromMs) = item else {
            return Finding(.answer, expected: expectation, got: "ADOPTED, unasked")
        }
        if nextMs <= fromMs { return Finding(.answer, expected: "a next_ms after from_ms", got: "\(nextMs)") }
        guard count > 0 else { return nil }
        do throws(Refusal) {
            let read = try BatchRules.rows(body, count: count)
            let told: Set<UInt8> = Set([1, 2, 3, 6, 22, 23, 24] + Array(12...19))
            if let other = read.columns.keys.first(where: { !told.contains($0) }) {
                return Finding(.adoptedRows, expected: "rows without column \(other)", got: "ADOPTED with it")
            }
            if read.columns[2]?.values.contains(where: { Int64($0) < fromMs }) == true {
                return Finding(.answer, expected: "events from from_ms on", got: "ADOPTED with an earlier one")
            }
            let entries = read.columns[3]?.entries.dropFirst() ?? []
            if entries.contains(where: { entry in !sessions.contains { $0.elementsEqual(entry) } }) {
                return Finding(
                    Rule("TG-B8-2"), expected: "events of the sessions asked about", got: "ADOPTED of another")
            }
        } catch {
            return Finding(.answer, expected: "an ADOPTED that decodes", got: "one with \(error.reason.words)")
        }
        return nil
    }
}
