import TallyFuzzing
import TallyIO
import TallyTLS

/// Why a run could not be: closed, each case with what to do. The exit code is 2.
enum FuzzError: Error, Hashable, Sendable, CustomStringConvertible {
    case unresolved(ResolveError)
    case certificate(CertificateError)
    case system(SystemError)
    case noToken(String)
    case tokenTooLong
    case noProcess(Int32)
    case unreachable(String)
    /// So many cases in a row said nothing; the last reason.
    case turnedAway(Int, String)
    case broken(file: String, ScriptError)

    var description: String {
        switch self {
        case .unresolved(let error): error.description
        case .certificate(let error): error.description
        case .system(let error): error.description
        case .noToken(let file): "\(file) holds no token: one line, as `tallygate enroll` prints it"
        case .tokenTooLong: "the token is longer than 255 bytes"
        case .noProcess(let id): "there is no process \(id) whose memory this user may read"
        case .unreachable(let reason): "no session with the gateway: \(reason)"
        case .turnedAway(let count, let reason):
            "\(count) cases in a row came to nothing; the last: \(reason). If the gateway bounds connections or "
                + "handshakes of one address, raise the bound or use fewer --connections"
        case .broken(let file, let error): "\(file) is no case of tallyfuzz: \(error)"
        }
    }
}
