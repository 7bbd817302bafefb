/// What an operator's command asks of a data folder. It travels as JSON through the folder's socket while a gateway
/// runs there, and is answered in the command's own process, under the folder's lock, otherwise.
package enum AdminRequest: Codable, Hashable, Sendable {
    case tenantCreate(name: String, plan: String, retentionDays: Int?)
    case tenantList
    case tenantShow(name: String)
    /// For good, with all that it ever sent.
    case tenantDelete(name: String)
    case enroll(tenant: String, workstation: String)
    case workstationList(tenant: String)
    case workstationRevoke(tenant: String, workstation: String)
    case usage(UsageArguments)
    /// What agents' sessions are doing.
    case sessions(SessionsArguments)
    case verify(tenant: String?)
    /// Views made anew from the ledger; all tenants' where none is named.
    case rebuild(tenant: String?)
    /// Who did what, and what was given up; everyone's where no tenant is named.
    case audit(tenant: String?, limit: Int)
    /// Which price books there are, and when each was used.
    case pricesList
    /// The row that prices a model; at an instant as it was typed, or now.
    case pricesShow(model: String, at: String?)
    /// Whether a book is valid, and what it changes against the one in use.
    case pricesCheck(BookSource)
    /// What is received from now on is priced by this book.
    case pricesUse(BookSource)
    /// What a tenant's events cost by another book, beside what was counted.
    case reprice(RepriceArguments)
}

/// The arguments of `tallygate reprice` as they were typed; the answering side parses them.
package struct RepriceArguments: Codable, Hashable, Sendable {
    package var tenant: String
    /// Nil for the one in use.
    package var book: BookSource?
    package var from: String?
    package var to: String?

    package init(tenant: String, book: BookSource?, from: String?, to: String?) {
        self.tenant = tenant
        self.book = book
        self.from = from
        self.to = to
    }
}

/// The arguments of `tallygate usage` as they were typed; the answering side parses them.
package struct UsageArguments: Codable, Hashable, Sendable {
    package var tenant: String
    package var by: [String]
    package var since: String?
    package var until: String?
    package var timezone: String?
    package var model: String?
    package var workstation: String?

    package init(
        tenant: String, by: [String], since: String?, until: String?, timezone: String?, model: String?,
        workstation: String?
    ) {
        self.tenant = tenant
        self.by = by
        self.since = since
        self.until = until
        self.timezone = timezone
        self.model = model
        self.workstation = workstation
    }
}

/// The arguments of `tallygate sessions` as they were typed; the answering side checks them.
package struct SessionsArguments: Codable, Hashable, Sendable {
    package var tenant: String
    /// None for all but the ended.
    package var states: [String]
    /// Nil for all, and for the usual limit of what counts as stuck.
    package var stuckMinutes: Int?
    package var days: Int
    package var limit: Int

    package init(tenant: String, states: [String] = [], stuckMinutes: Int? = nil, days: Int = 1, limit: Int = 100) {
        self.tenant = tenant
        self.states = states
        self.stuckMinutes = stuckMinutes
        self.days = days
        self.limit = limit
    }
}

package enum OutputFormat: String, Codable, Hashable, Sendable {
    case text, json, csv
}

/// A request and the form in which its answer shall be printed.
package struct AdminCall: Codable, Hashable, Sendable {
    package var request: AdminRequest
    package var format: OutputFormat

    package init(_ request: AdminRequest, format: OutputFormat) {
        self.request = request
        self.format = format
    }
}

/// What to print, and the exit code.
package struct AdminReply: Codable, Hashable, Sendable {
    /// For standard output, complete with its last line feed; may be empty.
    package var output: String
    /// For standard error: what went wrong and what to do.
    package var failure: String?
    package var exitCode: Int32

    package static func done(_ output: String) -> AdminReply { AdminReply(output: output, failure: nil, exitCode: 0) }

    package static func failed(_ failure: String, exitCode: Int32 = 1, output: String = "") -> AdminReply {
        AdminReply(output: output, failure: failure, exitCode: exitCode)
    }
}
