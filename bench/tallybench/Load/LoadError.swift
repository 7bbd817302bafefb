import TallyIO
import TallyTLS

/// Why a load could not be begun: closed, each case with what to do.
enum LoadError: Error, Hashable, Sendable, CustomStringConvertible {
    case batchTooLarge(fits: Int)
    case noToken(String)
    case tokenTooLong(line: Int)
    case unresolved(ResolveError)
    case certificate(CertificateError)
    case system(SystemError)
    case descriptors(wanted: Int, allowed: UInt64)
    /// Connections that could not be opened, and the first reason.
    case notOpened(count: Int, of: Int, reason: String)
    case metrics(String)
    case noProcess(Int32)

    var description: String {
        switch self {
        case .batchTooLarge(let fits): "a batch holds about \(fits) events of this load: lower --events-per-batch"
        case .noToken(let file): "\(file) holds no token: one a line, as `tallygate enroll` prints them"
        case .tokenTooLong(let line): "the token in line \(line) is longer than 255 bytes"
        case .unresolved(let error): error.description
        case .certificate(let error): error.description
        case .system(let error): error.description
        case .descriptors(let wanted, let allowed):
            "\(wanted) connections need more descriptors than the \(allowed) that this process may have: raise "
                + "`ulimit -Hn`, or run several processes"
        case .notOpened(let count, let all, let reason):
            "\(count) of \(all) connections could not be opened; the first because \(reason)"
        case .metrics(let reason): "cannot read the gateway's metrics: \(reason)"
        case .noProcess(let id): "there is no process \(id)"
        }
    }
}
