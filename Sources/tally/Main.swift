import ArgumentParser
import TallyIO
import TallyModel
import TallyWorkstation

/// The workstation's command line: flags in, exit codes out. What the commands do stands in `TallyWorkstation`.
@main
struct Tally: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tally",
        abstract: "Reports what AI agents on this machine spend: numbers and ids, never a word of content.",
        discussion: """
            To look without any gateway: tally report

            To report to one, begin with the line that the gateway's operator gave you (tallygate enroll):

              tally connect HOST:PORT --token tg_... --ca ca.pem
              tally sync        once, or
              tally run         for as long as it runs

            Reads transcripts of Claude Code (CLAUDE_CONFIG_DIR, default ~/.claude), of Codex (CODEX_HOME, default \
            ~/.codex) and of Gemini CLI (.gemini in GEMINI_CLI_HOME, default ~). Its own state lies in TALLY_HOME, default ~/.local/state/tally. `tally inspect` shows \
            every field of everything that leaves this machine.
            """,
        version: ProgramVersion.text,
        subcommands: [
            Report.self, Connect.self, Disconnect.self, Sync.self, Run.self, Send.self, Pause.self, Resume.self,
            Ignore.self, Status.self, Inspect.self,
            DeadLetters.self,
        ])
}

extension ParsableCommand {
    /// Runs `body` with this machine's workstation and ends with its exit code; errors go to standard error. Ends at
    /// once: a shard may still be at work, and everything was written without buffers.
    func perform(_ body: (Workstation) throws(WorkstationError) -> Int32) -> Never {
        let code: Int32
        do throws(WorkstationError) {
            let workstation = try Workstation(
                tallyHome: Terminal.environment("TALLY_HOME"), home: Terminal.environment("HOME"),
                claudeConfigDir: Terminal.environment("CLAUDE_CONFIG_DIR"),
                codexHome: Terminal.environment("CODEX_HOME"),
                geminiCLIHome: Terminal.environment("GEMINI_CLI_HOME"))
            code = try body(workstation)
        } catch {
            Terminal.writeError("tally: \(error)\n")
            code = ExitStatus.failure
        }
        Abort.now(exitCode: code)
    }
}
