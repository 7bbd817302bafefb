package import TallyModel

/// A true call, with what else tells of it: an agent's telemetry names it by the same ids as its transcript does.
package struct GeneratedCall: Sendable {
    package let event: Event
    /// As the agent writes it; nil if it names none.
    package let model: String?
    /// As the agent writes it.
    package let session: String
    /// The id of its request, where its transcript gives one.
    package let request: String?
    /// The file that tells of it first.
    package private(set) var path = ""
    /// A sidechain tells of it under another request id.
    package var isReplayed = false

    init(event: Event, model: String?, session: Bytes16, request: String? = nil) {
        self.event = event
        self.model = model
        self.session = session.uuidText
        self.request = request
    }

    func placed(at path: String) -> GeneratedCall {
        var call = self
        call.path = path
        return call
    }
}
