#if os(Linux)
import CPlatform
import Dispatch
import Glibc
import Synchronization
import TallyModel

/// One inotify descriptor for all folders, and one DispatchSource on it.
///
/// At the first event the source is suspended and a timer runs for the gathering time; then the queue is emptied,
/// the owner told once, and the source resumed. So a file that is written a thousand times costs one wake-up, and
/// an idle machine none. Events pile up in the kernel meanwhile: 16,384 of them by default, then one that says
/// that others were lost, which is a change like any other.
///
/// `inotify_add_watch` names a folder that is watched already by the same number, so the whole set is simply told
/// again each time: what was renamed or made anew under an old name needs no bookkeeping.
final class InotifyWatch: WatchWay {
    /// Entries made, written, renamed or removed, and the folder's own end.
    private static let entries = UInt32(
        IN_CREATE | IN_MODIFY | IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_DELETE_SELF
            | IN_MOVE_SELF | IN_ONLYDIR | IN_EXCL_UNLINK)
    /// Of a folder above a missing root: folders that appear, and its own end. Added to what it may be watched for.
    private static let arrivals = UInt32(
        IN_CREATE | IN_MOVED_TO | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR | IN_MASK_ADD)
    /// `wd`, `mask`, `cookie` and `len`, 4 bytes each; then `len` bytes of a name.
    private static let headerBytes = 16
    private static let readBytes = 64 << 10
    /// A default queue full of the longest names, and some.
    private static let readsMax = 96
    /// Folders of a root's path that are tried, upwards.
    private static let ancestorsMax = 64

    private struct State {
        let source: any DispatchSourceRead
        /// The source is suspended and the gathering timer runs. A source must not be freed while suspended.
        var isGathering = false
        /// The owner is told at the end of the gathering whatever the kernel says.
        var isOwed = false
        var folders: Set<CInt> = []
        /// Above missing roots. Disjoint from `folders`.
        var ancestors: Set<CInt> = []
    }

    private let inotify: SharedDescriptor
    private let gathering: DispatchTimeInterval
    private let watchesMax: Int
    private let changed: @Sendable () -> Void
    private let queue = DispatchQueue(label: "tally.watch")
    /// Taken on `queue`, except in `deinit`.
    private let state: Guarded<State>

    init(gathering: Duration, watchesMax: Int, _ changed: @escaping @Sendable () -> Void) throws(SystemError) {
        let raw = inotify_init1(CInt(IN_NONBLOCK | IN_CLOEXEC))
        guard raw >= 0 else { throw SystemError("inotify_init1") }
        let inotify = SharedDescriptor(Descriptor(taking: raw))
        self.inotify = inotify
        self.gathering = .milliseconds(Int(clamping: gathering.wholeMilliseconds))
        self.watchesMax = watchesMax
        self.changed = changed
        state = Guarded(State(source: DispatchSource.makeReadSource(fileDescriptor: raw, queue: queue)))
        state.withLock { state in
            state.source.setEventHandler { [weak self] in self?.gather() }
            // Holds the descriptor open until Dispatch has let go of it.
            state.source.setCancelHandler { withExtendedLifetime(inotify) {} }
            state.source.activate()
        }
    }

    deinit {
        state.withLock { state in
            state.source.cancel()
            if state.isGathering { state.source.resume() }
        }
    }

    // MARK: Watching

    func watch(_ folders: [String], roots: [String]) throws(SystemError) {
        let result = queue.sync { () -> Result<Void, SystemError> in
            do throws(SystemError) { return .success(try replace(folders, roots)) } catch { return .failure(error) }
        }
        try result.get()
    }

    private func replace(_ folders: [String], _ roots: [String]) throws(SystemError) {
        guard folders.count + roots.count <= watchesMax else {
            throw SystemError("inotify_add_watch", number: ENOSPC)
        }
        var ancestors: Set<CInt> = []
        let present = Set(folders)
        for root in roots where !present.contains(root) {
            if let number = try add(above: root) { ancestors.insert(number) }
        }
        var numbers: Set<CInt> = []
        for folder in folders {
            if let number = try add(folder, Self.entries) { numbers.insert(number) }
        }
        ancestors.subtract(numbers)
        let isNew = state.withLock { state in
            let old = state.folders.union(state.ancestors)
            let new = numbers.union(ancestors)
            for number in old.subtracting(new) { _ = inotify_rm_watch(inotify.descriptor.raw, number) }
            state.folders = numbers
            state.ancestors = ancestors
            let isNew = !new.isSubset(of: old)
            if isNew { state.isOwed = true }
            return isNew
        }
        if isNew { gather() }
    }

    /// Nil for a folder that is gone or may not be read: the search says the same.
    private func add(_ path: String, _ mask: UInt32) throws(SystemError) -> CInt? {
        // The path lives through the call.
        let number = unsafe inotify_add_watch(inotify.descriptor.raw, path, mask)
        if number >= 0 { return number }
        // The user's watches are used up, or the kernel's memory.
        if errno == ENOSPC || errno == ENOMEM { throw SystemError("inotify_add_watch") }
        return nil
    }

    /// The root itself if it has appeared meanwhile, else the nearest folder above it that exists.
    private func add(above root: String) throws(SystemError) -> CInt? {
        var path = root
        for _ in 0..<Self.ancestorsMax {
            if let number = try add(path, Self.arrivals) { return number }
            guard path != "/", path != "." else { return nil }
            let slash = path.lastIndex(of: "/")
            path = slash.map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "."
        }
        return nil
    }

    // MARK: Events

    /// On the queue: stops listening, and tells the owner in a while.
    private func gather() {
        let isFirst = state.withLock { state in
            guard !state.isGathering else { return false }
            state.isGathering = true
            state.source.suspend()
            return true
        }
        guard isFirst else { return }
        queue.asyncAfter(deadline: .now() + gathering) { [weak self] in self?.tell() }
    }

    private func tell() {
        let isTold = state.withLock { state in
            let isChange = drain(&state)
            let isTold = isChange || state.isOwed
            state.isOwed = false
            state.isGathering = false
            // What `drain` left makes it fire again at once.
            state.source.resume()
            return isTold
        }
        if isTold { changed() }
    }

    /// Takes what waits, within bounds. True if any of it is a change that concerns the owner.
    private func drain(_ state: inout State) -> Bool {
        var buffer = [UInt8](repeating: 0, count: Self.readBytes)
        var isChange = false
        for _ in 0..<Self.readsMax {
            // The kernel writes at most as many bytes as there is room for, whole events only.
            let count = unsafe buffer.withUnsafeMutableBytes { room in
                unsafe read(inotify.descriptor.raw, room.baseAddress, room.count)
            }
            guard count > 0 else { break }
            var at = 0
            while at + Self.headerBytes <= count {
                let number = CInt(bitPattern: Self.word(buffer, at))
                let mask = Self.word(buffer, at + 4)
                if note(number, mask, &state) { isChange = true }
                at += Self.headerBytes + Int(Self.word(buffer, at + 12))
            }
        }
        return isChange
    }

    private func note(_ number: CInt, _ mask: UInt32, _ state: inout State) -> Bool {
        // Lost events may have been changes.
        if mask & UInt32(IN_Q_OVERFLOW) != 0 { return true }
        if mask & UInt32(IN_IGNORED) != 0 {
            // The folder is gone, or we let go of it; its number is not used again.
            let isKnown = state.folders.remove(number) != nil
            return state.ancestors.remove(number) != nil || isKnown
        }
        if state.folders.contains(number) { return true }
        guard state.ancestors.contains(number) else { return false }
        return mask & UInt32(IN_ISDIR | IN_DELETE_SELF | IN_MOVE_SELF) != 0
    }

    /// Four bytes in this machine's order.
    private static func word(_ bytes: [UInt8], _ at: Int) -> UInt32 {
        precondition(at + 4 <= bytes.count, "the kernel writes whole headers")
        // Within the bytes, as just checked; any four bytes are a number.
        return unsafe bytes.withUnsafeBytes { unsafe $0.loadUnaligned(fromByteOffset: at, as: UInt32.self) }
    }
}
#endif
