import ArgumentParser
import TallyFuzzing
import TallyIO
import TallyModel

/// Which gateway, and as whom.
struct PlaceOptions: ParsableArguments {
    @Option(help: ArgumentHelp("The gateway.", valueName: "host:port"))
    var connect: String

    @Option(help: ArgumentHelp("The authority that its certificate is from, as PEM.", valueName: "file"))
    var ca: String

    @Option(help: "The token of a workstation that is enrolled for this alone.")
    var token: String?

    @Option(help: ArgumentHelp("The same, the first line of a file.", valueName: "file"))
    var tokenFile: String?

    func validate() throws {
        guard (token == nil) != (tokenFile == nil) else { throw ValidationError("give --token or --token-file") }
    }

    func target() throws -> FuzzTarget {
        guard let place = HostPort(connect), place.port > 0 else {
            throw ValidationError("--connect is HOST:PORT, such as 127.0.0.1:7443")
        }
        return try FuzzTarget(place, authoritiesFile: ca)
    }

    func secret() throws -> [UInt8] {
        var bytes = Array((token ?? "").utf8)
        if let tokenFile {
            let line = try Files.read(tokenFile, bytesMax: 4_096).prefix { $0 != UInt8(ascii: "\n") }
            bytes = line.filter { $0 != UInt8(ascii: "\r") }
        }
        guard !bytes.isEmpty else { throw FuzzError.noToken(tokenFile ?? "--token") }
        guard bytes.count <= 255 else { throw FuzzError.tokenTooLong }
        return bytes
    }
}

/// Which cases.
struct CaseOptions: ParsableArguments {
    @Option(help: "The same seed makes the same cases.")
    var seed: UInt64 = 1

    @Option(help: "How many cases.")
    var cases = 10_000

    @Option(name: .customLong("case"), help: ArgumentHelp("This case alone, and each frame of it.", valueName: "n"))
    var one: Int?

    @Option(name: .customLong("family"), help: ArgumentHelp("Cases of this family alone; may be given several times."))
    var families: [Family] = []

    @Option(help: ArgumentHelp("The case of a file that --out wrote.", valueName: "file"))
    var replay: String?

    @Option(help: "Connections at once.")
    var connections = 32

    func validate() throws {
        guard (1...100_000_000).contains(cases) else { throw ValidationError("--cases is 1 to 100,000,000") }
        guard (1...1_024).contains(connections) else { throw ValidationError("--connections is 1 to 1,024") }
        if let one, !(0..<100_000_000).contains(one) { throw ValidationError("--case is 0 to 99,999,999") }
        if one != nil, replay != nil { throw ValidationError("give --case or --replay") }
    }

    var isSingle: Bool { one != nil || replay != nil }

    func campaign(nowMs: Int64) throws -> Campaign {
        if let replay {
            let text = try Files.read(replay, bytesMax: ScriptText.bytesMax)
            do throws(ScriptError) {
                return Campaign(replaying: try ScriptText.script(String(decoding: text, as: UTF8.self)), nowMs: nowMs)
            } catch {
                throw FuzzError.broken(file: replay, error)
            }
        }
        if let one { return Campaign(seed: seed, numbers: one..<one + 1, of: families, nowMs: nowMs, shrinks: false) }
        return Campaign(seed: seed, numbers: 0..<cases, of: families, nowMs: nowMs)
    }
}

extension Family: ExpressibleByArgument {}

/// Files that are read and written whole.
enum Files {
    static func read(_ path: String, bytesMax: Int) throws -> [UInt8] {
        do throws(SystemError) {
            let (folder, name) = split(path)
            return try Directory.open(folder).readWhole(name, limit: bytesMax)
        } catch {
            throw FuzzError.system(error)
        }
    }

    static func write(_ folder: String, _ name: String, _ text: String) throws {
        do throws(SystemError) {
            try Directory.openOrMake(folder).writeDurably(name, Array(text.utf8).span)
        } catch {
            throw FuzzError.system(error)
        }
    }

    private static func split(_ path: String) -> (folder: String, name: String) {
        guard let slash = path.lastIndex(of: "/") else { return (".", path) }
        let folder = path[..<slash]
        return (folder.isEmpty ? "/" : String(folder), String(path[path.index(after: slash)...]))
    }
}
