import Foundation
import TallyIO
import TallyModel
import TallyStorage

/// Has a command answered: by the gateway that runs on the folder, through its socket; else here, under the folder's lock.
package struct AdminClient: Sendable {
    /// A report over a large ledger takes its time; a gateway that is starting recovers first.
    private static let answerMs: CInt = 600_000
    private static let attemptsMax = 50

    private let folder: String

    package init(folder: String) { self.folder = folder }

    package func call(_ call: AdminCall) -> AdminReply {
        // A gateway that starts or stops at this moment has the lock and no socket, or the reverse: try again, for 5 s.
        for attempt in 1...Self.attemptsMax {
            if let reply = overSocket(call) { return reply }
            do {
                return try underLock(call)
            } catch let error as DataFolderError {
                guard case .owned = error, attempt < Self.attemptsMax else { return .failed(error.description) }
                usleep(100_000)
            } catch {
                return .failed("\(error)")
            }
        }
        return .failed("the data folder \(folder) is in use, but its owner does not answer")
    }

    /// Nil where nobody listens.
    private func overSocket(_ call: AdminCall) -> AdminReply? {
        let socket: UnixSocket
        do throws(SystemError) {
            socket = try UnixSocket.connect(folder: folder, name: DataFolder.socketName)
        } catch {
            return nil
        }
        do {
            try socket.send(Array(try JSONEncoder().encode(call)), timeoutMs: Self.answerMs)
            guard let message = try socket.receive(timeoutMs: Self.answerMs) else { return nil }
            return try JSONDecoder().decode(AdminReply.self, from: Data(message))
        } catch let error as SystemError where error.isCut {
            // It stopped before it answered: ask again.
            return nil
        } catch {
            return .failed("the running gateway did not answer: \(error)")
        }
    }

    private func underLock(_ call: AdminCall) throws -> AdminReply {
        let folder = try DataFolder(path: self.folder)
        let services = Services(
            folder: folder, metrics: Metrics(), log: LogSink(level: .warning), clock: GatewayClock(), faults: .none,
            onFatal: GatewayProgram.abort)
        let store = try Store(services: services, opening: call.request.opening)
        defer { store.close() }
        return AdminService(store: store).answer(call)
    }
}

extension SystemError {
    /// The other side has closed the connection.
    fileprivate var isCut: Bool { number == ECONNRESET || number == EPIPE }
}

extension AdminRequest {
    /// The tenants whose ledgers the answer speaks of.
    fileprivate var opening: Store.Opening {
        switch self {
        case .tenantCreate, .enroll, .workstationList, .workstationRevoke, .tenantDelete, .audit(nil, _): .none
        case .pricesList, .pricesShow, .pricesCheck, .pricesUse: .none
        case .tenantList, .verify(nil), .rebuild(nil): .all
        case .tenantShow(let name), .verify(let name?), .rebuild(let name?), .audit(let name?, _): .one(name: name)
        case .usage(let arguments): .one(name: arguments.tenant)
        case .sessions(let arguments): .one(name: arguments.tenant)
        case .reprice(let arguments): .one(name: arguments.tenant)
        }
    }
}

/// Which folder a command means.
package enum DataFolderChoice {
    package static func resolve(
        flag: String?, environment: [String: String] = ProcessInfo.processInfo.environment
    ) throws -> String {
        if let flag, !flag.isEmpty { return flag }
        if let set = environment["TALLYGATE_DATA"], !set.isEmpty { return set }
        throw NoDataFolder()
    }
}

struct NoDataFolder: Error, CustomStringConvertible, LocalizedError {
    var description: String { "which data folder? Give --data DIR, or set TALLYGATE_DATA" }
    var errorDescription: String? { description }
}
