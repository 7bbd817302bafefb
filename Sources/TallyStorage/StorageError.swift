package import TallyIO
package import TallyModel
package import TallyPricing

/// Everything that can go wrong in storage. A case says what happened and what to do; none holds a byte that
/// a peer sent. `file` is a path below the operator's data folder.
package enum StorageError: Error, Hashable, Sendable {
    /// The file was written by a newer Tallygate: upgrade, or use another data folder.
    case newerVersion(file: String, found: Int64, known: Int64)
    /// Views as an earlier version made them: discard and rebuild them.
    case olderVersion(file: String, found: Int64, known: Int64)
    /// The file is a database, but none of ours.
    case foreignFile(file: String)
    /// The file does not exist yet; a reader never creates one.
    case absent(file: String)
    /// The file cannot be read as what it should be. Views are rebuilt from the ledger, a catalog is restored.
    case damaged(file: String)
    case diskFull(file: String)
    /// Another process or connection kept the file for longer than `Limits.databaseBusyTimeout`.
    case busy(file: String)
    /// SQLite refused for another reason; `code` is its extended result code.
    case database(file: String, code: Int32)
    /// The file system refused what SQLite was not asked for: making a file, removing one.
    case system(SystemError)
    /// A sum is beyond what the file can hold; nothing of the transaction was kept.
    case amountTooLarge(file: String)

    /// The views stand elsewhere than the caller believes: discard and rebuild them.
    case positionMismatch(applied: LedgerPosition?, expected: LedgerPosition?)

    case tenantExists(TenantName)
    case tenantUnknown(TenantName)
    case tenantGone(TenantID)
    case tenantDeleting(TenantName)
    /// Its workstations have sent events, and the folder that held them is not there.
    case tenantFolderMissing(TenantName, folder: String)
    case tenantsTooMany
    case retention(RetentionError)
    /// A live workstation has this label: revoke it first.
    case workstationExists(WorkstationLabel, TenantName)
    case workstationUnknown(WorkstationLabel, TenantName)
    /// The token was enrolled before. Tokens are random: this is a broken source of randomness.
    case tokenExists

    /// No more price books, or changes between them, are kept.
    case priceBooksTooMany
    case priceBookUnreadable(String)
    /// Another book has the same first eight bytes of its hash.
    case priceBookNumberTaken(String)
    case priceBookUnknown(String)
    case priceBookRefused(PriceBookError)

    /// The report would have more rows than `Limits.reportRowsMax`.
    case reportTooLarge
    /// Words of the operator, not of a peer.
    case timeZoneUnknown(String)
}

extension StorageError {
    /// Whether a derived file is to be made anew: it is not what it should be, or nobody knows what it is, since the
    /// disk failed while it was written (the low byte of SQLite's code says so).
    package var condemnsDerivedFile: Bool {
        switch self {
        case .damaged, .olderVersion: true
        case .database(_, let code): SQLiteCode(code).isFailure
        default: false
        }
    }

    /// The same may succeed later although nobody touches the file: there was no room, or others had what it takes.
    package var isPassing: Bool {
        switch self {
        case .diskFull, .busy: true
        case .system(let error): error.isPassing
        case .database(_, let code): SQLiteCode(code).isNoMemory
        default: false
        }
    }

    /// What the file system says of a database file.
    init(_ error: SystemError, file: String) { self = error.isNoSpace ? .diskFull(file: file) : .system(error) }
}

extension StorageError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .newerVersion(let file, let found, let known):
            "\(file): written by a newer version (schema \(found), this program knows \(known)); "
                + "upgrade tallygate, nothing was changed"
        case .olderVersion(let file, let found, let known):
            "\(file): made by an earlier version (schema \(found), this program makes \(known)); it is built anew"
        case .foreignFile(let file): "\(file): not a Tallygate database; choose another data folder"
        case .absent(let file): "\(file): does not exist yet"
        case .damaged(let file): "\(file): damaged; run 'tallygate verify'"
        case .diskFull(let file): "\(file): the disk is full; free some space, nothing was lost"
        case .busy(let file): "\(file): held by another process for too long; try again"
        case .database(let file, let code): SQLiteCode(code).words(of: file)
        case .system(let error): "\(error)"
        case .amountTooLarge(let file): "\(file): a sum is too large to be stored; nothing was changed"
        case .positionMismatch(let applied, let expected):
            "the views stand at record \(applied?.ordinal ?? 0) and not at \(expected?.ordinal ?? 0) of this ledger; "
                + "they must be rebuilt"
        case .tenantExists(let name): "tenant \(name) exists already"
        case .tenantUnknown(let name): "no tenant \(name); see 'tallygate tenant list'"
        case .tenantGone(let id): "tenant number \(id.value) does not exist any more"
        case .tenantDeleting(let name): "tenant \(name) is being deleted"
        case .tenantFolderMissing(let name, let folder):
            "the folder tenants/\(folder) of tenant \(name) is missing, with everything it sent; put it back from a backup, "
                + "or delete the tenant and enrol its workstations again"
        case .tenantsTooMany: "a data folder holds at most \(Limits.tenantsMax) tenants"
        case .retention(let error): error.description
        case .workstationExists(let label, let tenant):
            "workstation '\(label)' of \(tenant) is enrolled already; choose another label, or to replace its token "
                + "first run 'tallygate workstation revoke --tenant \(tenant) --workstation \"\(label)\"'"
        case .workstationUnknown(let label, let tenant):
            "no enrolled workstation '\(label)' in \(tenant); see 'tallygate workstation list --tenant \(tenant)'"
        case .tokenExists: "this token is enrolled already; the source of randomness is broken"
        case .priceBooksTooMany:
            "a data folder holds at most \(Limits.priceBooksMax) price books and \(Limits.priceBookUsesMax) changes of them"
        case .priceBookUnreadable(let book):
            "the price book books/\(book).json is missing or damaged; put it back from a backup, or from the file that it was "
                + "made of with 'tallygate prices use FILE'"
        case .priceBookNumberTaken(let book):
            "another price book has the number \(book); change this one in some way, in its version for example"
        case .priceBookUnknown(let book): "no price book \(book); see 'tallygate prices list'"
        case .priceBookRefused(let error): error.description
        case .reportTooLarge:
            "the report would have more than \(Limits.reportRowsMax) rows; narrow it with --since, --until or fewer "
                + "dimensions"
        case .timeZoneUnknown(let name): "no time zone '\(name)'; use a name such as Europe/Berlin or UTC"
        }
    }
}
