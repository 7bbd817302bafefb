package import TallyModel

/// Decides how many labels and sessions a tenant's batches may bring that it has not sent lately (SPEC section 9): without a
/// bound a workstation could fill the tenant's store with names, or carry bytes away in them.
///
/// New is what was sent neither in this period nor in the one before it, a day for labels and an hour for sessions. What is
/// known costs nothing; what is new spends the tenant's budget, and is turned away where that is spent. A gateway that was
/// started anew knows nothing and has whole budgets. What is remembered is bounded: beyond the bound a thing stays new.
///
/// A value: keys are hashes under a secret (`NewcomerGate`), and the time comes in.
package struct NewcomerBook: Sendable {
    package enum Kind: CaseIterable, Hashable, Sendable { case label, session }

    /// One tenant's things of one kind.
    private struct Page: Sendable {
        var current: Set<UInt64> = []
        var before: Set<UInt64> = []
        /// When `current` becomes `before`.
        var turnsAt: MonotonicInstant
        /// As `Pace` has it.
        var fullAt: UInt64 = 0

        var count: Int { current.count + before.count }
    }

    private struct Place: Hashable {
        var tenant: TenantID
        var kind: Kind
    }

    private let paces: (label: Pace, session: Pace)
    private let perTenantMax: Int
    private let most: Int
    private var pages: [Place: Page] = [:]
    /// Keys on all pages.
    package private(set) var remembered = 0
    /// Pages whose time is over are looked for no sooner.
    private var sweepAt = MonotonicInstant(nanoseconds: 0)

    package init(
        limits: AbuseLimits = AbuseLimits(), perTenantMax: Int = Limits.newcomersPerTenantMax,
        most: Int = Limits.newcomersMax
    ) {
        paces = (
            Pace(limits[.newLabelsPerHour], in: .seconds(3_600)), Pace(limits[.newSessionsPerHour], in: .seconds(3_600))
        )
        self.perTenantMax = perTenantMax
        self.most = most
    }

    /// Whether it may be taken: it is known, or it is new and within the budget, which it then spends.
    package mutating func admits(_ kind: Kind, _ key: UInt64, of tenant: TenantID, now: MonotonicInstant) -> Bool {
        let place = Place(tenant: tenant, kind: kind)
        var page = take(place, now: now)
        defer { put(page, at: place) }
        if page.current.contains(key) { return true }
        if page.before.remove(key) != nil {
            page.current.insert(key)
            return true
        }
        guard pace(kind).spend(&page.fullAt, now: now) else { return false }
        if page.count < perTenantMax, hasRoom(for: page, now: now) { page.current.insert(key) }
        return true
    }

    /// Whether it is known; nothing is spent.
    package func knows(_ kind: Kind, _ key: UInt64, of tenant: TenantID) -> Bool {
        guard let page = pages[Place(tenant: tenant, kind: kind)] else { return false }
        return page.current.contains(key) || page.before.contains(key)
    }

    private func pace(_ kind: Kind) -> Pace { kind == .label ? paces.label : paces.session }

    private func memory(_ kind: Kind) -> Duration { kind == .label ? Limits.labelMemory : Limits.sessionMemory }

    /// Takes the page out, turned if it is time, so that it is changed where it stands.
    private mutating func take(_ place: Place, now: MonotonicInstant) -> Page {
        var page = pages.removeValue(forKey: place) ?? Page(turnsAt: now + memory(place.kind))
        remembered -= page.count
        turn(&page, place.kind, now: now)
        return page
    }

    private mutating func put(_ page: Page, at place: Place) {
        remembered += page.count
        pages[place] = page
    }

    private func turn(_ page: inout Page, _ kind: Kind, now: MonotonicInstant) {
        guard now >= page.turnsAt else { return }
        // A period in which nothing was asked for is one in which nothing was sent.
        page.before = now < page.turnsAt + memory(kind) ? page.current : []
        page.current = []
        page.turnsAt = now + memory(kind)
    }

    /// `page` is out of the book. Where that is full, pages whose time is over are turned first, once a minute.
    private mutating func hasRoom(for page: Page, now: MonotonicInstant) -> Bool {
        if remembered + page.count < most { return true }
        guard now >= sweepAt else { return false }
        sweepAt = now + .seconds(60)
        for place in Array(pages.keys) {
            let turned = take(place, now: now)
            if turned.count > 0 || turned.fullAt > now.nanoseconds { put(turned, at: place) }
        }
        return remembered + page.count < most
    }

    package func checkInvariants() {
        precondition(remembered == pages.values.reduce(0) { $0 + $1.count }, "what is remembered is counted")
        precondition(pages.values.allSatisfy { $0.count <= perTenantMax }, "a tenant's part is bounded")
        precondition(remembered <= most, "what is remembered is bounded")
    }
}
