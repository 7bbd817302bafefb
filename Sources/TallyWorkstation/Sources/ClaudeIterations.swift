import TallyModel

/// What `usage.iterations` says of the samplings that one message was made of.
///
/// The numbers of `usage` itself are those of the message's own model; older answers give of their prompts the first
/// alone, so the sum of the own samplings is told too. What an advisor (a model of its own) and a compaction took stands
/// here and nowhere else (platform.claude.com, "Advisor tool" and "Compaction", November 2026).
struct ClaudeIterations {
    enum Kind: String, CaseIterable { case message, compaction, advisor_message }

    /// A sampling that `usage` does not include.
    struct Step {
        /// Its place in the list, which only grows at its end while the message streams.
        let place: Int
        let kind: Kind
        let model: JSONText?
        let usage: ClaudeUsage
    }

    var steps: [Step] = []
    /// What the message's own samplings come to; nil where the list is not whole, or holds kinds that we do not know
    /// (a fallback's attempts are another model's).
    var own: RequestCounts? = RequestCounts()
    /// Entries that are no samplings, or whose numbers cannot be tokens.
    var refused = 0
}

/// Reads the list of a line that has been walked over to its end already.
struct ClaudeIterationReader: Sendable {
    /// Entries that are looked at; more of them than any message has.
    static var entriesMax: Int { 64 }

    private enum Key: String, CaseIterable { case type, model }

    private let keys = NameTable<Key>(\.rawValue)
    private let kinds = NameTable<ClaudeIterations.Kind>(\.rawValue)
    private let usageReader = ClaudeUsageReader()
    private let list = UInt8(ascii: "[")
    private let open = UInt8(ascii: "{")

    /// `place` is where the list begins, `model` the message's.
    func read(at place: Int, model: JSONText?, _ bytes: Span<UInt8>) -> ClaudeIterations {
        var found = ClaudeIterations()
        var cursor = JSONCursor(at: place)
        do throws(JSONError) {
            var isOver = try cursor.enter(list, bytes)
            var number = 0
            while !isOver {
                guard number < Self.entriesMax else {
                    found.refused += 1
                    found.own = nil
                    break
                }
                try take(number, model, &found, &cursor, bytes)
                number += 1
                isOver = try !cursor.next(list, bytes)
            }
        } catch {
            // Whoever read the line has met it before.
            found.own = nil
        }
        return found
    }

    private func take(
        _ place: Int, _ model: JSONText?, _ found: inout ClaudeIterations, _ cursor: inout JSONCursor,
        _ bytes: Span<UInt8>
    ) throws(JSONError) {
        _ = try cursor.peek(bytes)
        let start = cursor.position
        guard try cursor.isObject(bytes) else {
            found.refused += 1
            found.own = nil
            return
        }
        var kind: ClaudeIterations.Kind?
        var own: JSONText?
        var isOver = try cursor.enter(open, bytes)
        while !isOver {
            switch keys.find(try cursor.key(bytes), bytes) {
            case .type: kind = try cursor.optionalText(bytes).flatMap { kinds.find($0, bytes) }
            case .model: own = try cursor.optionalText(bytes)
            case nil: try cursor.skip(bytes)
            }
            isOver = try !cursor.next(open, bytes)
        }
        guard let kind else {
            found.own = nil
            return
        }
        guard let usage = usage(at: start, bytes) else {
            found.refused += 1
            if kind == .message { found.own = nil }
            return
        }
        guard kind == .message else {
            if !usage.counts.isZero {
                found.steps.append(ClaudeIterations.Step(place: place, kind: kind, model: own, usage: usage))
            }
            return
        }
        let isOwn = own.map { own in model.map { isSame(own, $0, bytes) } ?? false } ?? true
        found.own = isOwn ? found.own?.sum(with: usage.counts) : nil
    }

    /// Nil if a number cannot be tokens: the entry is refused, the message counts.
    private func usage(at place: Int, _ bytes: Span<UInt8>) -> ClaudeUsage? {
        var cursor = JSONCursor(at: place)
        do throws(JSONError) { return try usageReader.read(&cursor, bytes) } catch { return nil }
    }

    private func isSame(_ left: JSONText, _ right: JSONText, _ bytes: Span<UInt8>) -> Bool {
        guard left.count == right.count else { return false }
        for offset in 0..<left.count where bytes[left.start + offset] != bytes[right.start + offset] { return false }
        return true
    }
}

extension RequestCounts {
    /// Nil where a sum cannot be one request's tokens.
    fileprivate func sum(with other: RequestCounts) -> RequestCounts? {
        var sum = self
        let classes = [
            \RequestCounts.input, \.cacheRead, \.write5m, \.write1h, \.writeUnknown, \.output, \.reasoning,
        ]
        for path in classes {
            let total = UInt64(self[keyPath: path]) + UInt64(other[keyPath: path])
            guard total <= UInt64(Limits.tokensMax) else { return nil }
            sum[keyPath: path] = UInt32(total)
        }
        return sum
    }
}
