import ArgumentParser

/// What times a part by itself, in this process.
enum Parts {
    static let commands: [any ParsableCommand.Type] = []
}
