import TallyModel
import TallyProtocol
import TallyWire

/// What the toy does with events; most of the bugs are here.
extension ToyGateway {
    mutating func take(_ frame: BatchFrame, _ id: Int, _ connection: inout Connection) {
        let header = frame.header
        switch connection.session.batch(header, bodyBytes: frame.body.count) {
        case .decode: break
        case .duplicate(var ack):
            if bug == .duplicateWithAnotherChain { ack.chain = ChainValue(ack.chain.value ^ 1) }
            return say(.ack(ack), id)
        case .silent: return
        case .reject(var reject):
            if bug == .gapsAreOverlaps, reject.reason == .sequenceGap {
                reject = Reject(
                    first: reject.first, index: 0, run: reject.run, reason: .sequenceOverlap, field: 0, retryMs: 0)
            }
            if bug == .takesGaps, reject.reason == .sequenceGap {
                return say(
                    .ack(
                        Ack(
                            committed: header.last, chain: header.chainAfter, credit: credit(&connection),
                            backedUpThrough: .zero)), id)
            }
            return say(.reject(reject), id)
        case .goaway(let goaway):
            if bug == .ignoresCredit, goaway.reason == .credit {
                connection.isEnded = false
                return say(
                    .reject(
                        Reject(first: header.first, index: 0, run: header.count, reason: .size, field: 0, retryMs: 0)),
                    id)
            }
            return end(goaway, id, &connection)
        }
        if var refusal = refusal(of: frame, after: connection.session.chainBefore), !isOverlooked(refusal) {
            if bug == .blamesTheNextRow { refusal.index += 1 }
            if bug == .callsContentUnknown, refusal.reason == .contentField { refusal.reason = .unknownField }
            guard let reject = connection.session.refused(first: header.first, RunRefusal(refusal)) else { return }
            return say(.reject(reject), id)
        }
        connection.session.accepted(header, bodyBytes: frame.body.count)
        append(header, &connection)
    }

    private func isOverlooked(_ refusal: BatchRefusal) -> Bool {
        switch bug {
        case .takesWhatIsNotCanonical: refusal.reason == .nonCanonical
        case .takesBrokenBlocks: refusal.reason == .decompress
        case .believesTotals: refusal.reason == .controlTotal
        case .believesChains: refusal.reason == .chainMismatch
        default: false
        }
    }

    private mutating func refusal(of frame: BatchFrame, after chain: ChainValue) -> BatchRefusal? {
        do throws(BatchRefusal) {
            try opener.open(frame.header, body: frame.body.span)
            try opener.decode(frame.header, with: &decoder, into: &batch)
            for row in 0..<batch.count where isOld(batch.timeMs(row)) {
                throw BatchRefusal(reason: .tooOld, field: 2, index: UInt32(row), run: 1)
            }
            try batch.verify(frame.header, after: chain)
            return nil
        } catch {
            return error
        }
    }

    private mutating func append(_ header: BatchHeader, _ connection: inout Connection) {
        var cursor = connection.appended
        cursor.totals.tokens += UInt128(header.controlTokens)
        cursor.totals.reportedNanoUSD += UInt128(header.reportedNanoUSD)
        cursor.sequence = header.last
        cursor.chain = header.chainAfter
        connection.appended = cursor
        let isHalved = bug == .keepsHalf && header.count > 1
        stream(of: connection) { stream in
            if isHalved { return }
            stream.committed = cursor
            stream.chains[cursor.sequence.value] = cursor.chain
        }
    }

    mutating func take(_ skip: Skip, _ id: Int, _ connection: inout Connection) {
        switch connection.session.skip(SkipHeader(skip)) {
        case .duplicate(let ack): say(.ack(ack), id)
        case .reject(let reject): say(.reject(reject), id)
        case .goaway(let goaway): end(goaway, id, &connection)
        case .silent: break
        case .append:
            connection.session.accepted(SkipHeader(skip))
            var cursor = connection.appended
            cursor.sequence = skip.last
            cursor.chain = skip.chainAfter
            for group in skip.groups where bug != .skipsCountNothing {
                for tokens in group.tokenClasses.prefix(6) { cursor.totals.tokens &+= UInt128(tokens) }
                cursor.totals.reportedNanoUSD &+= group.reportedNanoUSD
            }
            connection.appended = cursor
            stream(of: connection) { stream in
                stream.committed = cursor
                stream.chains[cursor.sequence.value] = cursor.chain
            }
        }
    }

    /// Everything that was appended is durable at once.
    mutating func commit(_ id: Int, _ connection: inout Connection) {
        let cursor = GatewaySession.Cursor(sequence: connection.appended.sequence, chain: connection.appended.chain)
        guard !connection.isEnded, connection.session.accepted.sequence == cursor.sequence else { return }
        switch connection.session.committed(through: cursor) {
        case .ack(var ack):
            ack.credit = credit(&connection)
            say(.ack(ack), id)
        case .ackThenGoAway, .silent: break
        }
    }

    private func credit(_ connection: inout Connection) -> Credit {
        connection.acks += 1
        // Less with every ACK, and never less than a largest batch.
        let taken = bug == .takesCreditBack ? min(connection.acks * 8_192, Limits.creditEvents - 4_096) : 0
        return Credit(events: Limits.creditEvents - taken, bytes: Limits.creditBytes)
    }

    mutating func probe(_ sequence: Sequence64, _ id: Int, _ connection: inout Connection) {
        switch connection.session.probe(sequence) {
        case .answer(let sequence, let value):
            let isFuture = value == nil && bug == .knowsTheFuture
            say(.chain(sequence: sequence, value: isFuture ? ChainValue(5) : value), id)
        case .lookUp(let sequence):
            let stream = connection.session.stream.flatMap { streams[$0] }
            say(.chain(sequence: sequence, value: stream?.chains[sequence.value]), id)
        case .goaway(let goaway): end(goaway, id, &connection)
        case .silent: break
        }
    }

    mutating func close(_ final: Sequence64, _ id: Int, _ connection: inout Connection) {
        let committed = connection.session.committed.sequence
        switch connection.session.close(final: bug == .closesAnywhere ? committed : final) {
        case .close(let ack):
            say(.ack(ack), id)
            stream(of: connection) { $0.isClosed = true }
            connection.isEnded = true
            outputs.append(.close(id))
        case .goaway(let goaway): end(goaway, id, &connection)
        case .silent: break
        }
    }
}
