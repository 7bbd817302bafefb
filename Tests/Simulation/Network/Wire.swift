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

/// One connection: two streams of bytes between a workstation's process and the gateway's, each in order, each with its
/// own delays. Both ends learn of its end at a time of their own, or never.
final class Wire {
    struct Pipe {
        /// Nothing arrives before what was sent before it.
        var lastArrivalAt: UInt64 = 0
        /// Sent and not yet arrived.
        var inFlightBytes = 0
        /// Arrived, and not yet taken.
        var arrived: [UInt8] = []
        /// So many more bytes come through, then none.
        var bytesLeft = Int.max
    }

    let number: UInt64
    let workstation: Int
    /// The processes that it connects.
    let workstationLife: Int
    let gatewayLife: Int
    var toGateway = Pipe()
    var toWorkstation = Pipe()
    var isWorkstationOpen = true
    var isGatewayOpen = false
    /// Nothing is delivered to the gateway until the workstation has come in by another connection.
    var isHeld = false
    var held: [UInt8] = []
    var releasedAt: UInt64 = 0
    /// Both processes have been told that it stands.
    var isEstablished = false
    /// Skips spend no credit: with one in flight, events cannot be counted against it.
    var hasSkipped = false
    /// The instant of the machine's tick that is planned.
    var tickAt = UInt64.max

    init(number: UInt64, workstation: Int, workstationLife: Int, gatewayLife: Int) {
        self.number = number
        self.workstation = workstation
        self.workstationLife = workstationLife
        self.gatewayLife = gatewayLife
    }
}
