package import TallyIO
package import TallyModel

/// Decides which connections may begin: how many there are, of all and of one address, and how many began lately.
///
/// A value: the peer and the time come in. What is turned away spends nothing, so that one address that floods uses up
/// nobody else's part. It remembers an address while it has a connection or part of its budget is spent, which is at most
/// `connections` and what may begin in the seconds until a budget is whole again; 24 bytes each.
package struct ConnectionAdmission: Sendable {
    package struct Bounds: Hashable, Sendable {
        package var connections: Int
        package var connectionsPerAddress: Int
        package var connectsPerSecond: Int
        package var connectsPerAddressPerSecond: Int

        package init(
            connections: Int, connectionsPerAddress: Int = .max, connectsPerSecond: Int = .max,
            connectsPerAddressPerSecond: Int = .max
        ) {
            self.connections = connections
            self.connectionsPerAddress = connectionsPerAddress
            self.connectsPerSecond = connectsPerSecond
            self.connectsPerAddressPerSecond = connectsPerAddressPerSecond
        }

        package init(_ limits: AbuseLimits) {
            self.init(
                connections: limits[.connections], connectionsPerAddress: limits[.connectionsPerAddress],
                connectsPerSecond: limits[.connectsPerSecond],
                connectsPerAddressPerSecond: limits[.connectsPerAddressPerSecond])
        }
    }

    package enum Refusal: CaseIterable, Hashable, Sendable {
        /// There are as many connections as there may be.
        case full
        /// Or of this address.
        case addressFull
        /// Too many began lately, …
        case pace
        /// … or of this address.
        case addressPace
        /// The process has no descriptor to spare.
        case descriptors
    }

    private struct Address: Sendable {
        var open: UInt32 = 0
        /// As `Pace` has it.
        var fullAt: UInt64 = 0

        /// It has no connection and has spent nothing: the same as one that was never seen.
        func isForgettable(now: MonotonicInstant) -> Bool { open == 0 && fullAt <= now.nanoseconds }
    }

    /// As many seconds' worth may begin at once: a site that has lost its line comes back as one.
    private static let burstSeconds = 2
    private static let addressBurstSeconds = 4

    package let bounds: Bounds
    package private(set) var open = 0
    private let pace: Pace
    private let addressPace: Pace
    private var fullAt: UInt64 = 0
    private var addresses: [UInt64: Address] = [:]
    /// Addresses without connections are looked for when there are so many.
    private var sweepAt = 1_024

    package init(_ bounds: Bounds) {
        self.bounds = bounds
        pace = Pace(bounds.connectsPerSecond, in: .seconds(1), burst: Self.burstSeconds)
        addressPace = Pace(bounds.connectsPerAddressPerSecond, in: .seconds(1), burst: Self.addressBurstSeconds)
    }

    /// How many addresses are remembered.
    package var addressCount: Int { addresses.count }

    /// Takes a connection in, or says why not.
    package mutating func enter(_ peer: SocketAddress, now: MonotonicInstant) -> Refusal? {
        guard open < bounds.connections else { return .full }
        guard let site = peer.site else {
            guard pace.spend(&fullAt, now: now) else { return .pace }
            open += 1
            return nil
        }
        var address = addresses[site] ?? Address()
        guard address.open < bounds.connectionsPerAddress else { return .addressFull }
        guard addressPace.allows(address.fullAt, now: now) else { return .addressPace }
        guard pace.spend(&fullAt, now: now) else { return .pace }
        _ = addressPace.spend(&address.fullAt, now: now)
        address.open += 1
        addresses[site] = address
        open += 1
        if addresses.count >= sweepAt { sweep(now: now) }
        return nil
    }

    /// A connection that was taken in has ended.
    package mutating func leave(_ peer: SocketAddress, now: MonotonicInstant) {
        precondition(open > 0, "whoever leaves has entered")
        open -= 1
        guard let site = peer.site, var address = addresses[site] else { return }
        address.open -= 1
        addresses[site] = address.isForgettable(now: now) ? nil : address
    }

    /// Every address is looked at once for each that came since the last time, or fewer.
    private mutating func sweep(now: MonotonicInstant) {
        addresses = addresses.filter { !$0.value.isForgettable(now: now) }
        sweepAt = max(1_024, addresses.count * 2)
    }

    package func checkInvariants() {
        precondition(open >= 0 && open <= bounds.connections, "connections are bounded")
        let known = addresses.values.reduce(0) { $0 + Int($1.open) }
        precondition(known <= open, "an address's connections are among all")
        let isBounded = addresses.values.allSatisfy { $0.open <= bounds.connectionsPerAddress }
        precondition(isBounded, "connections of one address are bounded")
    }
}

extension SocketAddress {
    /// Whose connections count together: those of one IPv4 address, or of the /64 of an IPv6 one, which is the least that a
    /// site has. Nil for this machine.
    fileprivate var site: UInt64? {
        switch self {
        case .v4(let address, _):
            // As a prefix this would be of multicast, which no connection comes from.
            return address >> 24 == 127 ? nil : 0xFF00_0000_0000_0000 | UInt64(address)
        case .v6(let address, _, let port):
            // An IPv4 address as a socket for both shows it: ::ffff:a.b.c.d.
            if address.high == 0, address.low >> 32 == 0xFFFF {
                return SocketAddress.v4(UInt32(truncatingIfNeeded: address.low), port: port).site
            }
            return isLoopback ? nil : address.high
        }
    }
}
