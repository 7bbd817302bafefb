/// One line of a Claude Code transcript, apart from the session it stands in: resumed sessions, forks and
/// subagents write the same line again under another head.
struct ClaudeLine: Sendable {
    var parent: String?
    var uuid: String
    var timeMs: Int64
    var isSidechain = false
    var agentID: String?
    /// The members that follow the head, without a comma at either end.
    var body: String
    var request: String?
    /// What to write in place of the whole line: summaries, damage. Never copied into another session.
    var raw: [UInt8]?

    init(parent: String?, uuid: String, timeMs: Int64, body: String) {
        self.parent = parent
        self.uuid = uuid
        self.timeMs = timeMs
        self.body = body
    }

    init(raw: [UInt8]) {
        self.init(parent: nil, uuid: "", timeMs: 0, body: "")
        self.raw = raw
    }

    /// Appends the line to `bytes`, its end included.
    func write(session: String, head: String, to bytes: inout [UInt8]) {
        if let raw {
            bytes.append(contentsOf: raw)
            bytes.append(UInt8(ascii: "\n"))
            return
        }
        var text = "{\"parentUuid\":" + (parent.map { "\"\($0)\"" } ?? "null")
        text += ",\"isSidechain\":\(isSidechain),\"userType\":\"external\","
        text += head
        text += ",\"sessionId\":\"\(session)\","
        if let agentID { text += "\"agentId\":\"\(agentID)\"," }
        text += body
        if let request { text += ",\"requestId\":\"\(request)\"" }
        text += ",\"uuid\":\"\(uuid)\",\"timestamp\":\"\(UTCText(timeMs: timeMs).instant)\"}\n"
        bytes.append(contentsOf: text.utf8)
    }
}
