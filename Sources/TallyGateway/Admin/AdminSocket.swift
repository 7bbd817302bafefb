import Dispatch
import Foundation
import Synchronization
import TallyIO
import TallyModel
import TallyStorage

/// The gateway's end of `DIR/admin.sock`: takes commands of the folder's owner and answers them one after another.
final class AdminSocket: Sendable {
    private static let waitMs: CInt = 10_000
    private let socket: UnixSocket
    private let service: AdminService
    private let isStopping = Atomic<Bool>(false)
    private let queue = DispatchQueue(label: "tallygate.admin", qos: .utility)

    init(folder: DataFolder, service: AdminService) throws(SystemError) {
        socket = try UnixSocket.listen(folder: folder.path, name: DataFolder.socketName)
        self.service = service
    }

    func start() {
        queue.async { [self] in
            while !isStopping.load(ordering: .relaxed) {
                guard let peer = try? socket.accept(timeoutMs: 200) else { continue }
                serve(peer)
            }
        }
    }

    func stop() {
        isStopping.store(true, ordering: .relaxed)
        queue.sync {}
    }

    private func serve(_ peer: borrowing UnixSocket) {
        guard let message = try? peer.receive(timeoutMs: Self.waitMs) else { return }
        let reply: AdminReply
        if let call = try? JSONDecoder().decode(AdminCall.self, from: Data(message)) {
            reply = service.answer(call)
        } else {
            reply = .failed("the running gateway does not know this command: it may be of another version; restart it")
        }
        guard let data = try? JSONEncoder().encode(reply) else { return }
        // A caller that has gone has no use for the answer.
        try? peer.send(Array(data), timeoutMs: Self.waitMs)
    }
}
