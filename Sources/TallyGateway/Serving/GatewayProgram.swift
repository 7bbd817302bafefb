import Foundation
import TallyIO
import TallyModel
import TallyStorage
import TallyTLS

/// `tallygate serve` from the first check to the exit code.
package enum GatewayProgram {
    /// Serves until SIGTERM or SIGINT, then drains. The reply says why it could not start, or nothing.
    package static func serve(folder path: String, flags: SettingsFlags, configFile: String?) -> AdminReply {
        TLSLibrary.keepUntilTheEnd()
        let signals = StopSignals()
        do {
            let settings = try Settings.resolve(flags: flags, file: configFile)
            let log = LogSink(level: settings.logLevel)
            let folder = try DataFolder(path: path)
            let services = Services(
                folder: folder, metrics: Metrics(), log: log, clock: GatewayClock(),
                faults: Faults(environment: ProcessInfo.processInfo.environment), onFatal: abort)
            if services.faults.viewsDelay > .zero { log(.faultInjected(name: "views delay")) }
            let gateway = try Gateway(settings: settings, services: services)
            if let file = settings.tlsKeyLogFile { warn("the secrets of every TLS connection are written to \(file)") }
            try gateway.open(publicAddress: settings.address)
            log(.listening(address: "\(gateway.address)"))
            if let metrics = gateway.metricsAddress { log(.metricsListening(address: "\(metrics)")) }
            // For scripts: these two lines stand on standard error once connections are accepted.
            StandardError.write("listening on \(gateway.address)\n")
            if let metrics = gateway.metricsAddress { StandardError.write("metrics on http://\(metrics)/metrics\n") }
            signals.wait()
            gateway.stop()
            return .done("")
        } catch let error as SystemError where error.isAddressInUse {
            return .failed("\(error): another program listens there; choose another port, or port 0 for a free one")
        } catch {
            return .failed("\(error)")
        }
    }

    /// On standard output, for whoever does not look at the log.
    private static func warn(_ text: String) {
        try? FileHandle.standardOutput.write(contentsOf: Data("WARNING: \(text)\n".utf8))
    }

    /// A barrier failed: what was acknowledged is safe, what was not is with the workstations. The next start recovers.
    @Sendable static func abort(_ reason: String) {
        StandardError.write("tallygate: commit failed, stopping at once: \(reason)\n")
        Abort.now(exitCode: 74)
    }
}
