import Synchronization
import TallyGateway
import TallyHash
import TallyIO
import TallyLog
import TallyModel
import TallyPricing
import TallyProtocol
import TallyRollup
import TallyStorage
import TallyWire
import TallyWorkstation
import TestDisk

/// What was said on the network, as somebody who listens between the two would have it: which event stands behind each
/// number of a stream, and what the gateway has promised.
final class Hearsay {
    /// The strongest promise about a stream: everything through here is on stable storage.
    struct Promise {
        var cursor: GatewayCursor
        var totals: RunningTotals
        var epoch: StoreEpoch
        /// By a WELCOME; otherwise by an ACK.
        var isWelcome: Bool
    }

    struct GatewayCursor: Hashable {
        var sequence: UInt64
        var chain: ChainValue
    }

    /// Every different event that was sent under a number: more than one only where a stream has forked.
    private(set) var events: [StreamID: [UInt64: [Event]]] = [:]
    /// The chain value that a workstation named after a number.
    private(set) var chains: [StreamID: [UInt64: [ChainValue]]] = [:]
    /// The tenant whose workstation drew the stream's name.
    private(set) var tenants: [StreamID: Int] = [:]
    /// In the order in which they were first given.
    private(set) var streams: [StreamID] = []
    var promises: [StreamID: Promise] = [:]
    /// The stream that each connection asked for.
    var wireStreams: [UInt64: StreamID] = [:]
    var hellos: [UInt64: Hello] = [:]
    /// Epoch by connection, as its WELCOME told it.
    var wireEpochs: [UInt64: StoreEpoch] = [:]

    func note(_ stream: StreamID, tenant: Int) {
        guard tenants[stream] == nil else { return }
        tenants[stream] = tenant
        streams.append(stream)
    }

    func note(_ event: Event, _ stream: StreamID, _ sequence: UInt64) {
        if events[stream]?[sequence]?.contains(event) == true { return }
        events[stream, default: [:]][sequence, default: []].append(event)
    }

    func note(_ chain: ChainValue, _ stream: StreamID, _ sequence: UInt64) {
        if chains[stream]?[sequence]?.contains(chain) == true { return }
        chains[stream, default: [:]][sequence, default: []].append(chain)
    }

    /// The promises about one tenant's streams.
    func promises(of tenant: Int) -> [StreamID: Promise] { promises.filter { tenants[$0.key] == tenant } }

    /// Puts the promises about a tenant back to older ones: its store went back in time, and everybody was told.
    func replace(_ older: [StreamID: Promise], of tenant: Int) {
        promises = promises.filter { tenants[$0.key] != tenant }
        for (stream, promise) in older { promises[stream] = promise }
    }
}

extension World {
    func noteStream(_ stream: StreamID, of machine: Machine) { hearsay.note(stream, tenant: machine.tenant) }

    /// What a workstation says.
    func overhear(_ bytes: [UInt8], _ machine: Machine) {
        guard let wireIndex = machine.wire else { return }
        let wire = wires[wireIndex]
        var reader = FrameReader(side: .gateway)
        reader.phase = .open
        var offset = 0
        while case .frame(let slice) = reader.next(in: bytes.span, from: offset) {
            offset = slice.body.upperBound
            guard let frame = try? FrameCodec.decode(slice, in: bytes.span) else {
                violate(.i10, "workstation \(machine.index) sent a frame that does not decode")
                return
            }
            switch frame {
            case .hello(let hello):
                hearsay.wireStreams[wire.number] = hello.stream
                hearsay.hellos[wire.number] = hello
                hearsay.note(hello.stream, tenant: machine.tenant)
                note(
                    30, hello.highestHeld.value,
                    "  HELLO of workstation \(machine.index) holds \(hello.lowestHeld.value)...\(hello.highestHeld.value), acknowledged \(hello.acknowledged.sequence.value)"
                )
            case .batch(let batch): overhear(batch, wire, machine)
            case .skip(let skip):
                coverage.skips += 1
                wire.hasSkipped = true
                note(
                    32, skip.first.value << 32 | skip.last.value,
                    "  SKIP \(skip.first.value)...\(skip.last.value) \(skip.reason)")
                if let stream = hearsay.wireStreams[wire.number] {
                    hearsay.note(skip.chainAfter, stream, skip.last.value)
                }
            case .probe(let sequence):
                coverage.probes += 1
                note(33, sequence.value, "  PROBE \(sequence.value)")
            default: break
            }
        }
        if offset != bytes.count { violate(.i10, "workstation \(machine.index) sent half a frame") }
    }

    private func overhear(_ batch: BatchFrame, _ wire: Wire, _ machine: Machine) {
        let header = batch.header
        coverage.batches += 1
        guard let stream = hearsay.wireStreams[wire.number] else { return }
        do throws(BatchRefusal) {
            try tap.decode(header, batch.body)
        } catch {
            return violate(.i10, "workstation \(machine.index) sent a batch that does not decode: \(error.reason)")
        }
        var calls: [UInt64] = []
        for row in 0..<tap.batch.count {
            guard let event = tap.batch.event(at: row) else { continue }
            hearsay.note(event, stream, header.first.value + UInt64(row))
            calls.append(Call.number(of: event))
        }
        note(
            31, header.first.value << 32 | UInt64(header.count),
            "  BATCH \(header.first.value)...\(header.last.value) of workstation \(machine.index): calls \(calls)")
        hearsay.note(header.chainAfter, stream, header.last.value)
        checkSpent(batch, machine)
    }

    /// What the gateway says is a promise from the moment that it is said.
    func promised(_ frame: Frame, on wire: Wire, _ machine: IngestMachine) {
        guard let stream = hearsay.wireStreams[wire.number] else { return }
        switch frame {
        case .welcome(let welcome):
            note(
                34, welcome.committed.sequence.value,
                "  WELCOME on wire \(index(wire)): committed \(welcome.committed.sequence.value), generation \(welcome.generation.value)"
            )
            hearsay.wireEpochs[wire.number] = welcome.storeEpoch
            checkProof(welcome, wire)
            keep(
                Hearsay.Promise(
                    cursor: .init(sequence: welcome.committed.sequence.value, chain: welcome.committed.chain),
                    totals: welcome.committed.totals, epoch: welcome.storeEpoch, isWelcome: true), stream)
        case .ack(let ack):
            note(35, ack.committed.value, "  ACK on wire \(index(wire)): committed \(ack.committed.value)")
            guard let epoch = hearsay.wireEpochs[wire.number] else { return }
            keep(
                Hearsay.Promise(
                    cursor: .init(sequence: ack.committed.value, chain: ack.chain),
                    totals: hearsay.promises[stream]?.totals ?? .zero, epoch: epoch, isWelcome: false), stream)
        case .reject(let reject):
            note(
                36, reject.first.value,
                "  REJECT \(reject.first.value) + \(reject.index), \(reject.run): \(reject.reason)")
        case .goaway(let goaway):
            note(37, UInt64(goaway.reason.rawValue), "  GOAWAY on wire \(index(wire)): \(goaway.reason)")
            checkManners(goaway, wire)
        default: break
        }
    }

    private func keep(_ promise: Hearsay.Promise, _ stream: StreamID) {
        checkOrder(promise, stream)
        if let known = hearsay.promises[stream], known.epoch == promise.epoch,
            known.cursor.sequence > promise.cursor.sequence
        {
            return
        }
        hearsay.promises[stream] = promise
        if checks.chance(environment.powerCheckPercent) { checkDurable(promise, stream) }
    }
}

/// Room to decode what is overheard.
struct Tap {
    private var opener = BatchOpener()
    private var decoder = BatchDecoder(hashSeed: 1)
    private(set) var batch = Batch()

    mutating func decode(_ header: BatchHeader, _ body: [UInt8]) throws(BatchRefusal) {
        try opener.open(header, body: body.span)
        try opener.decode(header, with: &decoder, into: &batch)
    }

    /// A canonical body, as the appender gets it.
    mutating func decode(raw: [UInt8], count: Int) throws(BatchRefusal) {
        try decoder.decode(raw.span, count: count, into: &batch)
    }
}
