/// What SQLite's result codes mean for a person. The low byte is the kind, the rest says which call failed.
struct SQLiteCode: Hashable, Sendable {
    let extended: Int32

    init(_ extended: Int32) { self.extended = extended }

    private var primary: Int32 { extended & 0xff }

    /// SQLITE_IOERR: a call of the file system failed, and what the file holds is unknown.
    var isFailure: Bool { primary == 10 }
    /// SQLITE_NOMEM.
    var isNoMemory: Bool { primary == 7 }

    /// SQLITE_IOERR_SHMSIZE: the index of the write-ahead log, which holds nothing that is not elsewhere, could not be
    /// made longer. Where the log itself finds no room SQLite says SQLITE_FULL; here it has no such word.
    var isNoRoomForIndex: Bool { extended == 4_874 }

    func words(of file: String) -> String {
        switch primary {
        case 3, 8: "\(file): this user may not write it, or its disk is mounted read-only; SQLite code \(extended)"
        case 7: "\(file): no memory was left for SQLite; it is tried again"
        case 10: "\(file): the disk failed or is full while \(doing); SQLite code \(extended)"
        case 14:
            "\(file): cannot be opened; see whether it may be read and written, and whether too many files are open; "
                + "SQLite code \(extended)"
        default: "\(file): SQLite error \(extended)"
        }
    }

    /// What a failed call of the file system was for.
    private var doing: String {
        switch extended >> 8 {
        // READ, SHORT_READ, FSTAT, ACCESS.
        case 1, 2, 7, 13: "reading it"
        // WRITE, FSYNC, DIR_FSYNC, TRUNCATE, DELETE.
        case 3, 4, 5, 6, 10: "writing it"
        // SHMOPEN, SHMSIZE, SHMLOCK, SHMMAP.
        case 18, 19, 20, 21: "making the index of its log"
        default: "reading or writing it"
        }
    }
}
