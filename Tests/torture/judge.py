"""After the faults: everything drains, and then every figure, file and answer is held against the journal."""

import json
import os
import sys
import time

from journal import FIGURES, differences

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "oracle"))
import oracle  # noqa: E402

DRAINED_WITHIN = 240.0
AT_ONCE = 4


def drain(world):
    """I13: faults have stopped; every workstation delivers everything. A list of complaints."""
    deadline = world.now() + DRAINED_WITHIN
    queue = [w for w in world.workstations if w.tenant not in world.deleted]
    statuses = {}

    def one():
        while queue:
            w = queue.pop()
            if not w.is_enrolled and not (yield from w.enrol(within=60)):
                world.complain("I13 %s cannot be enrolled again" % w.name)
                continue
            code = words = None
            for _ in range(6):
                command = w.command("sync", "--wait", "%g" % world.patience)
                yield command.ended(3 * world.patience)
                code, _, errors = command.finish()
                words = errors.strip()[-300:]
                if code == 0:
                    world.settled(w.name)
                    break
                world.timeline.note("sync exit %s" % code, words, w.name)
                yield 0.5
            if code != 0:
                world.complain("I13 %s does not drain: sync ends with %s: %s" % (w.name, code, words))
            status = yield from w.status()
            if status is not None:
                statuses[w.name] = status

    world.loop.run_all([one() for _ in range(AT_ONCE)], deadline)
    for w in world.workstations:
        if w.tenant not in world.deleted and w.name not in statuses:
            world.complain("I13 %s has not drained within %d s" % (w.name, DRAINED_WITHIN))
    return statuses


def call(world, *words):
    """An operator's command, waited for: (code, output, errors)."""
    command = world.gateway.command(*words)

    def story():
        yield command.ended(120)

    world.loop.run_all([story()], world.now() + 130)
    return command.finish()


def call_tally(world, *words):
    """The same of a workstation's command."""
    command = world.workstations[0].command(*words)

    def story():
        yield command.ended(30)

    world.loop.run_all([story()], world.now() + 40)
    return command.finish()


def usage(world, tenant, by):
    code, output, errors = call(world, "usage", "--tenant", tenant, "--by", by, "--json")
    if code != 0:
        world.complain("usage of %s ends with %s: %s" % (tenant, code, errors.strip()))
        return None
    return json.loads(output)


def figures(row):
    return {name: row[name] for name in FIGURES}


def rows_of(world, tenant, report):
    """(workstation, session, model) → figures, a copied session's rows under the session that it copies."""
    families = {}
    for w in world.of_tenant(tenant):
        families.update(w.author.families)
    rows = {}
    for row in report["rows"]:
        workstation, session, model = row["keys"]
        key = (workstation, families.get(session, session), model)
        found = figures(row)
        if key in rows:
            found = {name: rows[key][name] + found[name] for name in FIGURES}
        rows[key] = found
    return rows


class Report:
    """What was found, invariant by invariant."""

    def __init__(self, world):
        self.world = world
        self.lines = []

    def say(self, name, how, problems):
        for problem in problems:
            if problem not in self.world.complaints:
                self.world.complain("%s %s" % (name, problem))
        self.lines.append((name, "FAIL" if problems else "ok", how))

    def leave(self, name, why):
        self.lines.append((name, "-", why))


TOKENS = ("input_tokens", "cache_read_tokens", "cache_write_5m_tokens", "cache_write_1h_tokens",
          "cache_write_unknown_tokens", "output_tokens")


def compare(world, tenant, report, statuses, problems):
    """The ledger's figures of one tenant against the journal: every row, and the total."""
    expected, found = world.journal.rows(tenant), rows_of(world, tenant, report)
    is_whole = True
    for w in world.of_tenant(tenant):
        shown = shown_difference(statuses.get(w.name))
        if shown is None or w.name not in world.watch.exempted:
            continue
        # A home was lost, set back or copied in the middle of a call: the difference that adoption shows is the
        # one that there is, and no event is missing or double.
        mine = [{k: v for k, v in rows.items() if k[0] == w.label} for rows in (expected, found)]
        tokens = [sum(row[name] for row in rows.values() for name in TOKENS) for rows in mine]
        events = [sum(row["events"] for row in rows.values()) for rows in mine]
        if tokens[1] - tokens[0] == shown and events[0] == events[1]:
            world.shown_differences.append((w.name, shown))
            is_whole = False
            for rows in (expected, found):
                for key in [k for k in rows if k[0] == w.label]:
                    del rows[key]
    for line in differences(expected, found):
        problems.append("%s: %s" % (tenant, line))
    if is_whole:
        for line in differences({"total": world.journal.total(tenant)}, {"total": figures(report["totals"])}):
            problems.append("%s: %s" % (tenant, line))


def shown_difference(status):
    """Tokens that a workstation shows as counted more than its sources tell, or, negative, less; None if none."""
    shown = (status or {}).get("counted_before") or {}
    difference = shown.get("surplus_tokens", 0) - shown.get("missing_tokens", 0)
    return difference or None


def ask_oracle(world, tenant):
    """The oracle over the transcripts themselves against the journal: the judge is judged too."""
    homes = world.of_tenant(tenant)
    events = oracle.count_all([w.claude for w in homes], [w.codex for w in homes])
    found = {row["key"]: figures(row) for row in oracle.report(events)["rows"]}
    return ["%s: %s" % (tenant, line) for line in differences(world.journal.models(tenant), found)]


def judge(world, statuses):
    report = Report(world)
    live = [t for t in world.tenants if t not in world.deleted]
    began = time.monotonic()
    running = {t: usage(world, t, "workstation,session,model") for t in live}
    counted = []
    for tenant in live:
        if running[tenant] is None:
            counted.append("%s: no report" % tenant)
        else:
            compare(world, tenant, running[tenant], statuses, counted)
    shown = ""
    if world.shown_differences:
        shown = "; of %d workstations whose home was meddled with the difference is the one they show" % len(
            world.shown_differences)
    report.say("I1", "each call once: usage by workstation, session and model = journal, %d tenants%s" % (
        len(live), shown), counted)

    given_up = []
    for tenant in live:
        gaps = (running[tenant] or {}).get("gaps", {})
        if gaps.get("events"):
            given_up.append("%s: gaps of %d events" % (tenant, gaps["events"]))
    for name, status in statuses.items():
        for what in ("waiting", "dead_letters", "gaps"):
            if status[what]:
                given_up.append("%s: %s %d" % (name, what, status[what]))
        # A home that was lost or set back has lost its count of what it left out, too.
        old = world.journal.left_out(*name.split("/"))
        if status["too_old"] != old and name not in world.watch.exempted:
            given_up.append("%s: %d events left out as too old, should be %d" % (name, status["too_old"], old))
    judged = [line for tenant in live for line in ask_oracle(world, tenant)]
    report.say("I2", "generated = ledger + gaps + spool + dead letters (the last three 0) + %d left out as too old; the "
               "oracle over all transcripts agrees with the journal" % sum(s["too_old"] for s in statuses.values()), given_up + judged)

    lost = ["%s: acknowledged %d, but %d was promised" % (n, s["acknowledged"], world.watch.floor(n))
            for n, s in statuses.items() if s["acknowledged"] < world.watch.floor(n)]
    held = "%d statuses, %d WELCOMEs held against %d later ones" % (
        world.watch.samples, world.watch.welcomes, world.watch.checked)
    early = [c for c in world.complaints if c.startswith("I3")]
    report.say("I3", "what `tally status` showed as acknowledged is committed in every later gateway: " + held,
               lost + early)
    report.say("I4", "what a WELCOME said (gateway log) is committed in every later gateway", early)
    report.say("I5", "committed never goes back within an epoch (gateway log)", early)

    code, output, errors = call(world, "verify", "--json")
    problems = [] if code == 0 else ["verify ends with %s: %s%s" % (code, output[-1500:], errors[-500:])]
    report.say("I6", "verify: sequences without hole or overlap; each spool's acknowledged = spooled", problems + [
        "%s: acknowledged %d of %d" % (n, s["acknowledged"], s["spooled"])
        for n, s in statuses.items() if s["acknowledged"] != s["spooled"]])
    report.say("I7", "verify: chain over decoded rows = stored; the client's = the gateway's at each HELLO", problems)

    world.loop.run_all([world.gateway.stop()], world.now() + 60)
    stopped = [] if world.gateway.program is None else ["the gateway does not stop"]
    for tenant in live:
        again = usage(world, tenant, "workstation,session,model")
        if again != running[tenant]:
            stopped.append("%s: usage with the gateway stopped differs" % tenant)
    for tenant_folder in os.scandir(os.path.join(world.gateway_data, "tenants")):
        for name in ("views.sqlite", "views.sqlite-wal", "views.sqlite-shm"):
            path = os.path.join(tenant_folder.path, name)
            if os.path.exists(path):
                os.unlink(path)
    for tenant in live:
        again = usage(world, tenant, "workstation,session,model")
        if again != running[tenant]:
            stopped.append("%s: usage without any views differs" % tenant)
    report.say("I8", "verify: every cell; usage is the same with the gateway stopped, and again with all views deleted",
               problems + stopped)
    apart(world, report, running, live)
    report.leave("I10", "verify decodes every body and it is canonical; the rest in simulation")
    report.leave("I11", "no double count after %d frozen and resumed processes; the rest in simulation"
                 % (world.timeline.counts["freeze tally"]))
    report.leave("I12", "in simulation; the gateway's peak here was %.0f MB" % (world.gateway.peak_bytes / 1e6))
    report.say("I13", "%d workstations drained once the faults had stopped" % len(statuses),
               [c for c in world.complaints if c.startswith("I13")])
    report.say("I14", "gaps and dead letters are 0; events older than the retention are counted as such, each", given_up)
    report.leave("I15", "in simulation")
    put_back = world.timeline.counts["gateway put back"]
    if put_back:
        report.say("I16", "the gateway's folder was put back %d times; the sums are whole" % put_back, counted)
    else:
        report.leave("I16", "the gateway's folder was not put back in this run")
    gone(world, report)
    world.judged_seconds = time.monotonic() - began
    return report


def files_below(folder):
    for base, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(base, name)
            if os.path.isfile(path) and not os.path.islink(path):
                yield path


def contents(path):
    with open(path, "rb") as f:
        return f.read()


def session_bytes(session):
    return bytes.fromhex(session.replace("-", ""))


def apart(world, report, running, live):
    """I9, and that no word of any transcript is anywhere."""
    import transcripts
    problems, owners, seen_own = [], {}, 0
    # Which folder is whose is not said by any command: a folder belongs to whoever's sessions fill it.
    markers = {t: [session_bytes(s) for s in world.journal.sessions(t)] for t in live}
    for entry in os.scandir(os.path.join(world.gateway_data, "tenants")):
        data = b"".join(contents(p) for p in files_below(entry.path))
        found = {t: sum(1 for m in markers[t] if m in data) for t in live}
        holders = [t for t in live if found[t]]
        seen_own += sum(found.values())
        if len(holders) > 1:
            problems.append("%s holds sessions of %s" % (entry.name, holders))
        for t in holders:
            if owners.setdefault(t, entry.name) != entry.name:
                problems.append("sessions of %s in two folders" % t)
    for tenant in live:
        for row in (running[tenant] or {"rows": []})["rows"]:
            if not row["keys"][0].startswith(tenant.replace("tenant", "t")):
                problems.append("%s: its report names %s" % (tenant, row["keys"][0]))
    if live and not seen_own:
        problems.append("no session was found in its own tenant's files, so this search cannot fail")
    with open(world.gateway.log, errors="replace") as f:
        for line in f:
            if "tenant=" in line and "workstation=" in line:
                tenant = line.split("tenant=")[1].split()[0]
                label = line.split("workstation=")[1].split()[0]
                if tenant in world.tenants and not label.startswith(tenant.replace("tenant", "t")):
                    problems.append("log: " + line.strip())
    canary = transcripts.CANARY.encode()
    searched = [world.gateway_data] + [w.home for w in world.workstations]
    for folder in searched:
        for path in files_below(folder):
            if canary in contents(path):
                problems.append("content of a transcript in %s" % path)
    for path in [world.gateway.log] + [w.log for w in world.workstations if os.path.exists(w.log)]:
        if canary in contents(path):
            problems.append("content of a transcript in %s" % path)
    report.say("I9", "no session id of one tenant in another's folder, report or log lines (%d of its own found); "
               "no canary of content in any file or log" % seen_own, problems)


def gone(world, report):
    if not world.deleted:
        report.leave("I17", "no tenant was deleted in this run")
        return
    problems = []
    for path in files_below(world.gateway_data):
        data = contents(path)
        for tenant, marks in world.deleted.items():
            hits = [m for m in marks if m in data]
            if hits:
                problems.append("%s: %d marks of it in %s, such as %r" % (tenant, len(hits), path, hits[0]))
    _, output, _ = call(world, "tenant", "list", "--json")
    problems += ["%s is still listed" % t for t in world.deleted if '"%s"' % t in output]
    report.say("I17", "%d deleted tenants: no name, label, session or stream of theirs in any file of the data folder"
               % len(world.deleted), problems)
