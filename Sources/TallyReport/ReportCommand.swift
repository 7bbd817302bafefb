import TallyHash
import TallyIO
import TallyModel
import TallyPricing
package import TallyUsage
import TallyWorkstation

/// `tally report`: what the transcripts of this machine tell, as tables. No gateway, no enrolment, nothing kept.
package struct ReportCommand: Sendable {
    /// All but the workstation, of which there is one.
    package static let dimensions: [UsageDimension] = [.day, .hour, .model, .agent, .project, .session, .origin]

    let by: [UsageDimension]
    let days: ClosedRange<Int64>
    private let zoneName: String?
    private let isJSON: Bool

    /// `by` as `day,model`; `from` and `to` are days of the reader's zone, both included.
    package init(by: String, from: String?, to: String?, zone: String?, isJSON: Bool) throws(ReportError) {
        do throws(UsageError) {
            self.by = try UsageDimension.list(by, known: Self.dimensions)
        } catch {
            throw .usage(error)
        }
        let first = try from.map { text throws(ReportError) in try Self.day(text) } ?? .min
        let last = try to.map { text throws(ReportError) in try Self.day(text) } ?? .max
        guard first <= last else { throw .datesTurned }
        days = first...last
        zoneName = zone
        self.isJSON = isJSON
    }

    private static func day(_ text: String) throws(ReportError) -> Int64 {
        guard let day = LocalTime.day(text) else { throw .date(text) }
        return day
    }

    /// The home's key makes ids those that the gateway shows; without a home, or with one that cannot be read, ids are
    /// this report's own and all figures the same. What the home says of ignored folders holds here too.
    package func run(_ surroundings: Surroundings) throws(ReportError) -> Int32 {
        let homes = SourceHomes(
            home: surroundings.home, claudeConfigDir: surroundings.claudeConfigDir,
            codexHome: surroundings.codexHome, geminiCLIHome: surroundings.geminiCLIHome)
        guard !homes.roots.isEmpty else { throw .noHome }
        let found = try ZoneFinder(variable: surroundings.timeZone).find(zoneName)
        let path = try? Home.path(tallyHome: surroundings.tallyHome, home: surroundings.home)
        let ignored = try Self.ignored(at: path)
        let names = ProjectNames()
        let hash = NamingHash(
            ownKey: Random.bytes(WorkstationHash.keyBytes), tenantKey: path.flatMap { Home.tenantKey(at: $0) },
            names: names)
        let book = Self.book()
        var scan = LocalScan(
            homes, DiskFolders(), ignored: ignored, hash: hash, book: book, by: by, zone: found.zone, days: days)
        let isWatched = Terminal.isErrorInteractive
        do throws(UsageError) {
            try scan.run(nowMs: WallClock.nowMs()) { read, all in
                if isWatched, all > 0 { Terminal.writeError("\r\u{1B}[K\(read * 100 / all) % read") }
            }
            if isWatched { Terminal.writeError("\r\u{1B}[K") }
            let shown = names.shown()
            let report = try scan.fold.report(tenant: nil, gaps: GapTotals())
                .renaming(.project) { shown[$0] ?? $0 }
            Terminal.writeOutput(isJSON ? report.json + "\n" : report.table + words(scan, found, book, homes))
        } catch {
            throw .usage(error)
        }
        for path in scan.problems.paths { Terminal.writeError("tally: cannot read \(path)\n") }
        return ExitStatus.success
    }

    /// What is to be left out is known, or there is no report.
    private static func ignored(at path: String?) throws(ReportError) -> IgnoredFolders {
        guard let path else { return .none }
        do throws(WorkstationError) { return try Home.ignoredFolders(at: path) } catch { throw .workstation(error) }
    }

    /// What stands below the table: where the figures come from.
    private func words(
        _ scan: LocalScan<DiskFolders>, _ found: ZoneFinder.Found, _ book: PriceBook, _ homes: SourceHomes
    ) -> String {
        let lines = scan.tallies.reduce(UInt64(0)) { $0 + $1.lines }
        if scan.foldersSeen == 0 {
            return "There are no transcripts: looked in \(homes.roots.joined(separator: ", ")).\n"
        }
        let zone = found.name == "this machine" ? "this machine's time zone" : found.name
        let passed = scan.tallies.reduce(UInt64(0)) { $0 + $1[.ignored] }
        let left = passed == 0 ? "" : "\(passed) calls in ignored folders are left out (tally ignore --list). "
        return left + "From \(lines) lines of transcripts on this machine; days of \(zone), prices of \(book.version). "
            + "Nothing was sent or kept.\n"
    }

    private static func book() -> PriceBook {
        do throws(PriceBookError) {
            return try PriceBook(bytes: PriceBook.builtInBytes, id: PriceBookID(1))
        } catch {
            preconditionFailure("the built-in price book is refused: \(error)")
        }
    }
}

/// What the environment says, nil where a variable is not set.
package struct Surroundings: Sendable {
    package var tallyHome: String?
    package var home: String?
    package var claudeConfigDir: String?
    package var codexHome: String?
    package var geminiCLIHome: String?
    package var timeZone: String?

    package init(
        tallyHome: String?, home: String?, claudeConfigDir: String?, codexHome: String?, geminiCLIHome: String?,
        timeZone: String?
    ) {
        self.tallyHome = tallyHome
        self.home = home
        self.claudeConfigDir = claudeConfigDir
        self.codexHome = codexHome
        self.geminiCLIHome = geminiCLIHome
        self.timeZone = timeZone
    }

    /// This process's.
    package static func current() -> Surroundings {
        Surroundings(
            tallyHome: Terminal.environment("TALLY_HOME"), home: Terminal.environment("HOME"),
            claudeConfigDir: Terminal.environment("CLAUDE_CONFIG_DIR"),
            codexHome: Terminal.environment("CODEX_HOME"),
            geminiCLIHome: Terminal.environment("GEMINI_CLI_HOME"), timeZone: Terminal.environment("TZ"))
    }
}
