/// Where random numbers come from: the system's generator in a program, a seed in a simulation.
///
/// Handed down from the rim, so that whatever decides can be run again. Values from it may be keys and names of logs:
/// only a test may put anything guessable here.
package struct Entropy: Sendable {
    private let draw: @Sendable () -> UInt64

    package init(_ draw: @escaping @Sendable () -> UInt64) { self.draw = draw }

    package func word() -> UInt64 { draw() }

    package func bytes16() -> Bytes16 { Bytes16(high: draw(), low: draw()) }
}
