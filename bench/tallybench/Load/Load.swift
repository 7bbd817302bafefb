import ArgumentParser

/// What loads a running gateway.
enum Load {
    static let commands: [any ParsableCommand.Type] = [IngestCommand.self, IdleCommand.self, HandshakeCommand.self]
}
