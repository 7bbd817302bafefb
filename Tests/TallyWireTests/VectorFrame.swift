import TallyModel
import VectorFiles

@testable import TallyWire

/// The fields of a frame as a case writes them: 8 to 32 bit integers as numbers, wider ones as decimal strings,
/// chain values as 16 hexadecimal digits, bytes as hexadecimal, models as text.
struct VectorFields {
    let values: [String: VectorValue]

    func missing(_ name: String) -> Vectors.Missing { Vectors.Missing(description: "no \(name) in \(values)") }

    func value(_ name: String) throws -> VectorValue {
        guard let value = values[name] else { throw missing(name) }
        return value
    }
    /// A number of at most 32 bits; `absent` where a case leaves it out.
    func small<Number: FixedWidthInteger>(_ name: String, absent: Number? = nil) throws -> Number {
        if let absent, values[name] == nil { return absent }
        guard let number = Number(exactly: try value(name).number()) else { throw missing(name) }
        return number
    }
    func wide<Number: FixedWidthInteger>(_ name: String) throws -> Number {
        guard let number = Number(try value(name).text()) else { throw missing(name) }
        return number
    }
    func sequence(_ name: String) throws -> Sequence64 { Sequence64(try wide(name)) }
    func chain(_ name: String) throws -> ChainValue { ChainValue(try Vectors.word(value(name).text())) }
    func bytes(_ name: String) throws -> [UInt8] { try Vectors.bytes(value(name).text()) }
    func totals(_ prefix: String = "") throws -> RunningTotals {
        RunningTotals(tokens: try wide(prefix + "tokens"), reportedNanoUSD: try wide(prefix + "reported_nano_usd"))
    }
    func credit() throws -> Credit { Credit(events: try small("credit_events"), bytes: try small("credit_bytes")) }
    func session(_ text: String) throws -> SessionID {
        guard let session = SessionID(try Vectors.id(text)) else { throw missing("session") }
        return session
    }
    /// Empty text is no model.
    func model() throws -> Label? {
        let text = try value("model").text()
        guard !text.isEmpty else { return nil }
        guard let label = Label(text) else { throw missing("model") }
        return label
    }
    /// An opaque of eight bytes as the frame's little-endian word.
    func opaque() throws -> UInt64 { try bytes("opaque").reversed().reduce(0) { $0 << 8 | UInt64($1) } }
    func list(_ name: String) throws -> [VectorValue] {
        guard case .list(let list) = try value(name) else { throw missing(name) }
        return list
    }
    func records(_ name: String) throws -> [VectorFields] {
        try list(name).map { value in
            guard case .fields(let values) = value else { throw missing(name) }
            return VectorFields(values: values)
        }
    }
}

extension Frame {
    /// The frame that a case describes.
    init(vector values: [String: VectorValue]) throws {
        let fields = VectorFields(values: values)
        switch try fields.value("type").text() {
        case "HELLO": self = .hello(try Hello(vector: fields))
        case "WELCOME": self = .welcome(try Welcome(vector: fields))
        case "BATCH": self = .batch(try BatchFrame(vector: fields))
        case "ACK":
            self = .ack(
                Ack(
                    committed: try fields.sequence("committed"), chain: try fields.chain("chain"),
                    credit: try fields.credit(), backedUpThrough: try fields.sequence("backed_up_through")))
        case "REJECT": self = .reject(try Reject(vector: fields))
        case "SKIP": self = .skip(try Skip(vector: fields))
        case "PROBE": self = .probe(sequence: try fields.sequence("sequence"))
        case "CHAIN":
            let known: Int = try fields.small("known")
            self = .chain(
                sequence: try fields.sequence("sequence"), value: known == 1 ? try fields.chain("chain") : nil)
        case "PING": self = .ping(opaque: try fields.opaque())
        case "PONG": self = .pong(opaque: try fields.opaque())
        case "GOAWAY": self = .goaway(try GoAway(vector: fields))
        case "CLOSE": self = .close(final: try fields.sequence("final"))
        case "ADOPT":
            let prior = Bytes16(try fields.bytes("prior"))
            self = .adopt(
                Adopt(
                    prior: prior.isZero ? nil : StreamID(prior), priorThrough: try fields.sequence("prior_through"),
                    fromMs: try fields.wide("from_ms"),
                    sessions: try fields.list("sessions").map { try fields.session($0.text()) }))
        case "ADOPTED":
            let flags: UInt8 = try fields.small("flags", absent: 0)
            self = .adopted(
                Adopted(
                    count: try fields.small("count"), nextMs: try fields.wide("next_ms"),
                    body: try fields.bytes("body"), isLast: flags == 1))
        default: throw fields.missing("type")
        }
    }
}

extension Hello {
    fileprivate init(vector fields: VectorFields) throws {
        let kind: Int = try fields.small("credential_kind")
        let held = StreamCursor(
            sequence: try fields.sequence("acknowledged"), chain: try fields.chain("acknowledged_chain"),
            totals: try fields.totals("acknowledged_"))
        self.init(
            stream: StreamID(Bytes16(try fields.bytes("stream"))), highestChain: try fields.chain("highest_chain"),
            acknowledged: held, clockMs: try fields.wide("clock_ms"),
            credential: kind == 0 ? .mutualTLS : .token(try fields.bytes("credential")))
        versions = try fields.small("version_min")...(try fields.small("version_max"))
        schemas = try fields.small("schema_min")...(try fields.small("schema_max"))
        lowestHeld = try fields.sequence("lowest_held")
        highestHeld = try fields.sequence("highest_held")
        storeEpoch = StoreEpoch(try fields.wide("store_epoch"))
        wantsAdoption = try fields.value("hello_flags").number() == 1
        options = try fields.records("options").map {
            HelloOption(id: try $0.small("id"), value: try $0.bytes("value"))
        }
    }
}

extension Welcome {
    fileprivate init(vector fields: VectorFields) throws {
        self.init(
            committed: StreamCursor(
                sequence: try fields.sequence("committed"), chain: try fields.chain("chain"),
                totals: try fields.totals()),
            credit: try fields.credit(), batchEventsMax: try fields.small("batch_events_max"),
            batchBodyBytesMax: try fields.small("batch_body_bytes_max"), clockMs: try fields.wide("clock_ms"),
            oldestTimeMs: try fields.wide("oldest_time_ms"), storeEpoch: StoreEpoch(try fields.wide("store_epoch")),
            backedUpThrough: try fields.sequence("backed_up_through"),
            generation: Generation(try fields.small("generation")), tenantKey: try fields.bytes("tenant_key"))
        version = try fields.small("version")
        schema = try fields.small("schema")
        allowsAdoption = try fields.value("welcome_flags").number() == 1
        ignoredOptions = try fields.list("ignored_options").map { UInt16(truncatingIfNeeded: try $0.number()) }
    }
}

extension BatchFrame {
    fileprivate init(vector fields: VectorFields) throws {
        let flags: UInt8 = try fields.small("flags", absent: 0)
        let header = BatchHeader(
            first: try fields.sequence("first"), count: try fields.small("count"),
            rawBytes: try fields.small("raw_bytes"), controlTokens: try fields.wide("tokens"),
            reportedNanoUSD: try fields.wide("reported_nano_usd"), chainAfter: try fields.chain("chain_after"),
            isLZ4: flags == 1)
        self.init(header: header, body: try fields.bytes("body"))
    }
}

extension Reject {
    /// A reason that is not in the table stands for a known one of the same permanence (TG-2-7).
    fileprivate init(vector fields: VectorFields) throws {
        let code: UInt16 = try fields.small("reason")
        let isPermanent = try fields.value("reject_flags").number() == 1
        self.init(
            first: try fields.sequence("first"), index: try fields.small("index"), run: try fields.small("run"),
            reason: RejectReason(rawValue: code) ?? (isPermanent ? .malformed : .busy),
            field: try fields.small("field"), retryMs: try fields.small("retry_ms"))
        self.code = code
        self.isPermanent = isPermanent
    }
}

extension Skip {
    fileprivate init(vector fields: VectorFields) throws {
        guard let reason = SkipReason(rawValue: try fields.small("reason")) else { throw fields.missing("reason") }
        let classes: [ColumnID] = [
            .inputTokens, .cacheReadTokens, .cacheWrite5mTokens, .cacheWrite1hTokens, .cacheWriteUnknownTokens,
            .outputTokens, .reasoningTokens,
        ]
        self.init(
            first: try fields.sequence("first"), last: try fields.sequence("last"),
            chainAfter: try fields.chain("chain_after"), reason: reason,
            groups: try fields.records("groups").map { group in
                SkipGroup(
                    model: try group.model(), events: try group.wide("events"),
                    tokenClasses: try classes.map { try group.wide($0.name) },
                    reportedNanoUSD: try group.wide("reported_nano_usd"))
            })
    }
}

extension GoAway {
    fileprivate init(vector fields: VectorFields) throws {
        let code: UInt16 = try fields.small("reason")
        self.init(
            reason: GoAwayReason(rawValue: code) ?? .overloaded, reconnectMs: try fields.small("reconnect_ms"),
            committed: try fields.sequence("committed"))
        self.code = code
    }
}
