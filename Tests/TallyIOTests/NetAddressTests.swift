import Foundation
import TallyIO
import TallyModel
import Testing

@Suite("Addresses") struct NetAddressTests {
    struct Case: Sendable, CustomTestStringConvertible {
        let text: String
        let host: String?
        var port: UInt16 = 0
        var testDescription: String { text }
    }

    static let cases: [Case] = [
        Case(text: "127.0.0.1:7443", host: "127.0.0.1", port: 7_443),
        Case(text: "[::1]:0", host: "::1", port: 0),
        Case(text: "localhost:65535", host: "localhost", port: 65_535),
        Case(text: "gate-way.example_1.org:1", host: "gate-way.example_1.org", port: 1),
        Case(text: "localhost:65536", host: nil),
        Case(text: "localhost:", host: nil),
        Case(text: "localhost", host: nil),
        Case(text: ":7443", host: nil),
        Case(text: "::1:7443", host: nil),
        Case(text: "[::1:7443", host: nil),
        Case(text: "[localhost]:7443", host: nil),
        Case(text: "-x:1", host: nil),
        Case(text: "a b:1", host: nil),
        Case(text: "host:+1", host: nil),
        Case(text: "host:000001", host: nil),
        Case(text: "", host: nil),
    ]

    @Test("A host and port are read as an operator writes them, or refused", arguments: cases)
    func hostPort(_ entry: Case) {
        let parsed = HostPort(entry.text)
        #expect(parsed?.host == entry.host)
        if entry.host != nil {
            #expect(parsed?.port == entry.port)
            #expect(parsed?.description == entry.text)
        }
    }

    @Test("An address in digits needs no resolver and prints as it was written")
    func literals() throws {
        for text in ["127.0.0.1:7443", "[::1]:80", "0.0.0.0:0", "[2001:db8::7]:1"] {
            let target = try #require(HostPort(text))
            #expect(try Resolver.resolve(target).map(\.description) == [text])
        }
        let name = try #require(HostPort("localhost:9"))
        #expect(SocketAddress(literal: name) == nil)
        #expect(try Resolver.resolve(name).allSatisfy { $0.isLoopback && $0.port == 9 })
    }

    @Test("A port that is in use is an error that names the address")
    func portInUse() throws {
        let first = try Sockets.listen(on: .v4(0x7F00_0001, port: 0))
        let address = try Sockets.localAddress(of: first)
        #expect(address.port != 0)
        do {
            _ = try Sockets.listen(on: address)
            Issue.record("two listeners on one port")
        } catch {
            #expect(error.isAddressInUse)
            #expect(error.description.contains(address.description))
        }
    }
}
