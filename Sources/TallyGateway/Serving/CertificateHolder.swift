import Dispatch
import Synchronization
import TallyIO
import TallyModel
import TallyTLS

/// The context that the next connection is served with: the operator's certificate, or the folder's own, which is looked
/// after twice a day.
final class CertificateHolder: Sendable {
    private static let period = DispatchTimeInterval.seconds(43_200)

    private let current: Guarded<TLSServerContext>
    private let make: @Sendable () throws -> TLSServerContext
    private let log: LogSink
    private let isStopped = Atomic<Bool>(false)

    init(settings: Settings, services: Services) throws {
        log = services.log
        let keyLog = try settings.tlsKeyLogFile.map { path in try TLSKeyLog(path: path) }
        if let file = settings.tlsKeyLogFile { log(.secretsLogged(file: file)) }
        let read: @Sendable () throws -> TLSServerContext
        if let certificate = settings.certificateFile, let key = settings.keyFile {
            // Read again each time: the operator's own renewal needs no restart.
            read = { try TLSServerContext(certificateFile: certificate, keyFile: key) }
        } else {
            let identity = try TLSIdentity(
                folder: services.folder, listen: settings.listen, address: settings.address, clock: services.clock,
                log: services.log)
            read = { try identity.context() }
        }
        make = {
            let context = try read()
            if let keyLog { context.logSecrets(to: keyLog) }
            return context
        }
        current = Guarded(try make())
    }

    var context: TLSServerContext { current.withLock { $0 } }

    func startRenewing() { schedule() }

    func stop() { isStopped.store(true, ordering: .relaxed) }

    private func schedule() {
        DispatchQueue.global(qos: .utility).asyncAfter(deadline: .now() + Self.period) { [weak self] in
            guard let self, !isStopped.load(ordering: .relaxed) else { return }
            do {
                let next = try make()
                current.withLock { $0 = next }
            } catch {
                log(.certificateFailed(reason: "\(error)"))
            }
            schedule()
        }
    }
}
