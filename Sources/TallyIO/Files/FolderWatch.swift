import Dispatch
import Synchronization
import TallyModel

/// Says that something may have changed in some folders, so that their owner need not search them all the time.
///
/// Two ways stand behind it: `InotifyWatch` (Linux: the kernel tells) and `TimerWatch` (anywhere: it says so
/// every period, and the owner's search finds out). When the kernel has no room for so many watches, or there
/// are more folders than `Bounds.foldersMax`, the first gives way to the second for good, and `watch` says why.
///
/// It promises a call after every change that a search begun later could see, at the latest `Bounds.gathering`
/// after it, and at most one call in that time. It does not promise what changed, nor that anything did. What is no
/// entry of the watched folders themselves (the target of a link elsewhere, another machine's writes on a network
/// file system) is not noticed: search now and then all the same. Nothing is called once it is gone, except what
/// is on its way already.
package final class FolderWatch: Sendable {
    /// How long and how much.
    package struct Bounds: Sendable {
        /// Changes within this time are told together, at its end.
        package var gathering: Duration
        /// Between two calls where nobody tells.
        package var period: Duration
        /// More folders than this are not watched one by one; each costs the kernel about 1 KB.
        package var foldersMax: Int

        package init(gathering: Duration, period: Duration, foldersMax: Int) {
            self.gathering = gathering
            self.period = period
            self.foldersMax = foldersMax
        }
    }

    private struct State {
        var way: any WatchWay
        /// Not yet told to the owner.
        var trouble: SystemError?
        var kind: FolderWatchKind
    }

    private let bounds: Bounds
    private let changed: @Sendable () -> Void
    private let state: Guarded<State>

    /// `changed` is called on a queue of this watch's own and hands over to its owner's; it must not wait.
    package init(_ kind: FolderWatchKind = .preferred, _ bounds: Bounds, changed: @escaping @Sendable () -> Void) {
        self.bounds = bounds
        self.changed = changed
        do throws(SystemError) {
            state = Guarded(State(way: try kind.start(bounds, changed), kind: kind))
        } catch {
            state = Guarded(State(way: TimerWatch(bounds.period, changed), trouble: error, kind: .timer))
        }
    }

    /// The way in use.
    package var kind: FolderWatchKind { state.withLock { $0.kind } }

    /// Watches these folders from now on, and no others. Of each root that is not among them, the nearest folder
    /// above that exists is watched until the root appears.
    ///
    /// Call it after every search, with what it visited: a folder that was not watched before counts as a change,
    /// because its contents may have changed between search and watch. Returns why the kernel's way was given up,
    /// once.
    package func watch(_ folders: [String], roots: [String]) -> SystemError? {
        state.withLock { watch(folders, roots, &$0) }
    }

    private func watch(_ folders: [String], _ roots: [String], _ state: inout State) -> SystemError? {
        do throws(SystemError) {
            try state.way.watch(folders, roots: roots)
        } catch {
            state.trouble = error
            state.kind = .timer
            state.way = TimerWatch(bounds.period, changed)
        }
        let trouble = state.trouble
        state.trouble = nil
        return trouble
    }
}

/// Which of the two ways to use.
package enum FolderWatchKind: Sendable, CaseIterable {
    #if os(Linux)
    case inotify
    #endif
    case timer

    package static var preferred: FolderWatchKind {
        #if os(Linux)
        .inotify
        #else
        .timer
        #endif
    }

    fileprivate func start(
        _ bounds: FolderWatch.Bounds, _ changed: @escaping @Sendable () -> Void
    ) throws(SystemError) -> any WatchWay {
        switch self {
        #if os(Linux)
        case .inotify: try InotifyWatch(gathering: bounds.gathering, watchesMax: bounds.foldersMax, changed)
        #endif
        case .timer: TimerWatch(bounds.period, changed)
        }
    }
}

/// What stands behind a `FolderWatch`. It ends with its last reference, and leaves nothing open.
protocol WatchWay: AnyObject, Sendable {
    /// Replaces what is watched. An error means that this way cannot go on.
    func watch(_ folders: [String], roots: [String]) throws(SystemError)
}

/// Says every period that something may have changed.
final class TimerWatch: WatchWay {
    private struct State {
        let source: any DispatchSourceTimer
    }

    private let state: Guarded<State>

    init(_ period: Duration, _ changed: @escaping @Sendable () -> Void) {
        let source = DispatchSource.makeTimerSource(queue: DispatchQueue(label: "tally.watch"))
        let interval = DispatchTimeInterval.milliseconds(Int(clamping: period.wholeMilliseconds))
        source.schedule(deadline: .now() + interval, repeating: interval, leeway: .milliseconds(10))
        source.setEventHandler(handler: changed)
        source.activate()
        state = Guarded(State(source: source))
    }

    deinit { state.withLock { $0.source.cancel() } }

    /// The owner searches everything anyway.
    func watch(_ folders: [String], roots: [String]) throws(SystemError) {}
}
