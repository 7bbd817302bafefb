import TallyModel

/// All files that were ever read, by identity: 96 bytes for each, in blocks that never move, and four to eight for the
/// index. A home of 10 GB can hold 100,000 of them.
///
/// What few files have stands beside: cumulative counters and requests that are held. A state that the packed row cannot
/// hold is kept whole, so that what goes in comes out, always.
///
/// Invariant: `index` has a number for each row; the keys of `totals`, `held` and `whole` are numbers of rows.
package struct FileTable: Sendable {
    private struct Held: Sendable {
        let fact: RequestFact
        let atMs: Int64
    }

    private var rows = BlockList<PackedFile>()
    private var index = NumberIndex()
    private var projects = Interned<ProjectID>()
    private var models = Interned<Label>()
    private var totals: [Int: CodexTotals] = [:]
    private var held: [Int: Held] = [:]
    private var whole: [Int: FileState] = [:]
    private var countBySource = [Int](repeating: 0, count: SourceKind.slots)

    package var count: Int { index.count }
    package var isEmpty: Bool { count == 0 }

    package func count(of source: SourceKind) -> Int { countBySource[Int(source.rawValue)] }

    /// Every file's identity, in no order.
    package var keys: some Collection<FileID> { (0..<count).lazy.map { rows[$0].id } }

    /// What is known of every file, in no order.
    package var values: some Collection<FileState> { (0..<count).lazy.map { state($0) } }

    package func forEach(_ body: (FileID, FileState) -> Void) {
        for number in 0..<count { body(rows[number].id, state(number)) }
    }

    /// Names that the rows' numbers stand for.
    var namesKept: Int { projects.count + models.count }

    package func contains(_ file: FileID) -> Bool { number(of: file) != nil }

    package func checkpoint(of file: FileID) -> FileCheckpoint? {
        number(of: file).map { whole[$0]?.checkpoint ?? rows[$0].checkpoint }
    }

    package internal(set) subscript(file: FileID) -> FileState? {
        get { number(of: file).map(state) }
        set {
            if let newValue { put(newValue, of: file) } else { remove(file) }
        }
    }

    // MARK: Helpers

    private func number(of file: FileID) -> Int? { index.find(PackedFile.hash(file)) { rows[$0].id == file } }

    private func state(_ number: Int) -> FileState {
        if let state = whole[number] { return state }
        return state(rows[number], number)
    }

    private func state(_ row: PackedFile, _ number: Int) -> FileState {
        var state = row.state(project: projects[row.project], model: models[row.model])
        if row.hasTotals { state.parser.totals = totals[number] }
        if row.isHolding, let held = held[number] {
            state.held = held.fact
            state.heldAtMs = held.atMs
        }
        return state
    }

    private mutating func put(_ new: FileState, of file: FileID) {
        if namesKept > 2 * count + Self.namesMin { forgetNames() }
        var state = new
        // Nobody asks for these again.
        state.parser.ancestor = nil
        if state.held == nil { state.heldAtMs = 0 }
        let row = PackedFile(
            file, state, project: projects.number(of: state.parser.project),
            model: models.number(of: state.parser.model))
        let number: Int
        if let known = self.number(of: file) {
            number = known
            countBySource[Int(rows[number].source.rawValue)] -= 1
            clear(number)
            rows[number] = row
        } else {
            number = rows.count
            rows.append(row)
            let rows = rows
            index.append(number) { rows[$0].hash }
        }
        countBySource[Int(row.source.rawValue)] += 1
        if row.hasTotals { totals[number] = state.parser.totals }
        if row.isHolding { held[number] = state.held.map { Held(fact: $0, atMs: state.heldAtMs) } }
        if self.state(row, number) != state {
            clear(number)
            whole[number] = state
        }
    }

    private mutating func remove(_ file: FileID) {
        guard let number = number(of: file) else { return }
        countBySource[Int(rows[number].source.rawValue)] -= 1
        let last = rows.count - 1
        do {
            let rows = rows
            index.removeSwapping(number) { rows[$0].hash }
        }
        clear(number)
        if number != last {
            rows[number] = rows[last]
            totals[number] = totals.removeValue(forKey: last)
            held[number] = held.removeValue(forKey: last)
            whole[number] = whole.removeValue(forKey: last)
        }
        rows.removeLast()
    }

    private mutating func clear(_ number: Int) {
        if rows[number].hasTotals { totals[number] = nil }
        if rows[number].isHolding { held[number] = nil }
        if !whole.isEmpty { whole[number] = nil }
    }

    private static let namesMin = 4_096

    /// Forgets projects and models of which no file speaks any more.
    private mutating func forgetNames() {
        var (projects, models) = (Interned<ProjectID>(), Interned<Label>())
        for number in 0..<count {
            rows[number].project = projects.number(of: self.projects[rows[number].project])
            rows[number].model = models.number(of: self.models[rows[number].model])
        }
        (self.projects, self.models) = (projects, models)
    }
}

/// Gives equal values one number; 0 is none.
private struct Interned<Value: Hashable & Sendable>: Sendable {
    private var values: [Value] = []
    private var numbers: [Value: UInt32] = [:]

    var count: Int { values.count }

    subscript(number: UInt32) -> Value? { number == 0 ? nil : values[Int(number) - 1] }

    mutating func number(of value: Value?) -> UInt32 {
        guard let value else { return 0 }
        if let number = numbers[value] { return number }
        values.append(value)
        numbers[value] = UInt32(values.count)
        return UInt32(values.count)
    }
}
