/// Reads the URL of `origin` from a repository's config and brings it to `host/path`, the form that all
/// clones share: no scheme, user, port or `.git`, host in lower case.
enum GitRemote {
    static func origin(inConfig config: [UInt8]) -> [UInt8]? {
        var isInOrigin = false
        for line in config.split(whereSeparator: { $0 == UInt8(ascii: "\n") || $0 == UInt8(ascii: "\r") }) {
            let text = trimmed(String(decoding: line, as: UTF8.self)[...])
            if text.hasPrefix("[") {
                isInOrigin = text.hasPrefix("[remote \"origin\"]")
            } else if isInOrigin, let equals = text.firstIndex(of: "="),
                trimmed(text[..<equals]).lowercased() == "url",
                let name = normalised(String(trimmed(text[text.index(after: equals)...])))
            {
                return Array(name.utf8)
            }
        }
        return nil
    }

    /// `https://user@Host:443/path.git`, `ssh://git@host/path` and `git@host:path` become `host/path`; nil for
    /// what names no host (a local path, a file URL).
    static func normalised(_ url: String) -> String? {
        var rest = url[...]
        var separator: Character = ":"
        if let range = schemeEnd(rest) {
            if rest[..<range].lowercased() == "file" { return nil }
            rest = rest[rest.index(range, offsetBy: 3)...]
            separator = "/"
        }
        guard let end = rest.firstIndex(of: separator) else { return nil }
        var host = rest[..<end]
        if host.contains("/") { return nil }
        if let at = host.lastIndex(of: "@") { host = host[host.index(after: at)...] }
        if separator == "/", let colon = host.lastIndex(of: ":"), !host.hasSuffix("]") { host = host[..<colon] }
        var path = rest[rest.index(after: end)...]
        while path.hasPrefix("/") { path = path.dropFirst() }
        while path.hasSuffix("/") { path = path.dropLast() }
        if path.hasSuffix(".git") { path = path.dropLast(4) }
        guard !host.isEmpty, !path.isEmpty else { return nil }
        return host.lowercased() + "/" + path
    }

    private static func schemeEnd(_ text: Substring) -> Substring.Index? {
        guard let colon = text.firstIndex(of: ":"), text[colon...].hasPrefix("://") else { return nil }
        return colon
    }

    private static func trimmed(_ text: Substring) -> Substring {
        var text = text
        while let first = text.first, first == " " || first == "\t" { text = text.dropFirst() }
        while let last = text.last, last == " " || last == "\t" { text = text.dropLast() }
        return text
    }
}
