/// WELCOME, held against HELLO and what is known of the stream.
extension SessionJudge {
    mutating func take(_ welcome: WelcomeFields, _ nowMs: Int64, _ book: inout StreamBook) -> Finding? {
        let isOwed = settle { $0 == .welcome } != nil
        guard isOwed || (isLoose && self.welcome == nil), let hello else {
            let ended = owed.first { if case .end = $0 { true } else { false } }
            return Finding(ended.map { rule(of: $0) } ?? .form, expected: expectation, got: "WELCOME")
        }
        self.welcome = welcome
        welcomedAtMs = nowMs
        phase = .open
        if let finding = offered(welcome, to: hello) { return finding }
        var record = book[hello.stream]
        if let finding = position(welcome, record) { return finding }
        record.acknowledged = Place(
            sequence: welcome.committed, chain: welcome.chain, tokens: welcome.tokens, reported: welcome.reported)
        record.open = []
        record.isLoose = isLoose
        record.mayBeClosed = false
        record.generation = welcome.generation
        record.note(welcome.committed, welcome.chain)
        acknowledged = record.acknowledged
        book[hello.stream] = record
        isForked = differs(hello, welcome)
        if isForked, welcome.creditEvents != 0 {
            return Finding(.fork, expected: "WELCOME without credit: the stream is forked", got: "WELCOME with credit")
        }
        return credit(welcome.creditEvents, welcome.creditBytes, committed: welcome.committed)
    }

    private func offered(_ welcome: WelcomeFields, to hello: HelloFields) -> Finding? {
        guard welcome.version == 1, welcome.schema == 1 else {
            return Finding(
                .versions, expected: "WELCOME of version 1 and schema 1",
                got: "version \(welcome.version), schema \(welcome.schema)")
        }
        if hello.wantsAdoption, !welcome.allowsAdoption {
            return Finding(.adoption, expected: "WELCOME that allows adoption", got: "WELCOME that does not")
        }
        guard welcome.ignoredOptions.sorted() == hello.options.sorted() else {
            return Finding(
                .options, expected: "ignored_options \(hello.options)", got: "ignored_options \(welcome.ignoredOptions)"
            )
        }
        guard welcome.batchEventsMax > 0, welcome.batchBodyBytesMax >= 4_096 else {
            return Finding(
                .offer, expected: "a largest batch of an event and 4,096 bytes at least",
                got: "\(welcome.batchEventsMax) events, \(welcome.batchBodyBytesMax) bytes")
        }
        return nil
    }

    /// Whether the stream stands where it can.
    private func position(_ welcome: WelcomeFields, _ record: StreamRecord) -> Finding? {
        let known = record.acknowledged
        let got = "WELCOME at \(welcome.committed)"
        if welcome.committed < known.sequence {
            return Finding(.acknowledge, expected: "committed of \(known.sequence) or more, as acknowledged", got: got)
        }
        if welcome.generation <= record.generation, record.generation > 0 {
            return Finding(
                .takeover, expected: "a generation above \(record.generation)", got: "generation \(welcome.generation)")
        }
        if record.isLoose { return nil }
        guard let place = ([known] + record.open).last(where: { $0.sequence == welcome.committed }) else {
            return Finding(.next, expected: "committed where a batch that was accepted ends", got: got)
        }
        guard place.chain == welcome.chain else {
            return Finding(.chain, expected: "the chain value after \(place.sequence)", got: "\(got) with another")
        }
        guard place.tokens == welcome.tokens, place.reported == welcome.reported else {
            return Finding(
                .skip, expected: "totals of \(place.tokens) tokens and \(place.reported) nano-USD",
                got: "\(welcome.tokens) and \(welcome.reported)")
        }
        return nil
    }

    /// TG-B2-4.
    private func differs(_ hello: HelloFields, _ welcome: WelcomeFields) -> Bool {
        if hello.highest != 0, hello.highest == welcome.committed { return hello.highestChain != welcome.chain }
        if hello.acknowledged != 0, hello.acknowledged == welcome.committed {
            return hello.acknowledgedChain != welcome.chain
        }
        return false
    }
}
