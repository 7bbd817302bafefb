import ArgumentParser
import TallyGateway

/// Prints an answer: what it says to standard output, what went wrong to standard error.
enum Terminal {
    static func show(_ reply: AdminReply) throws {
        if !reply.output.isEmpty { print(reply.output, terminator: "") }
        if let failure = reply.failure { StandardError.write("tallygate: \(failure)\n") }
        if reply.exitCode != 0 { throw ExitCode(reply.exitCode) }
    }
}
