/// What stays the same through a Claude Code session.
struct ClaudeTraits: Sendable {
    /// How the usage tells cache writes: by lifetime, or only their sum.
    enum CacheStyle: Sendable { case fiveMinutes, oneHour, mixed, unsplit, none }

    var folder: String
    var head: String
    /// As the transcript writes it.
    var model: String
    var helperModel: String
    var tier: String?
    var speed: String?
    var geo: String?
    var cache: CacheStyle
    var hasRequestIDs = true
    var hasMessageIDs = true
    var reportsCost = false
    /// Subagents in files of their own, as newer versions write them.
    var hasAgentFiles = true
    var contextMax = 160_000
    var growth = 700

    init(random: inout SeededRandom, filler: FillerText) {
        let project = random.pick(["alpha", "bravo", "charlie", "delta-service", "echo_tools", "foxtrot/web"])
        let path = "/home/dev/\(project)"
        folder = String(path.map { $0 == "/" || $0 == "_" ? "-" : $0 })
        let version = random.pick(["1.0.64", "2.0.31", "2.1.4", "2.1.88"])
        let branch = random.pick(["main", "feature/\(filler.canary)", "fix/orchard", "HEAD"])
        head = "\"cwd\":\"\(path)\",\"version\":\"\(version)\",\"gitBranch\":\"\(branch)\""
        if random.chance(perMille: 300) {
            head += ",\"userEmail\":\"dev.\(filler.canary)@example.test\",\"slug\":\"quiet-plum-\(filler.canary)\""
        }
        model = random.pick([
            "claude-opus-4-8", "claude-opus-4-8", "claude-sonnet-4-5-20250929", "claude-sonnet-5-5", "claude-opus-5-5",
            "claude-haiku-5-5", "Claude-Opus-4-8", "claude-opus-5-5[1m]",
        ])
        helperModel = random.pick(["claude-haiku-4-5-20251001", "claude-haiku-5-5", "claude-sonnet-4-5-20250929"])
        cache = random.pick([.fiveMinutes, .fiveMinutes, .oneHour, .oneHour, .mixed, .unsplit])
        if random.chance(perMille: 40) { cache = .none }
        tier = random.pick(["standard", "standard", "standard", "standard", "default", nil])
        if random.chance(perMille: 40) { tier = random.pick(["batch", "priority"]) }
        geo = random.pick([nil, "not_available", "global"])
        if random.chance(perMille: 50) { geo = "us" }
        speed = random.pick([nil, "standard"])
        if model.hasPrefix("claude-opus"), random.chance(perMille: 80) { speed = "fast" }
        hasAgentFiles = version.hasPrefix("2")
        reportsCost = version == "1.0.64" && random.chance(perMille: 700)
        hasRequestIDs = !random.chance(perMille: 120)
        hasMessageIDs = !random.chance(perMille: 40)
        if random.chance(perMille: 80) {
            (model, contextMax, growth) = ("claude-sonnet-4-5-20250929[1m]", 700_000, 5_000)
            speed = "standard"
        } else if random.chance(perMille: 60) {
            (model, speed) = ("acme-proxy-large", nil)
        }
    }
}
