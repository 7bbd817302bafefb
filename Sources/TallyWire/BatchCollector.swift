import TallyHash
import TallyModel

/// Turns events into a batch's columns: dictionaries in first-use order, and what is present, constant, varying.
struct BatchCollector: Sendable {
    private var keys = KeyTable(seed: 0)
    private var sessionKeys = KeyTable(seed: 0)
    private var modelPlaces: [Label: Int] = [:]
    private let columns = SchemaTable.columns
    private var rules = KindRules()

    /// Puts the first `count` events into `batch`, or says which of them breaks which rule.
    mutating func collect(
        _ events: Span<Event>, count: Int, into batch: inout Batch
    ) throws(BatchRefusal) {
        batch.reset(rows: count)
        keys.removeAll()
        sessionKeys.removeAll()
        modelPlaces.removeAll(keepingCapacity: true)
        for column in columns { batch.beginVarying(column) }
        for row in 0..<count { put(events[row], row, into: &batch) }
        do throws(BatchRefusal) {
            for column in columns { try settle(column, count, &batch) }
            try rules.check(batch, rows: count)
        } catch {
            batch.reset(rows: 0)
            throw error
        }
        batch.count = count
    }

    private mutating func put(_ event: Event, _ row: Int, into batch: inout Batch) {
        let capacity = batch.capacity
        batch.longs[row] = UInt64(bitPattern: event.timeMs)
        batch.longs[capacity + row] = nullable(event.reportedCostNanoUSD)
        putIdentifiers(event, row, into: &batch)
        let small: [9 of UInt8] = [
            event.kind.rawValue, event.agent.rawValue, event.origin.rawValue, event.speed.rawValue,
            event.tier.rawValue, event.region.rawValue, event.outcome.rawValue, event.state?.rawValue ?? 0,
            event.billing.rawValue,
        ]
        for index in small.indices { batch.bytes[index * capacity + row] = small[index] }
        let numbers: [11 of UInt32] = [
            event.inputTokens, event.cacheReadTokens, event.cacheWrite5mTokens, event.cacheWrite1hTokens,
            event.cacheWriteUnknownTokens, event.outputTokens, event.reasoningTokens, UInt32(event.webSearches),
            UInt32(event.toolCalls), nullable(event.durationMs), nullable(event.contextTokens),
        ]
        for index in numbers.indices { batch.words[index * capacity + row] = numbers[index] }
    }

    /// A value that has no successor is out of every range: it stays the highest.
    private func nullable<Value: FixedWidthInteger>(_ value: Value?) -> Value {
        guard let value else { return 0 }
        return value == .max ? value : value + 1
    }

    private mutating func putIdentifiers(_ event: Event, _ row: Int, into batch: inout Batch) {
        let capacity = batch.capacity
        let session = sessionKeys.find(event.session.value, in: batch.sessions.span, orInsert: batch.sessions.count)
        if session == batch.sessions.count { batch.sessions.append(event.session.value) }
        batch.shorts[row] = UInt16(truncatingIfNeeded: session)
        var project = 0
        if let value = event.project?.value {
            project = keys.find(value, in: batch.projects.span, orInsert: batch.projects.count)
            if project == batch.projects.count { batch.projects.append(value) }
        }
        batch.shorts[capacity + row] = UInt16(truncatingIfNeeded: project)
        batch.shorts[2 * capacity + row] = UInt16(truncatingIfNeeded: model(event.model, row, &batch))
    }

    private mutating func model(_ label: Label?, _ row: Int, _ batch: inout Batch) -> Int {
        guard let label else { return 0 }
        if row > 0 {
            let last = batch.modelIndex(row - 1)
            if batch.models[last] == label { return last }
        }
        if let known = modelPlaces[label] { return known }
        let place = batch.models.count
        modelPlaces[label] = place
        batch.models.append(label)
        batch.modelHashes.append(XXH3.hash64(Array(label.text.utf8)))
        return place
    }

    /// Finds out whether the column is absent, constant or varying, and holds its values to the bounds.
    private func settle(_ column: Column, _ rows: Int, _ batch: inout Batch) throws(BatchRefusal) {
        let first = batch.encoded(column.id, 0)
        let isNumber = column.type != .id16 && column.type != .label
        var differences: UInt64 = 0
        var hasDefaults = false
        for row in 0..<rows {
            let value = batch.encoded(column.id, row)
            differences |= value ^ first
            if value == 0 { hasDefaults = true }
            if isNumber, value > column.encodedMax { throw .row(row, .fieldRange, column.id) }
        }
        if differences != 0 {
            batch.finishVarying(column, hasDefaults: hasDefaults, rows: rows)
        } else if first != 0 {
            batch.present |= Batch.bit(column.id)
        }
    }
}
