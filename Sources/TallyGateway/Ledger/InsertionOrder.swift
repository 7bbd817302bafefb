/// A set that is walked in the order in which its elements came: what is decided from it is the same in every run.
struct InsertionOrder<Element: Hashable> {
    private(set) var elements: [Element] = []
    private var members: Set<Element> = []

    var isEmpty: Bool { elements.isEmpty }

    func contains(_ element: Element) -> Bool { members.contains(element) }

    mutating func insert(_ element: Element) {
        if members.insert(element).inserted { elements.append(element) }
    }

    mutating func remove(_ element: Element) {
        if members.remove(element) != nil { elements.removeAll { $0 == element } }
    }

    /// Hands all of it out and is empty.
    mutating func take() -> [Element] {
        let taken = elements
        elements.removeAll(keepingCapacity: true)
        members.removeAll(keepingCapacity: true)
        return taken
    }
}
