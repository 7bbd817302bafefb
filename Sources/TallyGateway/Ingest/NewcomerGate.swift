import Synchronization
import TallyHash
import TallyIO
package import TallyModel
package import TallyRollup
package import TallyWire

/// The book of all shards, under a lock: only a label or session that a shard does not remember comes here.
package final class Newcomers: Sendable {
    private let book: Guarded<NewcomerBook>

    package init(_ book: NewcomerBook) { self.book = Guarded(book) }

    package convenience init(limits: AbuseLimits) { self.init(NewcomerBook(limits: limits)) }

    func admits(_ kind: NewcomerBook.Kind, _ key: UInt64, of tenant: TenantID, now: MonotonicInstant) -> Bool {
        book.withLock { $0.admits(kind, key, of: tenant, now: now) }
    }

    func knows(_ kind: NewcomerBook.Kind, _ key: UInt64, of tenant: TenantID) -> Bool {
        book.withLock { $0.knows(kind, key, of: tenant) }
    }
}

/// Looks at the labels and sessions of one shard's batches: LABEL_LIMIT and SESSION_LIMIT come from here.
///
/// What was admitted lately is remembered in a table of fixed size, a look of a few nanoseconds for each entry of a batch's
/// dictionaries; anything else is asked of the book. Entries are named by hashes under a secret of the process, so that no
/// peer can make two of its names one.
///
/// Sessions are many, so they are not even looked at while the shard has seen so few of a tenant since its sums were last
/// taken, some seconds ago, that all of them could be new and within the budget (`quietMax`).
package struct NewcomerGate: Sendable {
    private static let places = 1 << 15

    /// By its lowest bits, what was admitted last; 0 is nothing.
    private var admitted = [UInt64](repeating: 0, count: places)
    private let newcomers: Newcomers
    private let secret: HashKey
    private let quietMax: Int
    /// What a workstation gives a model's name up for is always taken.
    private let unlisted = XXH3.hash64(Array(Label.unlisted.text.utf8).span)

    /// `secret` is the same for all shards of a book. `quietMax`: sessions of a tenant between two takings of a shard's
    /// sums.
    package init(_ newcomers: Newcomers, secret: HashKey, quietMax: Int = 0) {
        self.newcomers = newcomers
        self.secret = secret
        self.quietMax = quietMax
    }

    /// The part of one shard: what may come in the shortest time between two takings.
    static func quietMax(_ limits: AbuseLimits, shards: Int) -> Int {
        limits[.newSessionsPerHour] * Int(Limits.viewsGather.components.seconds) / 3_600 / shards
    }

    /// `lately`: sessions of the tenant that this shard has seen since its sums were taken; nil where nobody has counted
    /// them, or does not count those of this batch.
    package mutating func check(
        _ batch: borrowing Batch, of tenant: TenantID, lately: Int?, now: MonotonicInstant
    ) throws(BatchRefusal) {
        let sessions = batch.sessions.span
        if (lately ?? .max / 2) + sessions.count > quietMax {
            for place in 1..<max(sessions.count, 1) {
                let key = self.key(of: sessions[place], tenant)
                guard isAdmitted(key) || admit(.session, key, tenant, now) else {
                    throw refusal(batch, .session, from: place, tenant)
                }
            }
        }
        let labels = batch.modelHashes.span
        for place in 1..<max(labels.count, 1) {
            let key = self.key(ofLabel: labels[place], tenant)
            guard isAdmitted(key) || labels[place] == unlisted || admit(.label, key, tenant, now) else {
                throw refusal(batch, .label, from: place, tenant)
            }
        }
    }

    private func isAdmitted(_ key: UInt64) -> Bool {
        admitted[Int(truncatingIfNeeded: key) & (Self.places - 1)] == key
    }

    private mutating func admit(
        _ kind: NewcomerBook.Kind, _ key: UInt64, _ tenant: TenantID, _ now: MonotonicInstant
    ) -> Bool {
        guard newcomers.admits(kind, key, of: tenant, now: now) else { return false }
        admitted[Int(truncatingIfNeeded: key) & (Self.places - 1)] = key
        return true
    }

    // MARK: Names

    private func key(of session: Bytes16, _ tenant: TenantID) -> UInt64 {
        named(Self.mix(session.high ^ secret.first, session.low ^ secret.second), tenant)
    }

    private func key(ofLabel hash: UInt64, _ tenant: TenantID) -> UInt64 {
        // Apart from every session: the halves are the other way round.
        named(Self.mix(hash ^ secret.second, ~secret.first), tenant)
    }

    private func named(_ hash: UInt64, _ tenant: TenantID) -> UInt64 {
        let key = Self.mix(hash ^ tenant.value, secret.first | 1)
        return key == 0 ? 1 : key
    }

    private static func mix(_ left: UInt64, _ right: UInt64) -> UInt64 {
        let product = left.multipliedFullWidth(by: right)
        return product.high ^ product.low
    }

    // MARK: Refusals

    /// The first row that has the entry at `place`, and those behind it that have one which is not known either: entries
    /// stand in the order of their first use.
    private func refusal(
        _ batch: borrowing Batch, _ kind: NewcomerBook.Kind, from place: Int, _ tenant: TenantID
    ) -> BatchRefusal {
        var isRefused = [Bool](repeating: false, count: kind == .session ? batch.sessions.count : batch.models.count)
        for other in place..<isRefused.count {
            let key: UInt64
            switch kind {
            case .session: key = self.key(of: batch.sessions[other], tenant)
            case .label:
                if batch.modelHashes[other] == unlisted { continue }
                key = self.key(ofLabel: batch.modelHashes[other], tenant)
            }
            isRefused[other] = !isAdmitted(key) && !newcomers.knows(kind, key, of: tenant)
        }
        isRefused[place] = true
        let column = kind == .session ? ColumnID.session : ColumnID.model
        let slot = Slot.of(column).index * batch.capacity
        var first = 0
        while first < batch.count, Int(batch.shorts[slot + first]) != place { first += 1 }
        var end = first
        while end < batch.count, isRefused[Int(batch.shorts[slot + end])] { end += 1 }
        return BatchRefusal(
            reason: kind == .session ? .sessionLimit : .labelLimit, field: column.rawValue, index: UInt32(first),
            run: UInt32(end - first))
    }
}
