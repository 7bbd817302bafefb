import TallyIO
import TallyModel

/// Looks at this user's processes in `/proc`, and at Claude Code's registry.
///
/// | agent | its process | its session |
/// |---|---|---|
/// | Claude Code | named `claude`, or a script of its package | the registry; in earlier versions, its folder |
/// | Codex | named `codex` | the rollout that it holds open; else the folder |
/// | Gemini CLI | a script of its name or package | the folder |
///
/// Of a process are read its name, the program with what stands first behind it, its folder and its open files' paths;
/// all of them are compared where they are read. Another user's processes are passed over.
package struct ProcessLookout: AgentLookout {
    private static let programBytesMax = 1_024

    private let registries: [String]
    private let registry: ClaudeRegistry

    /// Sessions in ignored folders are not seen.
    package init(homes: SourceHomes, ignored: IgnoredFolders = .none) {
        registry = ClaudeRegistry(filter: FolderFilter(ignored, files: DiskFolders()))
        registries = homes.claude.map { $0.dropLast("/projects".count) + "/sessions" }
    }

    package func look(_ hash: some KeyedHash) -> AgentSightings {
        var sightings = AgentSightings()
        sightings.seesProcesses = ProcessTable.isThere
        var claudes: Set<UInt32> = []
        if sightings.seesProcesses {
            var found = 0
            for number in ProcessTable.numbers(max: Limits.lookoutProcessesMax) {
                guard let agent = agent(of: number), ProcessTable.isOwn(number) else { continue }
                found += 1
                guard found <= Limits.lookoutAgentsMax else { break }
                note(number, agent, hash, &sightings)
                if agent == .claudeCode { claudes.insert(number) }
            }
            // Who was not looked at may be there: nothing is said to be gone.
            if found > Limits.lookoutAgentsMax { sightings.seesProcesses = false }
        }
        for folder in registries { read(folder, claudes, hash, &sightings) }
        return sightings
    }

    // MARK: Processes

    private func note(
        _ number: UInt32, _ agent: Agent, _ hash: some KeyedHash, _ sightings: inout AgentSightings
    ) {
        let folder = ProcessTable.folder(of: number).map { hash.word(.folder, $0.span) } ?? 0
        sightings.processes.insert(AgentSightings.Process(agent: agent, folder: folder))
        guard agent == .codex else { return }
        for file in ProcessTable.openFiles(of: number, endingIn: ".jsonl", filesMax: Limits.lookoutFilesMax) {
            sightings.openFiles.insert(FileID(device: file.device, inode: file.inode))
        }
    }

    /// Which agent a process is; nil for all others.
    private func agent(of number: UInt32) -> Agent? {
        guard let name = ProcessTable.name(of: number) else { return nil }
        if let agent = Self.agent(named: name[...]) { return agent }
        // Scripts run under their interpreter's name, or under that of its main thread.
        guard Self.interpreters.contains(where: { name.starts(with: $0) }) else { return nil }
        for part in ProcessTable.program(of: number, bytesMax: Self.programBytesMax) {
            if let agent = Self.agent(ofProgram: part) { return agent }
        }
        return nil
    }

    private static let interpreters = ["node", "MainThread", "bun", "deno"].map { Array($0.utf8) }
    private static let names: [(name: [UInt8], agent: Agent)] = [
        (Array("claude".utf8), .claudeCode), (Array("codex".utf8), .codex), (Array("gemini".utf8), .geminiCLI),
    ]
    private static let packages: [(name: [UInt8], agent: Agent)] = [
        (Array("/@anthropic-ai/claude-code/".utf8), .claudeCode), (Array("/@google/gemini-cli/".utf8), .geminiCLI),
    ]

    private static func agent(named name: ArraySlice<UInt8>) -> Agent? {
        names.first { name.elementsEqual($0.name) }?.agent
    }

    /// By the last part of a path, or by the package that it lies in.
    static func agent(ofProgram path: [UInt8]) -> Agent? {
        var name = path[...]
        if let slash = path.lastIndex(of: UInt8(ascii: "/")) { name = path[(slash + 1)...] }
        if name.suffix(3).elementsEqual(Array(".js".utf8)) { name = name.dropLast(3) }
        if let agent = agent(named: name) { return agent }
        return packages.first { package in
            path.indices.contains { path[$0...].starts(with: package.name) }
        }?.agent
    }

    // MARK: The registry

    private func read(
        _ folder: String, _ claudes: Set<UInt32>, _ hash: some KeyedHash, _ sightings: inout AgentSightings
    ) {
        guard let names = try? WalkFolder.names(in: folder, namesMax: Limits.lookoutRecordsMax).names else { return }
        for name in names where name.hasSuffix(".json") {
            let bytesMax = Limits.lookoutRecordBytesMax
            guard let bytes = TailFile.head(of: folder + "/" + name, bytesMax: bytesMax), bytes.count < bytesMax,
                let record = registry.read(bytes.span, hash)
            else { continue }
            let isAlive = claudes.contains(record.pid)
            // A session that was resumed has the record of the process that died beside that of the one that lives.
            if let other = sightings.records[record.session], other.isAlive || !isAlive && other.timeMs >= record.timeMs
            {
                continue
            }
            sightings.records[record.session] = AgentSightings.Record(
                session: record.session, kind: record.kind, timeMs: record.timeMs, isAlive: isAlive)
        }
    }
}
