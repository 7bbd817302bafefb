package import TallyModel

/// Transcripts of all agents and what they truly hold.
package struct GeneratedHome: Sendable {
    package let seed: UInt64
    /// In order of path.
    package let files: [GeneratedFile]
    /// The files' paths in the order in which agents made them: an original before its copies.
    package let births: [String]
    package let truth: Truth
    /// Every call once; in no particular order.
    package let calls: [GeneratedCall]
    /// A text of each transcript that may appear nowhere outside it and its copies.
    package let canaries: [String]

    /// The calls as true events, in the same order.
    package var events: [Event] { calls.map(\.event) }

    package var bytes: Int {
        files.reduce(0) { sum, file in
            if case .bytes(let bytes) = file.content { sum + bytes.count } else { sum }
        }
    }
}
