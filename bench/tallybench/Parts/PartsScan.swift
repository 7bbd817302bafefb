import ArgumentParser
import Foundation
import TallyIO
import TallyModel
import TallyWire
import TallyWorkstation

extension Parts {
    /// A workstation's first scan: find, tail, parse, count, without the network.
    struct Scan: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Times the first scan of transcripts, beside a plain read of the same bytes.",
            discussion: """
                With --bytes, homes of that size are generated in a temporary folder and read by a second process, whose \
                memory is then the scan's alone; with --out they are generated in that folder and kept, and nothing is \
                read. Generated lines are short, some 900 bytes; with --text-scale 8 they are as long as real ones. \
                With --homes, DIR/claude, DIR/codex and DIR/gemini are read, as tallygen writes \
                them; nothing there is changed, and DIR/truth.json, if it is there, is what the scan must count.
                """)

        @Option(help: ArgumentHelp("A folder with claude and codex in it.", valueName: "dir"))
        var homes: String?

        @Option(help: "How much to generate: 64M, 2G.", transform: Self.size)
        var bytes: Int?

        @Option(help: "How many times longer texts are than the generator's own: 1 to 64.")
        var textScale = 1

        @Option(help: ArgumentHelp("Generate --bytes in this folder, which is empty, and keep them.", valueName: "dir"))
        var out: String?

        @Flag(help: "Keep events and reading positions in a spool on the disk, as tally does.")
        var spool = false

        @OptionGroup var options: Options

        private static func size(_ text: String) throws -> Int {
            guard let bytes = Parts.bytes(text), bytes <= 100_000_000_000 else {
                throw ValidationError("--bytes is a size such as 64M or 2G, at most 100G")
            }
            return bytes
        }

        func validate() throws {
            guard homes == nil || bytes == nil else { throw ValidationError("--homes or --bytes, not both") }
            guard out == nil || bytes != nil else { throw ValidationError("--out wants --bytes") }
            guard (1...64).contains(textScale) else { throw ValidationError("--text-scale is 1 to 64") }
        }

        func run() throws {
            if let homes { return try scan(homes) }
            let folder = try Folder(kept: out)
            var made = Homes(folder: folder.path)
            try made.fill(bytes: bytes ?? 64_000_000, textScale: textScale, seed: options.seed)
            guard out == nil else { return }
            try inAnotherProcess(folder.path)
        }

        /// The same program again, so that the generator's memory is not the scan's.
        private func inAnotherProcess(_ folder: String) throws {
            let process = Process()
            process.executableURL = Bundle.main.executableURL
            process.arguments =
                ["scan", "--homes", folder, "--seed", "\(options.seed)"] + (spool ? ["--spool"] : [])
                + (options.json ? ["--json"] : [])
            try process.run()
            process.waitUntilExit()
            guard process.terminationStatus == 0 else { throw ExitCode(process.terminationStatus) }
        }

        private func scan(_ homes: String) throws {
            let plain = try PlainRead(homes)
            let scratch = try spool ? Folder() : nil
            var scanning = try Scanning(homes: homes, spoolFolder: scratch?.path)
            let (span, _) = try Span.timing { try scanning.run() }
            let peak = Parts.peakResidentBytes()
            let peakPrivate = scanning.peakPrivateBytes
            try scanning.readBack()
            let truth = try HomeTruth.of(homes)
            if let truth, !scanning.counted.isRight(by: truth) {
                throw Mismatch("counted \(scanning.counted), but the truth is \(truth)")
            }
            var sheet = Sheet()
            sheet.add("files", plain.files)
            sheet.add("bytes", plain.bytes)
            sheet.add("bytes_scanned", Int(clamping: scanning.bytesRead))
            sheet.add("events", scanning.counted.events)
            sheet.add("spool", spool)
            if let scratch { sheet.add("spool_bytes", Folder.bytes(below: scratch.path)) }
            sheet.add("cpu_mb_per_s", Double(scanning.bytesRead) / 1e6 / span.cpuSeconds)
            sheet.add("wall_mb_per_s", Double(scanning.bytesRead) / 1e6 / span.wallSeconds)
            sheet.add("plain_read_cpu_mb_per_s", Double(plain.bytes) / 1e6 / plain.span.cpuSeconds)
            sheet.add("plain_read_wall_mb_per_s", Double(plain.bytes) / 1e6 / plain.span.wallSeconds)
            sheet.add("cpu_s_per_gb", span.cpuSeconds / (Double(scanning.bytesRead) / 1e9))
            sheet.add("peak_resident_mb", Double(peak) / 1e6)
            sheet.add("peak_private_mb", Double(peakPrivate) / 1e6)
            sheet.add("is_truth_known", truth != nil)
            sheet.add("check", true)
            sheet.show(asJSON: options.json)
        }
    }

    /// The same bytes, read and nothing else. The list of the files is gone before the scan, whose memory is measured.
    private struct PlainRead {
        let files: Int
        let bytes: Int
        let span: Span

        init(_ homes: String) throws {
            let found = ["/claude", "/codex", "/gemini"].flatMap { Folder.files(below: homes + $0) }
            var block = [UInt8](repeating: 0, count: Parts.readBlockBytes)
            // Once for the page cache, once for the clock.
            for file in found { _ = try Parts.readThrough(file.path, &block) }
            (span, bytes) = try Span.timing {
                try found.reduce(0) { sum, file in try sum + Parts.readThrough(file.path, &block) }
            }
            files = found.count
        }
    }

    /// The shipped scan and counter, drained into sums, or into a spool as `tally` does.
    private struct Scanning {
        private(set) var counted = HomeTruth()
        private(set) var bytesRead: UInt64 = 0
        /// The most anonymous memory (heap and stacks) that was resident between two slices.
        private(set) var peakPrivateBytes = 0
        private var scan: TranscriptScan<WorkstationHash, DiskFolders>
        private var counter = Counter()
        private let spool: Spool?

        init(homes: String, spoolFolder: String?) throws {
            let key = [UInt8](repeating: 7, count: WorkstationHash.keyBytes)
            guard let hash = WorkstationHash(ownKey: key, tenantKey: key) else { throw Mismatch("a key has 32 bytes") }
            scan = TranscriptScan(
                hash: hash,
                homes: SourceHomes(
                    home: nil, claudeConfigDir: homes + "/claude", codexHome: homes + "/codex",
                    geminiCLIHome: homes + "/gemini"),
                folders: DiskFolders())
            spool = try spoolFolder.map { try Spool(on: try Directory.open($0), nowMs: WallClock.nowMs()) }
        }

        mutating func run() throws {
            if let spool { try into(spool) } else { try intoSums() }
        }

        private mutating func intoSums() throws {
            scan.begin(counter)
            while true {
                let progress = scan.advance(&counter, nowMs: WallClock.nowMs())
                notePrivateBytes()
                if counter.isFull { take(counter.drain().events) }
                if case .done = progress { break }
            }
            // Each turn drains at least one of a bounded number of held requests.
            repeat {
                counter.settle(nowMs: WallClock.nowMs(), quietMs: nil)
                take(counter.drain().events)
            } while counter.heldCount > 0
            bytesRead = scan.bytesRead
        }

        /// As `EngineCore` does it: a record when the counter is full, a sync when enough has come together.
        private mutating func into(_ spool: Spool) throws {
            scan.begin(spool.counter)
            while true {
                let progress = scan.advance(&spool.counter, nowMs: WallClock.nowMs())
                notePrivateBytes()
                if spool.counter.isFull { try commit(spool) }
                if case .done = progress { break }
            }
            repeat {
                spool.counter.settle(nowMs: WallClock.nowMs(), quietMs: nil)
                try commit(spool)
            } while spool.counter.heldCount > 0
            try spool.sync()
            bytesRead = scan.bytesRead
        }

        private mutating func notePrivateBytes() {
            let bytes = ProcessMemory.anonymousBytes(of: ProcessInfo.processInfo.processIdentifier) ?? 0
            peakPrivateBytes = max(peakPrivateBytes, bytes)
        }

        private mutating func commit(_ spool: Spool) throws {
            try spool.commit(nowMs: WallClock.nowMs(), oldestMs: 0)
            if spool.isRollDue { try spool.roll(nowMs: WallClock.nowMs()) }
            if spool.isSyncDue { try spool.sync() }
        }

        /// What a spool holds is counted afterwards: the counter gives its events to the spool alone.
        mutating func readBack() throws {
            guard let spool, spool.state.tip.sequence > .zero else { return }
            var walk = SpoolWalk(spool.disk)
            try walk.forEach(spool.state.lowestHeld...spool.state.tip.sequence, spool.state) { _, event in
                counted.add(event)
            }
        }

        private mutating func take(_ events: [Event]) {
            for event in events { counted.add(event) }
        }
    }
}
