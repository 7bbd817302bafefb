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

/// One tenant's books at the end of a run: what its agents wrote against what its ledger holds, call by call.
struct Accounts {
    /// Summed over the rows of the ledger.
    var counted: [UInt64: CallCounts] = [:]
    /// Usage events by call: more than one is counted twice.
    var usages: [UInt64: Int] = [:]
    /// Summed over the different events that gaps cover, as they were heard on the network. One that is refused for ever
    /// is offered again by a workstation that has lost its memory, and is given up again.
    var givenUp: [UInt64: CallCounts] = [:]
    /// Calls that some gap may cover: its stream has forked, so which events were meant is not certain.
    var perhapsGivenUp: Set<UInt64> = []
    var gapEvents: UInt64 = 0
    var gapTokens: UInt128 = 0
    /// A gap covers events that nobody has heard of.
    var hasUnheardGap = false

    init(_ walk: LedgerWalk, _ hearsay: Hearsay) {
        var gone: Set<Event> = []
        for row in walk.rows {
            let number = Call.number(of: row.event)
            counted[number, default: CallCounts()] += CallCounts(row.event)
            if row.event.kind == .usage { usages[number, default: 0] += 1 }
        }
        for gap in walk.gaps {
            gapEvents += gap.record.events
            gapTokens += gap.record.totals.tokens
            for sequence in gap.record.first.value...gap.record.last.value {
                let heard = hearsay.events[gap.stream]?[sequence] ?? []
                if heard.isEmpty { hasUnheardGap = true }
                // What was trimmed here may be read again by a home made anew, and counted after all.
                if heard.count == 1, gap.record.reason != SkipReason.trimmed.rawValue {
                    guard gone.insert(heard[0]).inserted else { continue }
                    givenUp[Call.number(of: heard[0]), default: CallCounts()] += CallCounts(heard[0])
                } else {
                    for event in heard { perhapsGivenUp.insert(Call.number(of: event)) }
                }
            }
        }
    }
}

extension World {
    /// The end of a run: every ledger against the journal of what was generated.
    func checkEverything() {
        for place in gateway.tenants.indices where violation == nil {
            let tenant = gateway.tenants[place]
            if tenant.isDeleted {
                checkDeleted(tenant)
                continue
            }
            guard case .open(let durable)? = gateway.board[tenant.row.id] else { continue }
            do throws(LedgerWalk.Problem) {
                let walk = try LedgerWalk.of(tenant.disk, through: durable.ordinal)
                checkStreams(walk, place)
                checkAccounts(walk, place)
                checkGaps(walk, place)
                checkViews(walk, tenant, through: durable)
                checkSeparation(place)
            } catch {
                if !tenant.isTampered { violate(error.invariant, "tenant \(tenant.row.id.value): \(error.text)") }
            }
        }
    }

    /// I17: nothing is left in a deleted tenant's folder.
    private func checkDeleted(_ tenant: SimTenant) {
        let left = tenant.disk.snapshot()
        if !left.isEmpty { violate(.i17, "\(left.count) files of tenant \(tenant.row.id.value) are left") }
    }

    /// I9: no id of another tenant's stands in a tenant's files.
    private func checkSeparation(_ place: Int) {
        let files = gateway.tenants[place].disk.snapshot()
        for stream in hearsay.streams where hearsay.tenants[stream] != place {
            let needle = stream.value.bytes
            for name in files.keys.sorted() where files[name]?.holds(needle) == true {
                return violate(
                    .i9, "\(name) of tenant \(gateway.tenants[place].row.id.value) names a stream of another")
            }
        }
    }

    /// I7, I9, I5: the ledger's streams are the tenant's own, and stand where the promises say.
    private func checkStreams(_ walk: LedgerWalk, _ place: Int) {
        for stream in hearsay.streams {
            guard let found = walk.places[stream] else {
                if hearsay.tenants[stream] == place, let promise = hearsay.promises[stream],
                    promise.cursor.sequence > 0, promise.epoch == gateway.tenants[place].row.epoch
                {
                    violate(.i3, "a stream that was promised event \(promise.cursor.sequence) is not in the ledger")
                }
                continue
            }
            if hearsay.tenants[stream] != place { violate(.i9, "a stream of another tenant stands in the ledger") }
            if let named = hearsay.chains[stream]?[found.sequence], !named.contains(found.chain) {
                violate(.i7, "the ledger's chain after event \(found.sequence) is no workstation's")
            }
        }
        if walk.places.count > hearsay.streams.count { violate(.i9, "the ledger holds a stream that nobody has") }
    }

    /// I1, I2, I14: each call once, with all its tokens; what is missing is told as a gap or a discard.
    private func checkAccounts(_ walk: LedgerWalk, _ place: Int) {
        let books = Accounts(walk, hearsay)
        var missing: [UInt64] = []
        for call in truth.calls where call.tenant == place {
            let counted = books.counted[call.number] ?? CallCounts()
            let usages = books.usages[call.number] ?? 0
            if usages > 1 {
                return violate(.i1, "call \(call.number) is counted \(usages) times: \(describe(call.number, walk))")
            }
            if counted.tokens > call.counts.tokens {
                return violate(
                    .i1,
                    "call \(call.number) of \(call.counts.tokens) tokens is counted with \(describe(call.number, walk))"
                )
            }
            var sum = counted
            sum += books.givenUp[call.number] ?? CallCounts()
            if sum == call.counts { continue }
            if books.perhapsGivenUp.contains(call.number) { continue }
            if !call.isCertain, sum.tokens <= call.counts.tokens { continue }
            // Refused for ever, offered again by a workstation that had lost its memory, and given up again.
            if call.isPoison, usages <= 1, counted.tokens <= call.counts.tokens,
                machines[call.machine].wasTurnedBack || machines[call.machine].hasCopies
            {
                continue
            }
            if sum.tokens > call.counts.tokens {
                return violate(
                    .i1,
                    "call \(call.number) of \(call.counts.tokens) tokens is counted with \(sum.tokens): \(usages) usages, "
                        + "\(counted.tokens) in rows, \(books.givenUp[call.number]?.tokens ?? 0) given up")
            }
            missing.append(call.number)
        }
        for number in books.counted.keys.sorted() where truth.call(number)?.tenant != place {
            return violate(.i9, "the ledger counts call \(number), which is no call of this tenant")
        }
        checkMissing(missing, books, place)
    }

    /// The rows that tell of a call.
    private func describe(_ number: UInt64, _ walk: LedgerWalk) -> String {
        walk.rows.filter { Call.number(of: $0.event) == number }.map { row in
            "\(row.event.kind) of \(row.event.timeMs) in session \(row.event.session.value.high >> 32), "
                + "\(row.event.controlTokens) tokens, as \(row.stream.value.high >> 48):\(row.sequence)"
        }.joined(separator: "; ")
    }

    /// I13, I14: what is given up for ever is what was refused for ever, and nothing beside it.
    private func checkGaps(_ walk: LedgerWalk, _ place: Int) {
        guard !hasAgedEvents else { return }
        for gap in walk.gaps where gap.record.reason == SkipReason.poison.rawValue {
            for sequence in gap.record.first.value...gap.record.last.value {
                guard let heard = hearsay.events[gap.stream]?[sequence], heard.count == 1 else { continue }
                let number = Call.number(of: heard[0])
                if truth.call(number)?.isPoison == false {
                    return violate(.i13, "call \(number) was given up although nobody refused it")
                }
            }
        }
    }

    private func checkMissing(_ missing: [UInt64], _ books: Accounts, _ place: Int) {
        guard !missing.isEmpty else { return }
        // Dropped before they had a number: only for age, only counted, and only where a clock made them old.
        let dropped = machines.filter { $0.tenant == place }.reduce(UInt64(0)) { sum, machine in
            sum + max(machine.tooOld, machine.core?.spool.state.tooOld ?? 0)
        }
        if hasAgedEvents, UInt64(missing.count) <= dropped { return }
        if books.hasUnheardGap, UInt64(missing.count) <= books.gapEvents + dropped { return }
        let names = missing.prefix(8).map { number in
            let expected = truth.call(number)
            return "\(number) of workstation \(expected?.machine ?? -1) "
                + "(\((books.counted[number] ?? CallCounts()).tokens) of \(expected?.counts.tokens ?? 0) tokens)"
        }.joined(separator: ", ")
        violate(
            dropped > 0 ? .i14 : .i2,
            "\(missing.count) calls are not counted in full, and no gap tells of them: \(names) "
                + "(\(dropped) dropped as too old, \(books.gapEvents) given up)")
    }
}

extension [UInt8] {
    /// Whether `needle` stands somewhere in it.
    fileprivate func holds(_ needle: [UInt8]) -> Bool {
        guard let first = needle.first, count >= needle.count else { return false }
        let bytes = span
        for start in 0...(count - needle.count) where bytes[start] == first {
            if (1..<needle.count).allSatisfy({ bytes[start + $0] == needle[$0] }) { return true }
        }
        return false
    }
}
