import TallyIO
import TallyModel

/// `tally ignore`: folders of which nothing is to be counted from now on.
///
/// A running `tally run` starts its engine anew with the new list, as it does with new settings.
extension Workstation {
    package func ignore(_ text: String) throws(WorkstationError) -> Int32 {
        let (path, leads) = try Self.absolute(text)
        var list = try home.ignoreList()
        guard try list.add(path, leads: leads) else {
            Terminal.writeOutput("ignored already: \(path)\n")
            return ExitStatus.success
        }
        try change(list)
        Terminal.writeOutput(
            "ignored: \(path)\nnothing of it is counted from now on; what was counted before stays counted\n")
        if leads == nil { Terminal.writeError("tally: nothing is there now; it is ignored all the same\n") }
        for root in homes.roots where list.compared.cover(Array(root.utf8)) {
            Terminal.writeError("tally: transcripts lie below an ignored folder and are not opened: \(root)\n")
        }
        return ExitStatus.success
    }

    /// Ends it for one folder.
    package func heed(_ text: String) throws(WorkstationError) -> Int32 {
        let (path, leads) = try Self.absolute(text)
        var list = try home.ignoreList()
        guard list.remove(path, leads: leads) else { throw .notIgnored }
        try change(list)
        Terminal.writeOutput("no longer ignored: \(path)\nwhat was passed over stays uncounted\n")
        return ExitStatus.success
    }

    package func listIgnored() throws(WorkstationError) -> Int32 {
        for folder in try home.ignoreList().folders {
            Terminal.writeOutput(folder.path + (folder.leads.map { " (leads to \($0))" } ?? "") + "\n")
        }
        return ExitStatus.success
    }

    private func change(_ list: IgnoreList) throws(WorkstationError) {
        try home.save(list)
        try Handover.tellReload(home)
        do throws(WorkstationError) { _ = try home.own() } catch {
            guard case .locked(.held) = error, !Handover.isAnswering(home) else { return }
            Terminal.writeError("tally: a tally sync or send is at work and ends its work by the old list\n")
        }
    }

    /// The path from the root, and where its links lead; nil where nothing is there.
    private static func absolute(_ text: String) throws(WorkstationError) -> (path: String, leads: String?) {
        let whole = text.hasPrefix("/") ? text : (WalkFolder.resolved(".") ?? "") + "/" + text
        guard !text.isEmpty, let normal = IgnoredFolders.normal(Array(whole.utf8)) else { throw .ignorePath }
        let path = normal.isEmpty ? "/" : String(decoding: normal, as: UTF8.self)
        return (path, WalkFolder.resolved(whole))
    }
}
