import Foundation
import TallyGateway
import TallyHTTP
import TallyIO
import TallyModel
import TallyWire
import Testing

/// What operators type and what programs read.
@Suite("Gateway commands")
struct CommandTests {
    @Test("Enroll prints exactly one line that connects, and refuses what it cannot print")
    func enroll() throws {
        let rig = try Rig(starts: false)
        try rig.done(.tenantCreate(name: "acme", plan: "pro", retentionDays: nil))
        let early = rig.call(.enroll(tenant: "acme", workstation: "laptop"))
        #expect(early.exitCode == 1)
        #expect(early.output == "")
        #expect(early.failure?.contains("--listen") == true)
        try rig.start()
        let line = try rig.done(.enroll(tenant: "acme", workstation: "laptop"))
        #expect(line.filter(\.isNewline).count == 1 && line.hasSuffix("\n"))
        let words = line.dropLast().split(separator: " ").map(String.init)
        try #require(words.count == 7)
        #expect(words[..<2] == ["tally", "connect"])
        #expect(words[2] == "\(try rig.gateway.address)")
        #expect(words[3] == "--token" && words[5] == "--ca")
        #expect(words[4].hasPrefix("tg_") && words[4].allSatisfy { $0.isLetter || $0.isNumber || $0 == "_" })
        #expect(words[4].count >= 3 + 43, "256 bits")
        #expect(FileManager.default.contents(atPath: words[6]) != nil)
        // The token is stored as a hash alone.
        rig.stop()
        let catalog = try #require(FileManager.default.contents(atPath: rig.path + "/catalog.sqlite"))
        #expect(catalog.range(of: Data(words[4].utf8)) == nil)
        #expect(!rig.log.text.contains(words[4]))
        let again = rig.call(.enroll(tenant: "acme", workstation: "laptop"))
        #expect(again.exitCode == 1 && again.output == "")
        #expect(rig.call(.enroll(tenant: "nobody", workstation: "x")).failure?.contains("tenant") == true)
        // Stopped, it still names the last address.
        #expect(try rig.done(.enroll(tenant: "acme", workstation: "desk")).contains(words[2]))
    }

    @Test("A command answers the same through the socket and under the lock")
    func socketAndLock() throws {
        let rig = try Rig()
        _ = try rig.enroll("acme", "one")
        let requests: [AdminRequest] = [
            .tenantList, .tenantShow(name: "acme"), .workstationList(tenant: "acme"), .tenantShow(name: "NO"),
            .workstationRevoke(tenant: "acme", workstation: "nobody"), .verify(tenant: "acme"),
        ]
        let running = requests.map { rig.call($0, .json) }
        rig.stop()
        #expect(requests.map { rig.call($0, .json) } == running)
    }

    @Test("Usage prints the JSON of the documentation, its fields in order, and CSV with the same numbers")
    func usageShape() throws {
        let rig = try Rig()
        var spool = Spool(token: try rig.enroll())
        let empty = try rig.done(usage(by: ["day"]), .json).filter { $0 != " " }
        let zeros =
            #""events":0,"input_tokens":0,"cache_read_tokens":0,"cache_write_5m_tokens":0,"cache_write_1h_tokens":0,"#
            + #""cache_write_unknown_tokens":0,"output_tokens":0,"reasoning_tokens":0,"web_searches":0,"#
            + #""cost_nano_usd":0,"subscription_cost_nano_usd":0,"reported_cost_nano_usd":0,"unpriced_events":0,"#
            + #""first_ms":null,"last_ms":null"#
        #expect(
            empty == #"{"tenant":"acme","by":["day"],"rows":[],"totals":{"# + zeros
                + #"},"gaps":{"events":0,"reported_cost_nano_usd":0}}"# + "\n")
        let peer = try rig.peer()
        try peer.open(spool.hello())
        var events = try plainEvents(2, at: 1_795_200_000_000)
        events[1].model = Label("no-such-model")
        events[1].reportedCostNanoUSD = 42
        events[1].project = ProjectID(Bytes16(high: 1, low: 2))
        peer.send(.batch(try spool.batch(events)))
        try peer.ack(through: 2)
        // 1,000 input tokens at $5 and 100 output tokens at $25 a million.
        let first =
            #"{"key":"claude-opus-4-8","events":1,"input_tokens":1000,"cache_read_tokens":0,"#
            + #""cache_write_5m_tokens":0,"cache_write_1h_tokens":0,"cache_write_unknown_tokens":0,"#
            + #""output_tokens":100,"reasoning_tokens":0,"web_searches":0,"cost_nano_usd":7500000,"#
            + #""subscription_cost_nano_usd":0,"reported_cost_nano_usd":0,"unpriced_events":0,"#
            + #""first_ms":1795200000000,"last_ms":1795200000000}"#
        let json = try rig.done(usage(by: ["model"]), .json).filter { $0 != " " }
        #expect(json.contains(first), "\(json)")
        let both = try rig.usage(by: ["project", "day"])
        #expect(
            both.rows.compactMap(\.keys) == [
                [nil, "2026-11-20"], ["00000000-0000-0001-0000-000000000002", "2026-11-20"],
            ])
        #expect(both.rows.allSatisfy { $0.key == nil })
        #expect(both.totals.unpriced_events == 1 && both.totals.reported_cost_nano_usd == 42)
        let csv = try rig.done(usage(by: ["model"]), .csv)
        let lines = csv.split(separator: "\r\n")
        #expect(lines.count == 3)
        #expect(
            lines[1]
                == "claude-opus-4-8,1,1000,0,0,0,0,100,0,0,7500000,0,0,0,1795200000000,1795200000000")
        #expect(try rig.usage(model: "no-such-model").totals.events == 1)
        #expect(try rig.usage(workstation: "laptop").totals.events == 2)
        #expect(rig.call(.tenantList, .csv).exitCode == 1)
        let wrong = rig.call(usage(by: ["colour"]))
        #expect(wrong.exitCode == 1 && wrong.failure?.contains("dimension") == true)
        // A gateway and a workstation disagree about nothing else: the line of a log has its whole time.
        let line = try #require(rig.log.all.first { $0.contains("stream opened") })
        #expect(line.prefixMatch(of: /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z info stream opened/) != nil, "\(line)")
    }

    private func usage(by: [String], timezone: String? = nil, since: String? = nil) -> AdminRequest {
        .usage(
            UsageArguments(
                tenant: "acme", by: by, since: since, until: nil, timezone: timezone, model: nil, workstation: nil))
    }

    @Test("Days and hours are cut in the zone that was asked for, and instants are read in it")
    func zones() throws {
        let rig = try Rig()
        var spool = Spool(token: try rig.enroll())
        let peer = try rig.peer()
        try peer.open(spool.hello())
        // 2026-11-20T18:40:00Z is the 21st in Kathmandu (+05:45).
        let ms: Int64 = 1_795_200_000_000
        let day = try plainEvents(1, at: ms)
        peer.send(.batch(try spool.batch(day)))
        try peer.ack(through: 1)
        let utc = try rig.usage(by: ["day"])
        #expect(utc.rows.map(\.key) == ["2026-11-20"])
        #expect(try rig.usage(by: ["day"], timezone: "Asia/Kathmandu").rows.map(\.key) == ["2026-11-21"])
        #expect(
            try rig.usage(by: ["hour"], timezone: "Asia/Kathmandu").rows.map(\.key) == ["2026-11-21T00:00:00+05:45"])
        #expect(try rig.usage(since: "2026-11-21", timezone: "Asia/Kathmandu").totals.events == 1)
        #expect(try rig.usage(since: "2026-11-21").totals.events == 0)
        #expect(try rig.usage(since: "2026-11-20T18:40:00Z", until: "2026-11-20T18:40:00.001Z").totals.events == 1)
        #expect(try rig.usage(since: "2026-11-20T18:40:00.001Z").totals.events == 0)
        #expect(try rig.usage(since: "2026-11-20T20:40:00+02:00").totals.events == 1)
        for wrong in ["yesterday", "2026-13-01", "2026-02-30", "-5", "12"] {
            let reply = rig.call(usage(by: ["day"], since: wrong))
            #expect(reply.exitCode == 1 && reply.failure?.contains("instant") == true, "\(wrong)")
        }
        let zone = rig.call(usage(by: ["day"], timezone: "Mars/Olympus"))
        #expect(zone.exitCode == 1 && zone.failure?.contains("time zone") == true)
    }

    @Test("Metrics, health and readiness are served over HTTP, one request a connection, and rubbish is refused")
    func http() throws {
        let rig = try Rig(metricsServer: true)
        var spool = Spool(token: try rig.enroll())
        let peer = try rig.peer()
        try peer.open(spool.hello())
        peer.send(.batch(try spool.batch(plainEvents(7))))
        try peer.ack(through: 7)
        #expect(eventually { rig.viewsOrdinal == 3 })
        let port = try #require(try rig.gateway.metricsAddress?.port)
        let target = try #require(HostPort(host: "127.0.0.1", port: port))
        func ask(_ text: String) throws -> String {
            let connection = try RawConnection(to: target)
            connection.send(text)
            return connection.readAll()
        }
        // The keeper notes how far the views are right after others can see it.
        let isCaughtUp = try eventually {
            try ask("GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n").contains("tallygate_views_lag_records 0\n")
        }
        #expect(isCaughtUp)
        let metrics = try ask("GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
        #expect(metrics.hasPrefix("HTTP/1.1 200 OK\r\n"))
        #expect(metrics.contains("tallygate_events_committed_total 7\n"))
        #expect(metrics.contains("tallygate_live_streams 1\n"))
        #expect(metrics.contains("tallygate_connections 1\n"))
        #expect(metrics.contains("tallygate_ready 1\n"))
        #expect(try ask("GET /healthz HTTP/1.0\r\n\r\n").hasSuffix("\r\n\r\nok\n"))
        #expect(try ask("GET /readyz HTTP/1.1\r\nHost: x\r\n\r\n").hasSuffix("ready\n"))
        #expect(try ask("HEAD /metrics HTTP/1.1\r\nHost: x\r\n\r\n").hasSuffix("\r\n\r\n"))
        #expect(try ask("GET /secret HTTP/1.1\r\nHost: x\r\n\r\n").hasPrefix("HTTP/1.1 404"))
        #expect(try ask("POST /metrics HTTP/1.1\r\nHost: x\r\n\r\n").hasPrefix("HTTP/1.1 405"))
        #expect(try ask("GET /metrics HTTP/1.1\nHost: x\n\n\r\n\r\n").hasPrefix("HTTP/1.1 400"))
        #expect(try ask("GET /" + String(repeating: "x", count: 9_000)).hasPrefix("HTTP/1.1 431"))
        // A connection that says nothing keeps the next one waiting two seconds at most.
        let stalled = try RawConnection(to: target)
        stalled.send("GET /me")
        let started = Date()
        #expect(try ask("GET /healthz HTTP/1.0\r\n\r\n").hasSuffix("ok\n"))
        #expect(Date().timeIntervalSince(started) < 4)
        _ = stalled
    }

    @Test("The views' lag is told as it is while they are held back")
    func lag() throws {
        let rig = try Rig(faults: Faults(viewsDelay: .seconds(60)), metricsServer: true)
        var spool = Spool(token: try rig.enroll())
        let peer = try rig.peer()
        try peer.open(spool.hello())
        for _ in 0..<3 { peer.send(.batch(try spool.batch(plainEvents(7)))) }
        try peer.ack(through: 21)
        let port = try #require(try rig.gateway.metricsAddress?.port)
        let connection = try RawConnection(to: try #require(HostPort(host: "127.0.0.1", port: port)))
        connection.send("GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
        // The epoch, the stream and three batches.
        #expect(connection.readAll().contains("tallygate_views_lag_records 5\n"))
    }

    @Test("A stalled caller of the folder's socket keeps nobody waiting")
    func stalledCaller() throws {
        let rig = try Rig()
        let stalled = try UnixSocketCaller(folder: rig.path)
        let started = Date()
        _ = try rig.done(.tenantList)
        #expect(Date().timeIntervalSince(started) < 5)
        rig.stop()
        #expect(Date().timeIntervalSince(started) < 8)
        stalled.keep()
    }
}
