import ArgumentParser
import TallyIO
import TallyModel
import TallyWorkstation

struct Connect: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Connect this machine to a gateway.",
        discussion: """
            Shakes hands with the gateway before anything is saved. Connecting again replaces the gateway and keeps \
            what is spooled.
            """)

    @Argument(help: ArgumentHelp("The gateway's address.", valueName: "host:port"))
    var gateway: String

    @Option(help: ArgumentHelp("The token that the gateway's operator gave you.", valueName: "token"))
    var token: String?

    @Option(help: ArgumentHelp("A file that holds the token, so that it stands in no command line.", valueName: "file"))
    var tokenFile: String?

    @Option(
        help: ArgumentHelp(
            "The authorities to trust, in PEM form; without it those of this system. A copy is kept.",
            valueName: "file"))
    var ca: String?

    func validate() throws {
        guard (token == nil) != (tokenFile == nil) else {
            throw ValidationError("Give the token with --token or with --token-file.")
        }
        guard HostPort(gateway) != nil else { throw ValidationError("\(WorkstationError.badAddress)") }
    }

    func run() throws {
        perform { workstation throws(WorkstationError) in
            guard let address = HostPort(gateway) else { throw .badAddress }
            var authorities: [UInt8]?
            if let ca { authorities = try Files.read(ca) }
            let text: String
            if let tokenFile {
                text = String(decoding: try Files.read(tokenFile), as: UTF8.self)
            } else {
                text = token ?? ""
            }
            return try workstation.connect(
                address, token: try Enrolment.token(text), authorities: authorities, name: ca ?? "")
        }
    }
}

struct Disconnect: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Forget the gateway and its token; what is spooled is kept.")

    func run() throws {
        perform { workstation throws(WorkstationError) in try workstation.disconnect() }
    }
}

/// Small files that a flag names.
enum Files {
    static func read(_ path: String) throws(WorkstationError) -> [UInt8] {
        do throws(SystemError) {
            let slash = path.lastIndex(of: "/")
            let folder = slash.map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "."
            let name = slash.map { String(path[path.index(after: $0)...]) } ?? path
            return try Directory.open(folder).readWhole(
                name, limit: Limits.configBytesMax / 2, follows: true)
        } catch {
            throw .system(error)
        }
    }
}
