/// What a report can be broken down by. The raw value is the word on the command line and in JSON.
package enum UsageDimension: String, CaseIterable, Hashable, Sendable {
    case day, hour, model, agent, workstation, project, session, origin

    /// Reads `day,model`. Throws on an unknown or repeated word; `known` are those that the caller can answer.
    package static func list(
        _ text: String, known: [UsageDimension] = UsageDimension.allCases
    ) throws(UsageError) -> [UsageDimension] {
        var list: [UsageDimension] = []
        for word in text.split(separator: ",", omittingEmptySubsequences: false) {
            let word = word.filter { $0 != " " }
            guard let dimension = UsageDimension(rawValue: word), known.contains(dimension) else {
                throw .dimensionUnknown(word, known: known)
            }
            guard !list.contains(dimension) else { throw .dimensionTwice(dimension) }
            list.append(dimension)
        }
        return list
    }
}
