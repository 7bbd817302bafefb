import Dispatch
import Foundation
import Synchronization
import TallyIO
import TallyModel
import TallyStorage

/// The gateway's end of `DIR/admin.sock`: takes commands of the folder's owner, a few at a time, so that neither a long
/// `verify` nor a caller that stalls keeps the others waiting.
final class AdminSocket: Sendable {
    private static let waitMs: CInt = 10_000
    private static let callersMax = 4
    /// How long a stop waits for answers under way: a command of which the answer is lost asks again.
    private static let stopWait = DispatchTimeInterval.seconds(1)

    private let socket: Guarded<UnixSocket?>
    private let service: AdminService
    private let isStopping = Atomic<Bool>(false)
    private let queue = DispatchQueue(label: "tallygate.admin", qos: .utility)
    private let callers = DispatchQueue(label: "tallygate.admin.callers", qos: .utility, attributes: .concurrent)
    private let free = Bell()
    private let answering = DispatchGroup()

    init(folder: DataFolder, service: AdminService) throws(SystemError) {
        socket = Guarded(try UnixSocket.listen(folder: folder.path, name: DataFolder.socketName))
        self.service = service
        for _ in 0..<Self.callersMax { free.ring() }
    }

    func start() {
        queue.async { [self] in
            while !isStopping.load(ordering: .relaxed) {
                guard free.wait(timeoutMs: 200) else { continue }
                guard let caller = accept() else {
                    free.ring()
                    continue
                }
                callers.async(group: answering) { [self] in
                    serve(caller)
                    free.ring()
                }
            }
        }
    }

    /// Whoever connects from here on finds nobody, and answers itself under the folder's lock.
    func stop() {
        isStopping.store(true, ordering: .relaxed)
        queue.sync {}
        socket.withLock { $0 = nil }
        _ = answering.wait(timeout: .now() + Self.stopWait)
    }

    private func accept() -> Caller? {
        do {
            // Only the accepting thread comes here until the socket is closed.
            return try socket.withLock { socket in
                guard let peer = try socket?.accept(timeoutMs: 200) else { return nil }
                return Caller(peer)
            }
        } catch {
            // Out of descriptors, most likely: do not spin.
            usleep(100_000)
            return nil
        }
    }

    private func serve(_ caller: Caller) {
        guard let message = try? caller.socket.receive(timeoutMs: Self.waitMs) else { return }
        var reply: AdminReply
        if let call = try? JSONDecoder().decode(AdminCall.self, from: Data(message)) {
            reply = service.answer(call)
        } else {
            reply = .failed("the running gateway does not know this command: it may be of another version; restart it")
        }
        guard var data = try? JSONEncoder().encode(reply) else { return }
        if data.count > UnixSocket.messageBytesMax {
            reply = .failed("\(StorageError.reportTooLarge)")
            data = (try? JSONEncoder().encode(reply)) ?? Data()
        }
        // A caller that has gone has no use for the answer.
        try? caller.socket.send(Array(data), timeoutMs: Self.waitMs)
    }
}

/// A connected command, held where a queue's block can hold it.
private final class Caller: Sendable {
    let socket: UnixSocket
    init(_ socket: consuming UnixSocket) { self.socket = socket }
}
