import Foundation
import Testing

/// `serve --tls-key-log` as a person meets it.
@Suite("Key log of a running gateway")
struct KeyLogTests {
    @Test("The key log is announced on standard output, and refused where strangers can connect")
    func announced() throws {
        let sandbox = try Sandbox()
        let file = sandbox.path("keys")
        let refused = try sandbox.tallygate("serve", "--listen", "0.0.0.0:0", "--tls-key-log", file)
        #expect(refused.status == 1)
        #expect(refused.errors.contains("loopback only"), "\(refused.errors)")
        #expect(!FileManager.default.fileExists(atPath: file))
        let gateway = try RunningGateway(sandbox, arguments: ["--tls-key-log", file])
        try sandbox.enroll()
        let output = try String(contentsOfFile: gateway.output, encoding: .utf8)
        #expect(output.hasPrefix("WARNING: ") && output.contains(file), "\(output)")
        #expect(try String(contentsOfFile: file, encoding: .utf8).contains("CLIENT_TRAFFIC_SECRET_0 "))
        #expect(gateway.stop() == 0)
    }
}
