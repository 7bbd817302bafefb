import TallyHash
import TallyModel
import TallyProtocol
import TallyRollup
import TallyStorage

/// What ingest connections need from the rest of the gateway. Shared by all shards.
final class IngestContext: Sendable {
    let services: Services
    let keeper: LedgerKeeper
    let directory: TenantDirectory
    let contentNotes: ContentNotes
    /// How many share what a gateway may hold; at least one.
    let shards: Int
    let limits: AbuseLimits
    let offer: GatewayOffer
    let newcomers: Newcomers
    /// Under which newcomers are named; not told to peers.
    let secret = HashKey(first: Random.uint64(), second: Random.uint64())

    init(
        services: Services, keeper: LedgerKeeper, directory: TenantDirectory, shards: Int, limits: AbuseLimits
    ) {
        precondition(shards > 0, "a gateway has a shard")
        self.shards = shards
        self.limits = limits
        var offer = GatewayOffer()
        offer.patience = limits.patience
        self.offer = offer
        newcomers = Newcomers(limits: limits)
        self.services = services
        self.keeper = keeper
        self.directory = directory
        contentNotes = ContentNotes(catalog: services.folder.catalog, log: services.log)
    }
}
