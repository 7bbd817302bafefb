import Foundation
package import TallyIO
package import TallyModel
import TallyPricing
import TallyStorage
import TallyTLS
import TallyTransport

/// A gateway at work: an open store, shards that serve workstations, the folder's socket, and metrics.
///
/// Starting: ledgers recovered, certificate, then the port. Stopping: no new connections, what was received is committed
/// and acknowledged, connections end, views catch up.
package final class Gateway: Sendable {
    private let store: Store
    private let services: Services
    private let shards: [Shard]
    private let listener: Listener.Handle
    private let connections: ConnectionCount
    private let socket: AdminSocket
    private let metricsServer: MetricsServer?

    /// Where it listens: the port that was taken, where 0 was asked for.
    package let address: HostPort
    package var metricsAddress: SocketAddress? { metricsServer?.address }

    package init(settings: Settings, services: Services) throws {
        self.services = services
        if let book = services.folder.missingBook { throw StorageError.priceBookUnreadable(book.name) }
        let limits = settings.limits
        let store = try Store(services: services, limits: limits)
        self.store = store
        shards = try (0..<settings.shards).map { try Shard(name: "\($0)") }
        let connections = ConnectionCount(ConnectionAdmission.Bounds(limits))
        self.connections = connections
        let context = IngestContext(
            services: services, keeper: store.ledgers, directory: store.directory, shards: shards.count, limits: limits)
        guard let target = try Resolver.resolve(settings.listen).first else { throw GatewayError.noAddress }
        // A name that says loopback and leads elsewhere.
        guard settings.tlsKeyLogFile == nil || target.isLoopback else { throw SettingsError.keyLogNotLoopback }
        let certificate = try CertificateHolder(settings: settings, services: services)
        let rooms = shards.enumerated().map { number, shard in
            shard.sync { loop in IngestRoom.reside(on: loop, shard: UInt16(clamping: number), context) }
        }
        store.ledgers.sync { $0.attach(rooms) }
        listener = try Listener.start(
            on: target, shards: shards,
            service: Listener.Service(
                settings: ChannelSettings(
                    receiveBytesMax: Limits.frameBytesMax + 4, sendBytesMax: Limits.sendQueueBytesMax,
                    handshakeTimeout: limits.patience.hello, flushTimeout: .seconds(5)),
                count: connections, descriptorsMax: Self.descriptorsMax(), tls: { certificate.context },
                makeHandler: { loop in
                    for room in rooms {
                        if let room = loop.resident(room) { return room.connection() }
                    }
                    preconditionFailure("every shard has its room")
                }))
        self.rooms = rooms
        contentNotes = context.contentNotes
        guard let bound = HostPort(host: settings.listen.host, port: listener.address.port) else {
            throw GatewayError.noAddress
        }
        address = bound
        metricsServer = try settings.metrics.map { target in
            guard let address = try Resolver.resolve(target).first else { throw GatewayError.noAddress }
            return try MetricsServer(address: address, metrics: services.metrics) {
                services.metrics.set(.viewsLagRecords, Int(clamping: store.views.lagRecords))
                connections.report(to: services.metrics)
            }
        }
        socket = try AdminSocket(folder: services.folder, service: AdminService(store: store))
        self.certificate = certificate
    }

    private let rooms: [IngestRoomReference]
    private let contentNotes: ContentNotes
    private let certificate: CertificateHolder

    /// Below which descriptors are for connections; the rest stays for ledgers, views and the catalog.
    private static func descriptorsMax() -> CInt {
        let all = ResourceLimits.openFiles
        return CInt(clamping: all - min(UInt64(Limits.descriptorsKept), all / 4))
    }

    /// Remembers the address for `enroll` and opens the doors for commands and scrapers.
    package func open(publicAddress: HostPort?) throws {
        let catalog = services.folder.catalog
        try catalog.set(.listenAddress, to: address.description, by: services.stamp())
        if let publicAddress {
            try catalog.set(.publicAddress, to: publicAddress.description, by: services.stamp())
        }
        try noteShippedBook()
        let standings = store.board.all.values
        let quarantined = standings.count { if case .quarantined = $0 { true } else { false } }
        do throws(StorageError) {
            try catalog.audit(
                AuditRow(
                    stamp: services.stamp(), tenant: nil, action: .gatewayStarted, first: Int64(standings.count),
                    second: Int64(quarantined)))
        } catch {
            // Nor must it keep the gateway from starting.
            guard error.isPassing else { throw error }
            services.log(.auditNotWritten(reason: "\(error)"))
        }
        socket.start()
        metricsServer?.start()
        certificate.startRenewing()
        services.metrics.set(.isReady, 1)
    }

    /// Another version of the program brings another book: from when on it is used stands in the catalog too.
    private func noteShippedBook() throws {
        let books = services.folder.books
        guard books.current.id == books.shipped.id,
            try services.folder.catalog.priceBookUses().last?.isShipped != false
        else { return }
        do throws(StorageError) {
            try services.folder.catalog.usePriceBook(books.shipped.id, isShipped: true, by: services.stamp())
        } catch {
            // As with the audit's row: each record names its book all the same.
            guard error.isPassing else { throw error }
            services.log(.auditNotWritten(reason: "\(error)"))
        }
    }

    /// Drains and stops; returns when all is durable, at the latest after `Limits.drainTimeout` and a little.
    package func stop() {
        services.metrics.set(.isReady, 0)
        services.log(.stopping)
        listener.stop()
        for room in rooms { room.async { $0.shutdown() } }
        // Two seconds before the promise of ten runs out: whoever still keeps us waiting then is cut off.
        let deadline = services.clock.now() + (Limits.drainTimeout)
        while connections.current > 0, services.clock.now() < deadline { usleep(10_000) }
        for room in rooms { room.async { $0.abort() } }
        // A room and its shard hold each other; with them go the last holders of the folder's lock.
        store.ledgers.sync { $0.attach([]) }
        var sums: [TenantSums] = []
        for room in rooms {
            sums += room.shard.sync { loop in
                defer { loop.leave(room) }
                return loop.resident(room)?.takeSums() ?? []
            }
        }
        contentNotes.finish()
        certificate.stop()
        socket.stop()
        metricsServer?.stop()
        // A full disk must not keep the gateway from stopping.
        try? services.folder.catalog.audit(
            AuditRow(
                stamp: services.stamp(), tenant: nil, action: .gatewayStopped,
                first: Int64(services.metrics.value(.eventsCommitted))))
        store.close(sums)
        services.log(.stopped)
    }
}

typealias IngestRoomReference = ShardReference<IngestRoom>

extension ConnectionCount {
    fileprivate func report(to metrics: Metrics) {
        metrics.set(.connectionsRefused, refusedTotal)
        metrics.set(.connectionsRefusedByAddress, refused(.addressFull, .addressPace))
        metrics.set(.connectionsRefusedByPace, refused(.pace, .addressPace))
        metrics.set(.connectionsRefusedForDescriptors, refused(.descriptors))
        metrics.set(.acceptPauses, pauses)
    }
}

enum GatewayError: Error, CustomStringConvertible {
    case noAddress
    var description: String { "the address to listen on has no IP address on this machine" }
}
