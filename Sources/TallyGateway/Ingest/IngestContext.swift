import TallyStorage

/// What ingest connections need from the rest of the gateway. Shared by all shards.
final class IngestContext: Sendable {
    let services: Services
    let keeper: LedgerKeeper
    let directory: TenantDirectory
    let contentNotes: ContentNotes

    init(services: Services, keeper: LedgerKeeper, directory: TenantDirectory) {
        self.services = services
        self.keeper = keeper
        self.directory = directory
        contentNotes = ContentNotes(catalog: services.folder.catalog, log: services.log)
    }
}
