import ArgumentParser
import TallyGateway

struct Prices: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Look at price books, check one, and take one into use.",
        discussion: """
            A price book is one JSON file (docs/PRICES.md). Books are kept by the hash of their content and never \
            changed; each event is priced by the book that was in use when it was received, at its own time.
            """,
        subcommands: [List.self, Show.self, Check.self, Use.self])

    struct List: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List the books: version, rows, when each was used.")
        @OptionGroup var data: DataOptions
        @OptionGroup var format: FormatOptions

        func run() throws { try perform(.pricesList, format: format.format, data: data) }
    }

    struct Show: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Show which row of the book in use prices a model, and why.",
            discussion: "A model that no row names stays unpriced; the exit code is then 1.")
        @Argument(help: "The model's label, as it was sent.") var model: String
        @Option(
            name: .long,
            help: ArgumentHelp(
                "At this instant (2026-11-23 in UTC, 2026-11-23T14:30:00Z). By default now.", valueName: "date"))
        var at: String?
        @OptionGroup var data: DataOptions
        @OptionGroup var format: FormatOptions

        func run() throws { try perform(.pricesShow(model: model, at: at), format: format.format, data: data) }
    }

    struct Check: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Check a price book, and show what it changes against the one in use.",
            discussion:
                "Changes nothing. A book that is refused is told with its row and field; the exit code is then 1.")
        @Argument(help: "The book's file, or the number of one that is kept.") var file: String
        @OptionGroup var data: DataOptions
        @OptionGroup var format: FormatOptions

        func run() throws {
            try perform(.pricesCheck(try BookSource(argument: file)), format: format.format, data: data)
        }
    }

    struct Use: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Price what is received from now on by this book.",
            discussion: """
                What was received before keeps its price; 'tallygate reprice' shows what it would cost by another book. \
                Works while the gateway runs.
                """)
        @Argument(help: "The book's file, or the number of one that is kept.") var file: String?
        @Flag(name: .long, help: "The program's own book; after an upgrade, the new program's.") var shipped = false
        @OptionGroup var data: DataOptions
        @OptionGroup var format: FormatOptions

        func validate() throws {
            guard (file != nil) != shipped else { throw ValidationError("Give a book's file or number, or --shipped.") }
        }

        func run() throws {
            let source = try file.map { try BookSource(argument: $0) } ?? .shipped
            try perform(.pricesUse(source), format: format.format, data: data)
        }
    }
}

struct Reprice: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Show what a tenant's events would cost by another price book, beside what was counted.",
        discussion: """
            Changes nothing: a new figure stands beside the old. Reads the whole ledger, up to what was durable when it \
            was started, while the gateway serves or not.
            """)
    @Option(name: .long, help: "The tenant's name.") var tenant: String
    @Option(
        name: .long,
        help: ArgumentHelp(
            "A book's file, or the number of one that is kept. By default the book in use.", valueName: "book"))
    var book: String?
    @Option(name: .long, help: ArgumentHelp("From this instant on (days are UTC).", valueName: "instant"))
    var from: String?
    @Option(name: .long, help: ArgumentHelp("Before this instant.", valueName: "instant")) var to: String?
    @OptionGroup var data: DataOptions
    @OptionGroup var format: FormatOptions

    func run() throws {
        let source = try book.map { try BookSource(argument: $0) }
        try perform(
            .reprice(RepriceArguments(tenant: tenant, book: source, from: from, to: to)), format: format.format,
            data: data)
    }
}
