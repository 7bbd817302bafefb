import TallyModel

/// What an operator asked for and cannot have: what is wrong and what to do. Holds the operator's own words only.
enum AdminError: Error, CustomStringConvertible {
    case tenantName
    case workstationLabel
    case plan(String)
    case quarantined(tenant: TenantName, reason: String)
    case waiting(tenant: TenantName, reason: String)
    case notOpen(tenant: TenantName)
    case noAddress
    case noDimension
    case modelLabel
    case workstationUnknown(String)
    case instant(String)
    case csvOnlyForUsage
    case auditLimit
    case sessionState(String)
    case sessionsBound
    case period
    case priceBook(file: String, problem: String)
    case notRebuilt(tenant: TenantName, reason: String)

    var description: String {
        switch self {
        case .tenantName: "a tenant's name is 1 to 63 of a-z, 0-9, _ and -, and begins with a letter or a digit"
        case .workstationLabel: "a workstation's name is 1 to 64 printable characters without a blank at either end"
        case .plan(let text): "no plan '\(text)'; there are free, pro and custom"
        case .quarantined(let tenant, let reason): "tenant \(tenant) is quarantined: \(reason)"
        case .waiting(let tenant, let reason):
            "tenant \(tenant) waits to be opened and is tried again by itself: \(reason)"
        case .notOpen(let tenant): "tenant \(tenant) is not open; see the gateway's log"
        case .noAddress:
            "the gateway's address is not known yet: start 'tallygate serve --listen HOST:PORT' on this data folder once, "
                + "or give it the public address with --address HOST:PORT"
        case .noDimension:
            "give at least one dimension with --by: day, hour, model, agent, workstation, project, session or origin"
        case .modelLabel: "that cannot be a model's label: it is 1 to 64 of a-z, 0-9 and ._:/@+-"
        case .workstationUnknown(let text): "no workstation '\(text)'; see 'tallygate workstation list'"
        case .instant(let text):
            "'\(text)' is no instant; use 2026-11-23, 2026-11-23T14:30:00Z or milliseconds since 1970"
        case .period: "the period is empty: --from must lie before --to"
        case .priceBook(let file, let problem): "\(file): \(problem)"
        case .csvOnlyForUsage: "only usage can be printed as CSV"
        case .notRebuilt(let tenant, let reason): "the views of tenant \(tenant) could not be made anew: \(reason)"
        case .sessionState(let text):
            "'\(text)' is no state; there are working, waiting_user, waiting_permission, idle, rate_limited, crashed "
                + "and ended"
        case .sessionsBound:
            "give --limit a number from 1 to \(Limits.sessionsShownMax), --days one from 1 to "
                + "\(Limits.sessionsDaysMax), and --stuck one from 1 to as many minutes"
        case .auditLimit: "give --limit a number from 1 to \(Limits.auditRowsReadMax)"
        }
    }
}
