import TallyFuzzing
import TallyIO

/// What a run tells: a line while it runs, then a table, files and one JSON object.
struct FuzzReport {
    private let which: CaseOptions
    private let gateway: Int32?
    private var startedAt: Int64 = 0
    private var endedAt: Int64 = 0
    private var shownAt: Int64 = 0
    private var before: GatewayMemory?
    /// After a tenth of the cases: by then a gateway holds the buffers that it keeps.
    private var warm: GatewayMemory?
    private var after: GatewayMemory?
    private let isShown = Terminal.isErrorInteractive

    /// What a gateway is given to let go of connections that have ended.
    private static let settleMs = 2_000

    init(_ which: CaseOptions, gateway: Int32?) {
        self.which = which
        self.gateway = gateway
    }

    mutating func begin() {
        before = gateway.flatMap(GatewayMemory.of)
        startedAt = FuzzRoom.now()
    }

    mutating func progress(_ campaign: borrowing Campaign) {
        if warm == nil, campaign.total.cases * 10 >= which.cases { warm = gateway.flatMap(GatewayMemory.of) }
        let now = FuzzRoom.now()
        guard isShown, now - shownAt >= 500_000_000 else { return }
        shownAt = now
        let rate = Double(campaign.total.cases) * 1e9 / Double(max(1, now - startedAt))
        Terminal.writeError(
            "\r\u{1B}[K\(campaign.total.cases) of \(which.cases) cases, \(Int(rate)) a second, "
                + "\(campaign.groups.count) findings")
    }

    mutating func end() {
        endedAt = FuzzRoom.now()
        if isShown { Terminal.writeError("\r\u{1B}[K") }
        guard let gateway else { return }
        Pause.milliseconds(FuzzReport.settleMs)
        after = GatewayMemory.of(gateway)
    }

    private var seconds: Double { Double(endedAt - startedAt) / 1e9 }

    // MARK: Files

    func save(_ campaign: borrowing Campaign, to folder: String) throws {
        for group in campaign.groups {
            let script = group.smallest ?? group.script
            var text = "# \(group.finding.rule): expected \(group.finding.expected), got \(group.finding.got)\n"
            text += "# \(group.count) cases; " + (group.smallest == nil ? "as it was" : "made smaller") + "\n"
            try Files.write(folder, name(of: group), text + ScriptText.text(script))
        }
    }

    private func name(of group: Campaign.Group) -> String {
        "\(group.finding.rule)-seed-\(group.script.seed)-case-\(group.script.number).tallyfuzz"
    }

    // MARK: Words

    func table(_ campaign: borrowing Campaign) -> String {
        let total = campaign.total
        var text = "seed \(which.seed): \(total.cases) cases in \(tenths(seconds)) s, \(rate(total.cases)) a second\n"
        if total.interrupted > 0 {
            text += "\(total.interrupted) came to nothing; the last: \(campaign.interruption ?? "")\n"
        }
        if let before, let after {
            text += "gateway memory, KB private / proportional: \(before.words) before"
            if let warm, !which.isSingle { text += ", \(warm.words) after a tenth" }
            text += ", \(after.words) after\n"
        }
        if !which.isSingle {
            text += "\nfamily        cases   findings\n"
            for family in Family.allCases {
                guard let tally = campaign.families[family] else { continue }
                text += pad(family.rawValue, 12) + right("\(tally.cases)", 7) + right("\(tally.broken)", 11) + "\n"
            }
        }
        guard !campaign.groups.isEmpty else { return text + "\nnothing found\n" }
        text += "\nrequirement   findings\n"
        for (rule, count) in campaign.rules { text += pad("\(rule)", 14) + right("\(count)", 8) + "\n" }
        for group in campaign.groups { text += "\n" + words(of: group) }
        return text
    }

    private func words(of group: Campaign.Group) -> String {
        var text = "\(group.finding.rule) (\(group.family.rawValue), \(group.count) cases)\n"
        text += "  expected \(group.finding.expected)\n  got      \(group.finding.got)\n"
        if !which.isSingle, group.isShrunk, group.smallest == nil {
            text += "  did not come again by itself\n"
        }
        if which.replay == nil {
            let families = which.families.map { " --family \($0.rawValue)" }.joined()
            text += "  again    tallyfuzz --seed \(group.script.seed)\(families) --case \(group.script.number) …\n"
        }
        return text
    }

    func json(_ campaign: borrowing Campaign) -> String {
        var fields = [
            "\"seed\":\(which.seed)", "\"cases\":\(campaign.total.cases)", "\"findings\":\(campaign.total.broken)",
            "\"interrupted\":\(campaign.total.interrupted)", "\"seconds\":\(tenths(seconds))",
            "\"cases_per_second\":\(rate(campaign.total.cases))",
        ]
        for (name, memory) in [("before", before), ("warm", warm), ("after", after)] {
            guard let memory else { continue }
            fields.append("\"private_kb_\(name)\":\(memory.privateKB)")
            fields.append("\"pss_kb_\(name)\":\(memory.proportionalKB)")
        }
        let tallies = campaign.families
        let families = Family.allCases.compactMap { family in
            tallies[family].map {
                "\"\(family.rawValue)\":{\"cases\":\($0.cases),\"findings\":\($0.broken),\"interrupted\":\($0.interrupted)}"
            }
        }
        fields.append("\"families\":{\(families.joined(separator: ","))}")
        let rules = campaign.rules.map { "\"\($0.rule)\":\($0.count)" }
        fields.append("\"requirements\":{\(rules.joined(separator: ","))}")
        let groups = campaign.groups.map { group in
            "{\"requirement\":\"\(group.finding.rule)\",\"family\":\"\(group.family.rawValue)\",\"cases\":\(group.count),"
                + "\"case\":\(group.script.number),\"expected\":\"\(group.finding.expected)\","
                + "\"got\":\"\(group.finding.got)\",\"reproduced\":\(group.smallest != nil)}"
        }
        fields.append("\"found\":[\(groups.joined(separator: ","))]")
        return "{" + fields.joined(separator: ",") + "}\n"
    }

    private func rate(_ cases: Int) -> Int { seconds > 0 ? Int(Double(cases) / seconds) : 0 }

    private func tenths(_ number: Double) -> String {
        let scaled = Int((number * 10).rounded())
        return "\(scaled / 10).\(scaled % 10)"
    }

    private func pad(_ text: String, _ width: Int) -> String {
        text + String(repeating: " ", count: max(1, width - text.count))
    }

    private func right(_ text: String, _ width: Int) -> String {
        String(repeating: " ", count: max(1, width - text.count)) + text
    }
}

extension GatewayMemory {
    var words: String { "\(privateKB) / \(proportionalKB)" }
}
