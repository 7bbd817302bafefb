import Foundation
import TallyIO
import TallyModel
import TallyTLS
import TallyTransport
import Testing

/// Which connections may begin: the decision by itself, and a listener that follows it.
@Suite("Admission", .serialized)
struct AdmissionTests {
    private static let start = MonotonicInstant(nanoseconds: 1_000_000_000_000)

    private static func v4(_ address: UInt32, port: UInt16 = 9) -> SocketAddress { .v4(address, port: port) }

    private static func v6(_ high: UInt64, _ low: UInt64) -> SocketAddress {
        .v6(Bytes16(high: high, low: low), scope: 0, port: 9)
    }

    @Test("Beyond the number of all, or of one address, a connection is turned away until one has left")
    func counts() {
        var admission = ConnectionAdmission(.init(connections: 5, connectionsPerAddress: 2))
        let (one, two, three) = (Self.v4(0x0A00_0001), Self.v4(0x0A00_0002), Self.v4(0x0A00_0003))
        var answers = [one, one, one, two, two, three, three].map { admission.enter($0, now: Self.start) }
        #expect(answers == [nil, nil, .addressFull, nil, nil, nil, .full])
        admission.leave(one, now: Self.start)
        answers = [one, three].map { admission.enter($0, now: Self.start) }
        #expect(answers == [nil, .full])
        admission.checkInvariants()
        #expect(admission.open == 5)
    }

    @Test("An address is an IPv4 address, however the socket shows it, or a /64; this machine is none")
    func sites() {
        var admission = ConnectionAdmission(.init(connections: 1_000, connectionsPerAddress: 1))
        let mapped = Self.v6(0, 0xFFFF_0A00_0001)
        let prefix: UInt64 = 0x2001_0DB8 << 32
        let pairs: [(SocketAddress, SocketAddress)] = [
            (Self.v4(0x0A00_0001, port: 1), Self.v4(0x0A00_0001, port: 2)), (Self.v6(prefix, 1), Self.v6(prefix, .max)),
        ]
        for (first, second) in pairs {
            #expect(admission.enter(first, now: Self.start) == nil)
            #expect(admission.enter(second, now: Self.start) == .addressFull)
        }
        #expect(admission.enter(mapped, now: Self.start) == .addressFull)
        // Another /64, another address, and an IPv6 prefix whose bits are those of an IPv4 address.
        for other in [Self.v6(prefix | 1, 1), Self.v4(0x0A00_0002), Self.v6(0x0A00_0001, 1)] {
            #expect(admission.enter(other, now: Self.start) == nil)
        }
        let here = [Self.v4(0x7F00_0001), Self.v4(0x7F01_0203), Self.v6(0, 1), Self.v6(0, 0xFFFF_7F00_0001)]
        for _ in 0..<20 {
            for peer in here { #expect(admission.enter(peer, now: Self.start) == nil) }
        }
        admission.checkInvariants()
    }

    @Test("An address that floods is held to its pace and takes nothing from the others")
    func pace() {
        let bounds = ConnectionAdmission.Bounds(
            connections: 10_000, connectsPerSecond: 100, connectsPerAddressPerSecond: 5)
        var admission = ConnectionAdmission(bounds)
        let flood = Self.v4(0x0A00_0001)
        var taken = 0
        var refused: Set<ConnectionAdmission.Refusal> = []
        for millisecond in 0..<10_000 {
            let now = Self.start + .milliseconds(millisecond)
            for _ in 0..<3 {
                if let refusal = admission.enter(flood, now: now) { refused.insert(refusal) } else { taken += 1 }
            }
            // An honest one now and then: it always finds room.
            if millisecond % 100 == 0 {
                let peer = Self.v4(0x0B00_0000 + UInt32(millisecond))
                #expect(admission.enter(peer, now: now) == nil)
            }
        }
        // Four seconds' worth at once, and five a second.
        #expect(taken == 20 + 49 && refused == [.addressPace])
    }

    @Test("Many addresses together are held to the pace of all")
    func paceOfAll() {
        var admission = ConnectionAdmission(.init(connections: 100_000, connectsPerSecond: 50))
        var taken = 0
        for index in 0..<20_000 {
            let now = Self.start + .microseconds(index * 500)
            let refusal = admission.enter(Self.v4(0x0A00_0000 + UInt32(index)), now: now)
            if refusal == nil { taken += 1 } else { #expect(refusal == .pace) }
        }
        // Ten seconds less one step, and two seconds' worth at once.
        #expect(taken == 100 + 499)
        // This machine is held to it too.
        #expect(admission.enter(Self.v4(0x7F00_0001), now: Self.start + .microseconds(9_999_500)) == .pace)
    }

    @Test("What is remembered of addresses is bounded by what may be open and may begin, and forgotten")
    func memory() {
        var admission = ConnectionAdmission(
            .init(connections: 64, connectsPerSecond: 1_000, connectsPerAddressPerSecond: 1))
        var held: [SocketAddress] = []
        for index in 0..<200_000 {
            let now = Self.start + .milliseconds(index)
            let peer = Self.v6(0x2001_0DB8_0000_0000 + UInt64(index), 1)
            guard admission.enter(peer, now: now) == nil else { continue }
            held.append(peer)
            if held.count > 60 { admission.leave(held.removeFirst(), now: now) }
        }
        admission.checkInvariants()
        // Those of the last second have part of their budget spent.
        #expect(admission.addressCount <= 2_200)
        let later = Self.start + .seconds(10_000)
        for peer in held { admission.leave(peer, now: later) }
        #expect(admission.open == 0)
        for index in 0..<4_000 {
            let now = later + .seconds(index)
            let peer = Self.v6(0x2001_0DB9_0000_0000 + UInt64(index), 1)
            #expect(admission.enter(peer, now: now) == nil)
            admission.leave(peer, now: now)
        }
        #expect(admission.addressCount <= 1_024)
    }

    @Test("Whatever comes and goes, it counts as a naive count does, over 40 seeds")
    func naive() {
        for seed in UInt64(1)...40 {
            var random = pattern(8_000, seed: seed).makeIterator()
            let bounds = ConnectionAdmission.Bounds(connections: 12, connectionsPerAddress: 4)
            var admission = ConnectionAdmission(bounds)
            var open: [SocketAddress] = []
            while let what = random.next(), let who = random.next() {
                let peer = who % 5 == 0 ? Self.v4(0x7F00_0001) : Self.v4(0x0A00_0000 + UInt32(who % 5))
                if what < 150 {
                    let ofSite = open.count { $0 == peer }
                    let expected: ConnectionAdmission.Refusal? =
                        open.count >= 12 ? .full : (!peer.isLoopback && ofSite >= 4 ? .addressFull : nil)
                    #expect(admission.enter(peer, now: Self.start) == expected, "seed \(seed)")
                    if expected == nil { open.append(peer) }
                } else if !open.isEmpty {
                    admission.leave(open.remove(at: Int(who) % open.count), now: Self.start)
                }
                #expect(admission.open == open.count)
            }
            admission.checkInvariants()
        }
    }

    @Test("A listener closes at once what begins too fast, and serves again when its time has come")
    func listenerPace() throws {
        let rig = try Rig(bounds: .init(connections: 100, connectsPerSecond: 1))
        let address = rig.listener.address
        // Two at once and one a second: ten in less than eight seconds are too many.
        let seen = try (0..<10).map { _ in try rig.dial().wait() }
        #expect(seen[0] == [.opened] && seen[1] == [.opened])
        let refused = seen.filter { $0 != [.opened] }
        #expect(
            refused.allSatisfy {
                $0 == [.failed(.tls(.hungUp, address))] || $0 == [.failed(.tls(.reset, address))]
            })
        #expect(refused.count >= 1 && rig.count.refused(.pace) == refused.count)
        #expect(rig.count.refusedTotal == refused.count)
        #expect(try eventually { try rig.dial().wait() == [.opened] })
    }

    @Test("A connection whose descriptor files may need is closed at once, and the others stay")
    func descriptors() throws {
        let rig = try Rig(descriptorsMax: 0)
        let address = rig.listener.address
        let seen = try rig.dial().wait()
        #expect(seen == [.failed(.tls(.hungUp, address))] || seen == [.failed(.tls(.reset, address))])
        #expect(rig.count.refused(.descriptors) == 1 && rig.count.current == 0)
    }
}
