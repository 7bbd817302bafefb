"""The mutation gate: plants known mistakes into the shipped sources, one at a time, and lets the simulation look for them.

    make mutants                         all of them
    make mutants ARGS="no-fencing ..."   some of them

Each mutant is one or a few replacements of text in Sources. A copy of the tree is built with it, and worlds are run from
seed 1 until one fails. A mutant that survives its number of seeds fails the gate; so does an unpatched control that fails,
and a patch whose text is no longer there.
"""

import filecmp
import os
import re
import shutil
import subprocess
import sys
import time

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
SCRATCH = os.environ.get("MUTANTS_SCRATCH", os.path.join(ROOT, ".build-mutants"))
LOG = "Sources/TallyLog/Log/"
LEDGER = "Sources/TallyGateway/Ledger/"
SPOOL = "Sources/TallyWorkstation/Spool/"
UPLINK = "Sources/TallyWorkstation/Uplink/"
PROTOCOL = "Sources/TallyProtocol/"

# name, what is wrong, seeds within which it must be found, [(file, text, replacement)]
MUTANTS = [
    ("no-dedupe", "the counter sends every copy of a line", 100, [
        ("Sources/TallyWorkstation/Counting/Counter+Requests.swift",
         "        guard let number = row(of: fact) else {\n            let event = fact.usage()",
         "        guard let number: Int = nil else {\n            let event = fact.usage()")]),
    ("ack-before-commit", "the appender tells of appends before its barrier", 100, [
        (LEDGER + "LedgerCore+Commit.swift", "            if !written.isEmpty { outcome.barrier = try makeDurable(written) }",
         "            if !written.isEmpty { outcome.barrier = .eachSegment }"),
        (LEDGER + "LedgerCore+Commit.swift", "            if !box.desk.ledger.isDirty, settle(box, now: now)",
         "            if settle(box, now: now)")]),
    ("no-rewrite-on-recovery", "what is found behind the durable end is believed without being written again", 500, [
        (LOG + "LogOpening.swift", "        if known < scan.ordinal || tail.isDirty {", "        if tail.isDirty {")]),
    ("sync-without-flush", "a ledger is synced without its buffer being written", 100, [
        (LOG + "SegmentLog.swift", "        do throws(SystemError) { try file.sync() } catch { throw poison(with: error) }\n        durable = flushed\n        return durable",
         "        durable = flushed\n        return durable")]),
    ("drop-batch-on-reject", "a rejected batch is dropped whole, not the rejected events", 300, [
        (PROTOCOL + "WorkstationSession+Sending.swift",
         "        let first = reject.first.advanced(by: UInt64(reject.index))\n        let run = first...first.advanced(by: UInt64(reject.run) - 1)",
         "        let first = reject.first\n        let run = first...first.advanced(by: count - 1)")]),
    ("no-chain-check", "streams are resumed by their numbers alone", 1000, [
        (PROTOCOL + "WorkstationSession+Resume.swift",
         "            return ours == welcome.committed.chain ? agreed() : differs()",
         "            return ours.value != 0 ? agreed() : differs()"),
        (PROTOCOL + "GatewaySession.swift", "        isForked = differs(hello, at: committed)", "        isForked = false"),
        (PROTOCOL + "GatewaySession+Batches.swift", "        last == committed.sequence && chainAfter != committed.chain", "        false"),
        ("Sources/TallyGateway/Ledger/LedgerDesk.swift", " batch.chainBefore == stream.chain else { return nil }", " true else { return nil }")]),
    ("no-fencing", "an append of a superseded connection is taken", 500, [
        (LEDGER + "LedgerDesk.swift",
         "        guard let live = live[ticket.number], live.generation == ticket.generation else { return false }\n        return connection.map { $0 == live.connection } ?? true",
         "        return live[ticket.number] != nil")]),
    ("checkpoint-apart", "events are written without the reading positions that belong to them", 200, [
        (SPOOL + "Spool.swift", "        var local = SpoolLocal(tooOld: state.tooOld, totals: cursor.totals)\n        local.delta = delta",
         "        var local = SpoolLocal(tooOld: state.tooOld, totals: cursor.totals)\n        local.delta = events.isEmpty ? delta : []")]),
    ("one-cursor", "what was accepted counts as committed", 1000, [
        (PROTOCOL + "GatewaySession+Batches.swift",
         "        if last <= committed.sequence { return .committed }\n        if last <= accepted.sequence { return .dropped }",
         "        if last <= accepted.sequence { return .committed }"),
        (PROTOCOL + "GatewaySession.swift", "            committed: committed.sequence, chain: committed.chain, credit: grant(), backedUpThrough: backedUpThrough)",
         "            committed: accepted.sequence, chain: accepted.chain, credit: grant(), backedUpThrough: backedUpThrough)")]),
    ("resurrected-tail", "a torn tail is kept behind what is written again, and a record believed without its link", 2000, [
        (LOG + "LogOpening.swift", "        try put { () throws(SystemError) in try file.writeZeros(at: written, count: zeros) }",
         "        try put { () throws(SystemError) in\n            try file.writeZeros(at: written, count: zeros)\n"
         "            var tail: [UInt8] = []\n"
         "            if !scan.isSealed {\n"
         "                try source.file.read(at: scan.bytes, count: max(0, scan.fileBytes - scan.bytes), into: &tail)\n"
         "            }\n            try file.write(tail.span, at: written)\n        }"),
        (LOG + "SegmentScanner.swift", "            found.ordinal == ordinal, found.previousChecksum == previousChecksum\n", "            found.ordinal == ordinal\n"),
        (LOG + "LogOpening.swift", "        guard source.previousChecksum == scan.scanner.previousChecksum else {", "        guard true else {")]),
    ("skip-without-chain", "a gap is recorded with the chain value from before it", 300, [
        (LEDGER + "LedgerDesk.swift", "        draft.chainAfter = skip.chainAfter", "        draft.chainAfter = append.chainBefore"),
        (LEDGER + "LedgerDesk.swift", "reason: skip.reason.rawValue, first: skip.first, last: skip.last, chainAfter: skip.chainAfter,",
         "reason: skip.reason.rawValue, first: skip.first, last: skip.last, chainAfter: append.chainBefore,")]),
    ("views-ahead", "the views take in what no barrier covers", 300, [
        ("Sources/TallyGateway/Views/ViewsDesk.swift", "            delta.streams = result.streams\n            _ = try views.apply(delta)",
         "            delta.streams = result.streams\n            _ = try views.apply(delta)\n            delta.after = through\n            delta.through.ordinal += 1\n            delta.cells = []\n            delta.gaps = []\n            _ = try views.apply(delta)")]),
    ("epoch-not-raised", "a store that lost acknowledged data keeps its epoch", 1000, [
        (PROTOCOL + "GatewaySession.swift", "        if told > claim.committed.sequence, hello.storeEpoch == claim.storeEpoch {", "        if told > claim.committed.sequence, hello.storeEpoch == claim.storeEpoch, told == .zero {")]),
    ("welcome-before-barrier", "a claim is answered before the barrier", 300, [
        (LEDGER + "LedgerCore+Commit.swift", "        let written = dirty.elements.filter { desks[$0]?.desk.ledger.isDirty ?? false }",
         "        let written = dirty.elements.filter { (desks[$0]?.desk.ledger.isDirty ?? false) && (desks[$0]?.desk.claims.isEmpty ?? false) }"),
        (LEDGER + "LedgerCore+Commit.swift", "            if !box.desk.ledger.isDirty, settle(box, now: now)",
         "            if !box.desk.ledger.isDirty || !box.desk.claims.isEmpty, settle(box, now: now)")]),
    ("trim-before-acknowledged", "segments are trimmed although their events are not acknowledged", 300, [
        (SPOOL + "Spool.swift", "            guard next.tip.sequence <= state.acknowledged.sequence else { return nil }\n",
         "            guard next.tip.sequence <= state.tip.sequence else { return nil }\n")]),
    ("adoption-ignored", "a stream opened after lost state sends everything again", 300, [
        (UPLINK + "UplinkCore+Adoption.swift", "        guard state.adoption != .none else { return true }",
         "        guard state.adoption.bornMs == -1 else { return true }")]),
    ("sent-before-durable", "the workstation sends what its spool has not synced", 500, [
        (SPOOL + "Spool.swift", "        do throws(LogError) { try log.sync() } catch { throw .log(error) }\n        unsyncedBytes = 0",
         "        do throws(LogError) { try log.flush() } catch { throw .log(error) }\n        unsyncedBytes = 0")]),
    ("sync-retried", "a failed sync is tried again, and believed", 500, [
        (LOG + "SegmentLog.swift", "        do throws(SystemError) { try file.sync() } catch { throw poison(with: error) }\n        durable = flushed\n        return durable",
         "        do throws(SystemError) { try file.sync() } catch {\n            do throws(SystemError) { try file.sync() } catch { throw poison(with: error) }\n        }\n        durable = flushed\n        return durable")]),
    ("sums-unchecked", "a shard's sums go into the views although a batch of theirs was turned away", 300, [
        (LEDGER + "LedgerGrowth.swift",
         "sums.allSatisfy({ $0.book == book }),\n            sums.reduce(0, { $0 + $1.batches }) == foldedBatches, sums.reduce(0, { $0 + $1.events }) == foldedEvents\n",
         "sums.allSatisfy({ $0.book == book })\n")]),
    ("no-folder-sync", "a new segment's name is not made durable", 500, [
        (LOG + "SegmentBirth.swift", "            try disk.renameFile(name + SegmentName.temporarySuffix, to: name)\n            try disk.syncFolder()",
         "            try disk.renameFile(name + SegmentName.temporarySuffix, to: name)")]),
    ("credit-ignored", "the workstation sends beyond its credit", 300, [
        (PROTOCOL + "WorkstationSession+Sending.swift", "        let (edge, isOver) = acknowledged.value.addingReportingOverflow(UInt64(credit.events))",
         "        let (edge, isOver) = acknowledged.value.addingReportingOverflow(UInt64(credit.events) * 4)")]),
    ("damage-cut", "a record that something proves durable is cut as if it were a torn tail", 1000, [
        (LOG + "LogOpening.swift", "        if max(known, tail.durableThrough) > scan.ordinal {", "        if max(known, tail.durableThrough) > scan.ordinal, scan.ordinal == .max {")]),
]


def copy(source, target):
    """Makes `target` the same as `source`; what is the same already keeps its time, so that it is not built again."""
    if os.path.isdir(source):
        os.makedirs(target, exist_ok=True)
        names = set(os.listdir(source))
        for name in set(os.listdir(target)) - names:
            place = os.path.join(target, name)
            shutil.rmtree(place) if os.path.isdir(place) else os.remove(place)
        for name in sorted(names):
            copy(os.path.join(source, name), os.path.join(target, name))
    elif not os.path.exists(target) or not filecmp.cmp(source, target, shallow=False):
        shutil.copy(source, target)


def prepare():
    """A copy of the sources, with the build products of the last time."""
    os.makedirs(SCRATCH, exist_ok=True)
    for name in ["Package.swift", "Package.resolved", "Sources", "Tests", "bench", "fuzz", "protocol"]:
        if os.path.exists(os.path.join(ROOT, name)):
            copy(os.path.join(ROOT, name), os.path.join(SCRATCH, name))


def build():
    result = subprocess.run(
        ["swift", "build", "-c", "release", "--product", "tallysim"], cwd=SCRATCH, capture_output=True, text=True)
    return result.returncode == 0, result.stdout + result.stderr


def patch(changes):
    """Applies the replacements; returns what was there before, and the texts that are missing."""
    before, missing = {}, []
    for path, text, replacement in changes:
        place = os.path.join(SCRATCH, path)
        with open(place, encoding="utf-8") as file:
            content = file.read()
        before.setdefault(place, content)
        if content.count(text) != 1:
            missing.append(f"{path}: {text.strip().splitlines()[0]} ({content.count(text)} times)")
            continue
        with open(place, "w", encoding="utf-8") as file:
            file.write(content.replace(text, replacement))
    return before, missing


# What a whole world meets too seldom is looked for in logs alone: tallysim --log.
OF_LOGS = {"resurrected-tail"}


def hunt(seeds, of_logs=False):
    """Runs worlds until one fails: how many it took, and which invariant broke; None where all were clean."""
    env = dict(os.environ, SWIFT_BACKTRACE="enable=no", SWIFT_DETERMINISTIC_HASHING="1")
    program = os.path.join(SCRATCH, ".build", "release", "tallysim")
    result = subprocess.run(
        [program, "--seed", "1", "--runs", str(seeds), "--announce", "--repeat-every", "0"] + ["--log"] * of_logs,
        capture_output=True, text=True, errors="replace", env=env, timeout=1800)
    if result.returncode == 0:
        return None
    announced = re.findall(r"^seed (\d+)$", result.stdout, re.M)
    found = re.search(r"FAILED: (I\d+)", result.stdout)
    return int(announced[-1]), found.group(1) if found else "trap"


def main():
    wanted = sys.argv[1:]
    chosen = [mutant for mutant in MUTANTS if not wanted or mutant[0] in wanted]
    prepare()
    rows, failures = [], 0
    most = max(mutant[2] for mutant in chosen)
    is_good, text = build()
    if not is_good:
        print(text)
        return 1
    control = hunt(most)
    if control is not None:
        print(f"control: seed {control[0]} fails without any mutant ({control[1]})")
        return 1
    if hunt(most, of_logs=True) is not None:
        print("control: a log alone fails without any mutant")
        return 1
    print(f"control survives {most} seeds", flush=True)
    for name, what, seeds, changes in chosen:
        started = time.time()
        before, missing = patch(changes)
        if missing:
            verdict = "PATCH DOES NOT APPLY: " + "; ".join(missing)
            failures += 1
        else:
            is_good, text = build()
            if not is_good:
                errors = [line for line in text.split("\n") if "error:" in line][:2]
                verdict = "DOES NOT BUILD: " + " ".join(errors)
                failures += 1
            else:
                found = hunt(seeds, name in OF_LOGS)
                verdict = f"killed by seed {found[0]} ({found[1]})" if found else f"SURVIVES {seeds} seeds"
                failures += 0 if found else 1
                if found:
                    rows.append(f"| `{name}` | {what} | {seeds} | {found[0]} | {found[1]} |")
        for place, content in before.items():
            with open(place, "w", encoding="utf-8") as file:
                file.write(content)
        print(f"{name}: {verdict} ({time.time() - started:.0f} s)", flush=True)
    print("\n| mutant | what is wrong | within | seed | broken |\n|---|---|--:|--:|---|")
    print("\n".join(rows))
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
