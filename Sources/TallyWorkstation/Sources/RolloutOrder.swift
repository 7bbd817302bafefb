package import TallyModel

/// Brings ancestors before their forks, so that whoever made a row is the one that counts it.
///
/// Whatever a fork's file holds of its ancestor stood in the ancestor's file before the search found the fork;
/// so if the ancestor is read to its end first, every copied row meets its original in the table. Files known
/// from earlier passes go first: their history is counted already.
package struct RolloutOrder: Sendable {
    private static let depthMax = 1_000

    private var ancestors: [SessionID: SessionID] = [:]
    private var sessions: [FileID: SessionID] = [:]

    package init() {}

    package mutating func note(_ file: FileID, session: SessionID, ancestor: SessionID?) {
        sessions[file] = session
        if let ancestor { ancestors[session] = ancestor }
    }

    /// These files of a list in an order to read them; among equals as they were.
    func sorted(_ numbers: [UInt32], of files: FoundList) -> [UInt32] {
        let ranked = numbers.enumerated().map { (rank: depth(files.identity(Int($1))), index: $0, number: $1) }
        return ranked.sorted { ($0.rank, $0.index) < ($1.rank, $1.index) }.map(\.number)
    }

    /// 0 for a file that was not noted, else one more than the number of its ancestors. Damaged files can name
    /// each other in a ring, hence the bound.
    private func depth(_ file: FileID) -> Int {
        guard var session = sessions[file] else { return 0 }
        var depth = 1
        while depth < Self.depthMax, let ancestor = ancestors[session] {
            session = ancestor
            depth += 1
        }
        return depth
    }
}
