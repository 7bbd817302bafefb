import TallyStorage

/// What ingest connections need from the rest of the gateway. Shared by all shards.
final class IngestContext: Sendable {
    let services: Services
    let keeper: LedgerKeeper
    let directory: TenantDirectory
    let contentNotes: ContentNotes
    /// How many share what a gateway may hold; at least one.
    let shards: Int

    init(services: Services, keeper: LedgerKeeper, directory: TenantDirectory, shards: Int) {
        precondition(shards > 0, "a gateway has a shard")
        self.shards = shards
        self.services = services
        self.keeper = keeper
        self.directory = directory
        contentNotes = ContentNotes(catalog: services.folder.catalog, log: services.log)
    }
}
