import TallyFuzzing
import Testing

/// The fuzzer finds what it is for, and nothing else.
@Suite("Planted bugs")
struct BugTests {
    struct Planted: Sendable, CustomTestStringConvertible {
        let bug: Bug
        let families: [Family]
        let rule: String
        /// Requirements that the same bug breaks as well.
        var others: Set<String> = []
        var testDescription: String { bug.rawValue }
    }

    static let planted: [Planted] = [
        Planted(
            bug: .takesWhatIsNotCanonical, families: [.varint, .dictionary, .packed], rule: "TG-4-2",
            others: ["TG-4-4", "TG-4-5"]),
        Planted(bug: .takesBrokenBlocks, families: [.lz4, .bomb], rule: "TG-4-7"),
        Planted(bug: .keepsHalf, families: [.replay, .half, .fork], rule: "TG-6-3"),
        Planted(bug: .ignoresCredit, families: [.credit], rule: "TG-6-4"),
        Planted(bug: .duplicateWithAnotherChain, families: [.duplicate, .replay], rule: "TG-6-3"),
        Planted(bug: .echoesOtherBytes, families: [.ping], rule: "TG-6-7"),
        Planted(
            bug: .staysOpen, families: [.type, .length], rule: "TG-2-2"),
        Planted(bug: .callsContentUnknown, families: [.column], rule: "TG-3-4"),
        Planted(bug: .believesTotals, families: [.totals], rule: "TG-4-9"),
        Planted(bug: .believesChains, families: [.chain], rule: "TG-5-2"),
        Planted(bug: .welcomesForks, families: [.fork], rule: "TG-B2-4"),
        Planted(bug: .lengthUnchecked, families: [.length], rule: "TG-2-1"),
        Planted(bug: .hidesOptions, families: [.hello], rule: "TG-2-4"),
        Planted(bug: .knowsTheFuture, families: [.probe], rule: "TG-B2-5"),
        Planted(bug: .takesCreditBack, families: [.valid, .duplicate], rule: "TG-6-4"),
        Planted(bug: .closesAnywhere, families: [.close], rule: "TG-6-8"),
        Planted(bug: .blamesTheNextRow, families: [.range, .kind], rule: "TG-4-10"),
        Planted(bug: .silentTakeover, families: [.takeover], rule: "TG-B2-2"),
        Planted(bug: .takesGaps, families: [.sequence], rule: "TG-6-2"),
        Planted(bug: .gapsAreOverlaps, families: [.sequence], rule: "TG-6-2"),
        Planted(bug: .skipsCountNothing, families: [.skip], rule: "TG-5-3"),
        Planted(bug: .takesUnknownTypes, families: [.type], rule: "TG-2-2"),
    ]

    @Test("Every planted bug is found, as the requirement that it breaks and as no other", arguments: planted)
    func found(_ planted: Planted) {
        var room = ToyRoom(planted.bug)
        var campaign = Campaign(
            seed: 11, numbers: 0..<90, of: planted.families, nowMs: ToyRoom.nowMs, shrinks: false)
        room.run(&campaign)
        let rules = Set(campaign.rules.map(\.rule.number))
        #expect(rules.contains(planted.rule), "\(planted.bug): found \(rules)")
        #expect(rules.subtracting(planted.others).subtracting([planted.rule]) == [], "\(planted.bug)")
    }

    @Test("All bugs have their case")
    func complete() {
        #expect(Set(Self.planted.map(\.bug)) == Set(Bug.allCases))
    }

    @Test(
        "Without a bug nothing is found, whatever the seed, and every family comes", arguments: [1, 2] as [UInt64])
    func nothing(seed: UInt64) {
        var room = ToyRoom()
        var campaign = Campaign(seed: seed, numbers: 0..<1_000, nowMs: ToyRoom.nowMs, shrinks: false)
        room.run(&campaign)
        let found = campaign.groups.map {
            "case \($0.script.number), \($0.family): \($0.finding.rule), expected \($0.finding.expected), got \($0.finding.got)"
        }
        #expect(found == [])
        let total = campaign.total
        let families = Set(campaign.families.keys)
        let words = campaign.interruption ?? ""
        #expect(total.cases == 1_000)
        #expect(total.interrupted == 0, "\(words)")
        #expect(families == Set(Family.allCases))
    }

    @Test(
        "A failure is made smaller, and the smaller case fails for the same requirement when it is read from its file")
    func shrinking() throws {
        var room = ToyRoom(.believesTotals)
        var campaign = Campaign(seed: 4, numbers: 0..<20, of: [.totals], nowMs: ToyRoom.nowMs)
        room.run(&campaign)
        let groups = campaign.groups
        let group = try #require(groups.first)
        let smallest = try #require(group.smallest)
        #expect(smallest.weight < group.script.weight, "\(ScriptText.text(group.script))\(ScriptText.text(smallest))")
        let again = try ScriptText.script("# a remark\n" + ScriptText.text(smallest))
        var broken = ToyRoom(.believesTotals, seed: 99)
        guard case .broken(let finding) = broken.run(again) else {
            Issue.record("it does not fail again: \(ScriptText.text(smallest))")
            return
        }
        #expect(finding.rule == .controlTotals)
        var sound = ToyRoom(seed: 99)
        let verdict = sound.run(again)
        #expect(verdict == .passed, "\(sound.trace)")
    }
}
