package import TallyModel

/// What a keyed hash is of; part of the hashed bytes, so that equal texts of two kinds never meet.
package enum HashDomain: UInt8, Hashable, Sendable {
    case message = 1, request, line, session, project, sentID, row
    /// A message of Gemini: the ids of two vendors are never one.
    case geminiMessage
    /// A call that telemetry told.
    case call
    /// A sampling within a message, by the message and its place.
    case iteration
    /// The folder that an agent was started in, to compare with those of processes.
    case folder
}

/// A hash under a key that never leaves this workstation (or, for a project or session, the tenant's machines and its
/// gateway): whoever sees the result without the key can neither guess the text from it nor test a guess.
package protocol KeyedHash: Sendable {
    func digest(_ domain: HashDomain, _ bytes: Span<UInt8>) -> Bytes16
}

extension KeyedHash {
    /// Eight bytes, never zero: zero means "absent" in the tables of the counter.
    func word(_ domain: HashDomain, _ bytes: Span<UInt8>) -> UInt64 { max(digest(domain, bytes).high, 1) }

    /// A UUID as it is; any other text as a UUID of version 8 (RFC 9562, 5.8) made of its hash.
    package func sessionID(_ bytes: Span<UInt8>) -> SessionID {
        if let session = uuidSession(bytes) { return session }
        guard let session = SessionID(asVersion8(digest(.session, bytes))) else {
            preconditionFailure("the version bits are never all zero")
        }
        return session
    }

    /// A session whose id is a UUID, nil for any other text.
    package func uuidSession(_ bytes: Span<UInt8>) -> SessionID? {
        if bytes.count == 36 {
            var copy: [UInt8] = []
            for index in 0..<36 { copy.append(bytes[index]) }
            if let value = Bytes16(uuid: copy) { return SessionID(value) }
        }
        return nil
    }

    /// The one session of all calls of an agent that named none.
    func nameless(_ agent: Agent) -> SessionID {
        let name = [agent.rawValue]
        guard let session = SessionID(asVersion8(digest(.call, name.span))) else {
            preconditionFailure("the version bits are never all zero")
        }
        return session
    }

    /// A path as a word to compare with others; 0 for none, and for one that cannot be a path.
    func folder(_ text: JSONText, _ bytes: Span<UInt8>) -> UInt64 {
        guard let path = text.copied(bytes, bytesMax: 4_096), path.first == UInt8(ascii: "/") else { return 0 }
        return word(.folder, path.span)
    }

    package func projectID(_ bytes: Span<UInt8>) -> ProjectID? {
        ProjectID(asVersion8(digest(.project, bytes)))
    }

    private func asVersion8(_ value: Bytes16) -> Bytes16 {
        Bytes16(high: value.high & ~0xF000 | 0x8000, low: value.low & ~(0b11 << 62) | 0b10 << 62)
    }
}
