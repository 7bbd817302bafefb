import TallySimulation
import TestEffort
import Testing

/// A few worlds of every kind in a debug build; `make simulate` runs ten thousand of them, and more.
@Suite("Simulation")
struct WorldTests {
    @Test("Whatever a seed brings, all seventeen invariants hold", arguments: 1...Effort.of(48) as ClosedRange<UInt64>)
    func worlds(seed: UInt64) throws {
        try expectClean(Plan.draw(seed))
    }

    @Test("The same seed gives the same trace", arguments: [3, 5, 8, 13, 21, 34] as [UInt64])
    func determinism(seed: UInt64) throws {
        let environment = try #require(environment)
        let hashes = (0..<2).map { _ in
            let world = World(Plan.draw(seed), environment)
            world.run()
            return world.trace.hash
        }
        #expect(hashes[0] == hashes[1])
    }

    @Test("A world without faults comes to rest with everything counted, real SQLite included")
    func quiet() throws {
        for seed in 1...4 as ClosedRange<UInt64> {
            var plan = quietPlan(seed, workstations: 3, [])
            plan.hasViews = true
            try expectClean(plan)
        }
    }
}

/// Promises, each in worlds where nothing else goes wrong.
@Suite("Promises in simulated worlds")
struct PromiseTests {
    @Test(
        "A workstation put back to a snapshot sends what came after it, and nothing of before a second time",
        arguments: 1...6 as ClosedRange<UInt64>)
    func rollback(seed: UInt64) throws {
        try expectClean(quietPlan(seed, [(.workstationRolledBack, 8), (.workstationRolledBack, 14)]))
    }

    @Test(
        "A clone of a workstation counts its own work, and what both have once", arguments: 1...6 as ClosedRange<UInt64>
    )
    func clone(seed: UInt64) throws {
        try expectClean(quietPlan(seed, [(.workstationCloned, 8), (.workstationCloned, 11), (.workstationCloned, 16)]))
    }

    @Test(
        "A home lost and connected anew reads everything again and counts nothing twice",
        arguments: 1...6 as ClosedRange<UInt64>)
    func lostHome(seed: UInt64) throws {
        try expectClean(quietPlan(seed, [(.homeLost, 12)]))
    }

    @Test(
        "An old copy of the gateway's folder put back is sent again what it lost",
        arguments: 1...6 as ClosedRange<UInt64>)
    func oldFolder(seed: UInt64) throws {
        try expectClean(quietPlan(seed, [(.oldFolderPutBack, 8), (.oldFolderPutBack, 18)]))
    }

    @Test("A restore under a new epoch is sent again what it lacks", arguments: 1...6 as ClosedRange<UInt64>)
    func restored(seed: UInt64) throws {
        try expectClean(quietPlan(seed, [(.restored, 8), (.restored, 18)]))
    }

    @Test("A token revoked in the middle of a batch loses nothing", arguments: 1...6 as ClosedRange<UInt64>)
    func revoked(seed: UInt64) throws {
        try expectClean(quietPlan(seed, [(.clientLost, 9), (.tokenRevoked, 10), (.tokenRevoked, 20)]))
    }

    @Test("A tenant deleted in the middle of its traffic leaves no byte, and the others go on")
    func deleted() throws {
        for seed in 1...4 as ClosedRange<UInt64> {
            var plan = quietPlan(seed, workstations: 3, [(.tenantDeleted, 12)])
            plan.tenants = 2
            plan.workstations = [0, 1, 0]
            try expectClean(plan)
        }
    }

    @Test("A year of clock error on either side counts nothing twice and loses nothing in silence")
    func clocks() throws {
        for seed in 1...8 as ClosedRange<UInt64> {
            try expectClean(
                quietPlan(seed, [(.workstationClockSteps, 6), (.gatewayClockSteps, 12), (.gatewayKilled, 15)]))
        }
    }

    @Test("One poisoned event is set aside and delays no other", arguments: 1...6 as ClosedRange<UInt64>)
    func poison(seed: UInt64) throws {
        var plan = quietPlan(seed, [(.workstationKilled, 10)])
        plan.poisonPercent = 10
        try expectClean(plan)
    }

    @Test(
        "A bit that changes in durable data is damage that is seen, or changes nothing",
        arguments: 1...6 as ClosedRange<UInt64>)
    func flippedBit(seed: UInt64) throws {
        var plan = quietPlan(seed, [(.durableBitFlipped, 15)])
        plan.tenants = 2
        plan.workstations = [0, 1]
        try expectClean(plan)
    }

    @Test("Whatever a disk does between a write and its sync, what was acknowledged stays")
    func power() throws {
        for seed in 1...6 as ClosedRange<UInt64> {
            try expectClean(
                quietPlan(
                    seed,
                    [
                        (.gatewayLosesPowerInACall, 5), (.workstationLosesPowerInACall, 7), (.gatewaySyncFails, 11),
                        (.gatewayCachesDropped, 12), (.gatewayLosesPower, 15), (.workstationSyncFails, 17),
                        (.workstationLosesPower, 19),
                    ]))
        }
    }
}
