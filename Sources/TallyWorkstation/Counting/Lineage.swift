/// Which sessions belong to one family: a fork and what it was forked from, a sub-agent and its parent.
///
/// A session whose file is gone still stands between its descendants. The family is a union of sets, so it
/// does not matter in which order its members are met.
struct Lineage: Sendable {
    private var parents: [UInt64: UInt64] = [:]

    /// Every link as it was told, in no order.
    var links: [UInt64: UInt64] { parents }

    /// Joins the families of both; false if they were one already.
    mutating func join(_ session: UInt64, _ ancestor: UInt64) -> Bool {
        let (left, right) = (root(session), root(ancestor))
        guard left != right else { return false }
        parents[left] = right
        // Halves the way for the next question.
        if session != left { parents[session] = right }
        return true
    }

    func areRelated(_ left: UInt64, _ right: UInt64) -> Bool {
        left == right || root(left) == root(right)
    }

    private func root(_ session: UInt64) -> UInt64 {
        var current = session
        while let parent = parents[current] { current = parent }
        return current
    }
}
