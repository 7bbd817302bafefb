/// What an input came to.
package enum FuzzOutcome: Hashable, Sendable {
    /// Turned away, as most inputs are.
    case refused
    /// It went all the way: what that means the target says.
    case reached
}

/// A promise that an input broke. A trap is the other way to find something.
package struct FuzzFinding: Error, Hashable, Sendable, CustomStringConvertible {
    package let description: String

    package init(_ promise: String) { description = promise }
}

/// The code under test with what it promises: bytes in, outcome or finding out.
///
/// It may keep what the product keeps from one input to the next, and nothing else. Each call into the product stands
/// in a method of its own, so that a test can plant a mistake there and see it found.
package protocol FuzzSubject: AnyObject {
    func run(_ input: [UInt8]) throws(FuzzFinding) -> FuzzOutcome
}

/// One target of the fuzzers.
package struct FuzzTarget: Sendable {
    package let name: String
    /// When an input counts as having gone all the way.
    package let success: String
    package let inputBytesMax: Int
    /// A fresh subject. One that is thorough also compares with fresh states where it keeps some.
    package let make: @Sendable (_ isThorough: Bool) -> any FuzzSubject

    package static let all: [FuzzTarget] = [
        FuzzTarget(name: "frame", success: "a frame is decoded", inputBytesMax: 4_096) { _ in FrameSubject() },
        FuzzTarget(name: "batch", success: "a body is decoded", inputBytesMax: 4_096) { BatchSubject(isThorough: $0) },
        FuzzTarget(name: "lz4", success: "a block is decoded", inputBytesMax: 2_048) { _ in LZ4Subject() },
        FuzzTarget(name: "gateway", success: "a batch is taken and acknowledged", inputBytesMax: 1_024) { _ in
            GatewaySubject()
        },
        FuzzTarget(name: "workstation", success: "a batch is sent and acknowledged", inputBytesMax: 1_024) { _ in
            WorkstationSubject()
        },
        FuzzTarget(name: "log", success: "a log with records is recovered", inputBytesMax: 4_096) { _ in LogSubject() },
        FuzzTarget(name: "transcript", success: "a line becomes an event", inputBytesMax: 4_096) { _ in
            TranscriptSubject()
        },
        FuzzTarget(name: "http", success: "a head is a request", inputBytesMax: 9_000) { _ in HTTPSubject() },
        FuzzTarget(name: "otlp", success: "a call becomes an event", inputBytesMax: 4_096) { _ in OTLPSubject() },
        FuzzTarget(name: "config", success: "a file gives settings", inputBytesMax: 1_024) { _ in ConfigSubject() },
        FuzzTarget(name: "prices", success: "a book is loaded", inputBytesMax: 4_096) { _ in PricesSubject() },
    ]

    package static func named(_ name: String) -> FuzzTarget? { all.first { $0.name == name } }
}

/// Throws a finding unless `holds`.
@inline(__always)
func expect(_ holds: Bool, _ promise: @autoclosure () -> String) throws(FuzzFinding) {
    if !holds { throw FuzzFinding(promise()) }
}
