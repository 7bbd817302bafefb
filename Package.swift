// swift-tools-version: 6.2
import PackageDescription

// The floors of the house, ground to roof (docs/ARCHITECTURE.md). A target may depend on targets of lower
// floors alone; `Tests/TidyTests` and `--explicit-target-dependency-import-check error` hold it to that.

let strict: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .strictMemorySafety(),
    .treatAllWarnings(as: .error),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    // Small functions of one floor are inlined on the floors above it: the path of a batch crosses five modules.
    .unsafeFlags(["-cross-module-optimization"], .when(configuration: .release)),
]

func floor(_ name: String, _ dependencies: [Target.Dependency] = [], resources: [Resource] = []) -> Target {
    .target(name: name, dependencies: dependencies, resources: resources, swiftSettings: strict)
}

func proof(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .testTarget(name: name, dependencies: dependencies, swiftSettings: strict)
}

let log: Target.Dependency = .product(name: "Logging", package: "swift-log")
let grdb: Target.Dependency = .product(name: "GRDB", package: "GRDB.swift")
let sqlite: Target.Dependency = .product(name: "GRDBSQLite", package: "GRDB.swift")
let configuration: Target.Dependency = .product(name: "Configuration", package: "swift-configuration")
let histogram: Target.Dependency = .product(name: "Histogram", package: "hdrhistogram-swift")
let arguments: Target.Dependency = .product(name: "ArgumentParser", package: "swift-argument-parser")

// libFuzzer's driver is only there when it is asked for: it links what nothing else needs (fuzz/README.md).
let fuzzer: [Target] =
    Context.environment["TALLY_FUZZ"] == "1"
    ? [
        .executableTarget(
            name: "fuzzdriver", dependencies: ["TallyFuzzTargets"], path: "fuzz/driver", swiftSettings: strict)
    ] : []

let package = Package(
    name: "tallygate",
    platforms: [.macOS(.v15)],
    products: [
        .executable(name: "tallygate", targets: ["tallygate"]),
        .executable(name: "tally", targets: ["tally"]),
        .executable(name: "tallybench", targets: ["tallybench"]),
        .executable(name: "tallyfuzz", targets: ["tallyfuzz"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-configuration", from: "1.4.0", traits: ["JSON"]),
        .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
        .package(url: "https://github.com/HdrHistogram/hdrhistogram-swift", .upToNextMinor(from: "0.2.0")),
    ],
    targets: [
        // Ground: C libraries and the kernel, as they are.
        .systemLibrary(name: "COpenSSL", pkgConfig: "openssl", providers: [.apt(["libssl-dev"])]),
        .systemLibrary(name: "CLZ4", pkgConfig: "liblz4", providers: [.apt(["liblz4-dev"])]),
        .systemLibrary(name: "CXXHash", pkgConfig: "libxxhash", providers: [.apt(["libxxhash-dev"])]),
        .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
        .systemLibrary(name: "CPlatform"),

        // Floor 1, nouns: what things are.
        floor("TallyModel"),

        // Floor 1, doors: one C library or the kernel each; the only places that may say `unsafe`.
        floor("TallyHash", ["COpenSSL", "CXXHash", "TallyModel"]),
        floor("TallyLZ4", ["CLZ4", "TallyModel"]),
        floor("TallyZlib", ["CZlib"]),
        floor("TallyIO", ["CPlatform", "TallyModel"]),
        floor("TallyTLS", ["COpenSSL", "TallyModel"]),
        floor("TallySQLite", [grdb, sqlite]),

        // Floor 2, pure: bytes and numbers in, bytes and numbers out.
        floor("TallyWire", ["TallyModel", "TallyHash", "TallyLZ4"]),
        floor("TallyPricing", ["TallyModel"], resources: [.embedInCode("Book/prices.json")]),
        floor("TallyRollup", ["TallyModel", "TallyPricing", "TallyWire"]),
        floor("TallyHTTP", ["TallyModel"]),
        floor("TallyUsage", ["TallyModel"]),

        // Floor 3, machines: protocol, log, storage, transport.
        floor("TallyProtocol", ["TallyModel", "TallyHash", "TallyWire"]),
        floor("TallyLog", ["TallyModel", "TallyHash", "TallyIO"]),
        floor("TallyTransport", ["TallyModel", "TallyIO", "TallyTLS"]),
        floor(
            "TallyStorage",
            [
                "TallyModel", "TallyHash", "TallyIO", "TallySQLite", "TallyWire", "TallyPricing", "TallyRollup",
                "TallyUsage", "TallyLog", grdb,
            ]),

        // Floor 4, parts: the two programs, without their command lines.
        floor(
            "TallyGateway",
            [
                "TallyModel", "TallyHash", "TallyIO", "TallyTLS", "TallyWire", "TallyPricing", "TallyRollup",
                "TallyUsage", "TallyHTTP", "TallyProtocol", "TallyLog", "TallyTransport", "TallyStorage", log,
                configuration, grdb,
            ]),
        floor(
            "TallyWorkstation",
            [
                "TallyModel", "TallyHash", "TallyZlib", "TallyIO", "TallyTLS", "TallyWire", "TallyHTTP",
                "TallyProtocol", "TallyLog", "TallyTransport",
            ]),
        // What the workstation tells its own person, without a gateway.
        floor(
            "TallyReport",
            ["TallyModel", "TallyHash", "TallyIO", "TallyPricing", "TallyRollup", "TallyUsage", "TallyWorkstation"]),

        // Roof: flags, wiring, exit codes.
        .executableTarget(
            name: "tallygate",
            dependencies: ["TallyModel", "TallyGateway", arguments],
            swiftSettings: strict),
        .executableTarget(
            name: "tally",
            dependencies: ["TallyModel", "TallyIO", "TallyWorkstation", "TallyReport", arguments],
            swiftSettings: strict),

        // Garden: what proves the house and loads it.
        .target(
            name: "TallyGenerator", dependencies: ["TallyModel"], path: "bench/generator", swiftSettings: strict),
        .executableTarget(
            name: "tallygen", dependencies: ["TallyGenerator", "TallyModel", arguments], path: "bench/tallygen",
            swiftSettings: strict),

        .executableTarget(
            name: "tallybench",
            dependencies: [
                "TallyGenerator", "TallyGateway", "TallyWorkstation", "TallyStorage", "TallyLog", "TallyProtocol",
                "TallyTransport", "TallyUsage", "TallyRollup", "TallyPricing", "TallyWire", "TallyTLS", "TallyIO",
                "TallyHash",
                "TallyModel", arguments, histogram,
            ], path: "bench/tallybench", swiftSettings: strict),

        // A fuzzer from outside: cases and the judge as values; then the program with its connections.
        .target(
            name: "TallyFuzzing",
            dependencies: ["TallyGenerator", "TallyWire", "TallyLZ4", "TallyHash", "TallyModel"],
            path: "fuzz/tallyfuzzing", swiftSettings: strict),
        .executableTarget(
            name: "tallyfuzz",
            dependencies: ["TallyFuzzing", "TallyTLS", "TallyIO", "TallyHash", "TallyModel", arguments],
            path: "fuzz/tallyfuzz", swiftSettings: strict),

        // The C library's allocator with a counter in front.
        .target(name: "AllocationCount", path: "Tests/AllocationCount"),
        // The cases of protocol/vectors, for all tests that hold something against them.
        .target(name: "VectorFiles", path: "Tests/VectorFiles", swiftSettings: strict),
        // How often the tests of all modules repeat themselves.
        .target(name: "TestEffort", path: "Tests/TestEffort", swiftSettings: strict),
        // A disk that lies, for whoever must survive one.
        .target(
            name: "TestDisk", dependencies: ["TallyIO", "TallyLog", "TallyModel"], path: "Tests/TestDisk",
            swiftSettings: strict),
        // The same for SQLite: a file system of its own in C, and its levers in Swift.
        .target(name: "CrashVFS", path: "Tests/CrashVFS", linkerSettings: [.linkedLibrary("sqlite3")]),
        .target(
            name: "CrashDisk", dependencies: ["CrashVFS", "TallyIO", "TallyStorage"], path: "Tests/CrashDisk",
            swiftSettings: strict),
        // A gateway, workstations, disks and a network in one thread, from one seed.
        .target(
            name: "TallySimulation",
            dependencies: [
                "TestDisk", "CrashDisk", "TallyGateway", "TallyWorkstation", "TallyStorage", "TallyLog",
                "TallyProtocol", "TallyWire",
                "TallyPricing", "TallyRollup", "TallyUsage", "TallyHash", "TallyIO", "TallyModel",
            ], path: "Tests/Simulation", exclude: ["simulate.py", "mutants.py"], swiftSettings: strict),
        .executableTarget(
            name: "tallysim", dependencies: ["TallySimulation", "TallyStorage", "TallyIO", arguments],
            path: "Tests/tallysim", swiftSettings: strict),
        .executableTarget(
            name: "tallyalloc",
            dependencies: [
                "AllocationCount", "TestDisk", "TallyGateway", "TallyStorage", "TallyLog", "TallyProtocol",
                "TallyRollup",
                "TallyPricing", "TallyWire", "TallyIO", "TallyHash", "TallyModel",
            ], path: "Tests/tallyalloc", swiftSettings: strict),
        proof("SimulationTests", ["TestEffort", "TallySimulation", "TallyStorage", "TallyIO"]),
        proof("TallyModelTests", ["TallyModel"]),
        proof("TallyIOTests", ["TallyIO", "TallyModel"]),
        proof("TallyTransportTests", ["TallyTransport", "TallyTLS", "TallyIO", "TallyModel"]),
        proof(
            "TallyWireTests",
            ["TestEffort", "VectorFiles", "TallyWire", "TallyProtocol", "TallyModel", "TallyHash", "TallyLZ4"]),
        proof(
            "TallyProtocolTests",
            ["TestEffort", "VectorFiles", "TallyProtocol", "TallyWire", "TallyModel", "TallyHash"]),
        proof("TallyPricingTests", ["TallyPricing", "TallyRollup", "TallyModel", "TallyWire"]),
        proof(
            "TallyLogTests",
            ["TestDisk", "TestEffort", "TallySimulation", "TallyLog", "TallyIO", "TallyModel", "TallyHash"]),
        proof("TallyUsageTests", ["TallyUsage", "TallyModel"]),
        proof(
            "TallyStorageTests",
            ["TestEffort", "TallyStorage", "TallySQLite", "TallyUsage", "TallyPricing", "TallyIO", "TallyModel", grdb]),
        proof(
            "CrashTests",
            [
                "CrashDisk", "TestDisk", "TestEffort", "TallyGateway", "TallyStorage", "TallyLog", "TallyWire",
                "TallyHash",
                "TallyIO",
                "TallyPricing", "TallyUsage", "TallyModel",
            ]),
        proof("TallyHTTPTests", ["TallyHTTP"]),
        proof(
            "TallyGatewayTests",
            [
                "TestDisk", "TestEffort", "VectorFiles", "TallyGateway", "TallyStorage", "TallyLog", "TallyTransport",
                "TallyTLS",
                "TallyIO", "TallyProtocol", "TallyWire", "TallyModel", "TallyHash", "TallyPricing", "TallyRollup",
                "TallyHTTP", "TallyGenerator",
                grdb,
            ]),
        proof(
            "TallyWorkstationTests",
            [
                "TestDisk", "TestEffort", "TallyWorkstation", "TallyGenerator", "TallyStorage", "TallyUsage",
                "TallyRollup",
                "TallyPricing",
                "TallyHTTP", "TallyProtocol", "TallyWire", "TallyHash", "TallyLog", "TallyIO", "TallyModel",
            ]),
        proof(
            "TallyReportTests",
            [
                "TallyReport", "TallyWorkstation", "TallyUsage",
                "TallyModel",
            ]),
        proof("TallyGeneratorTests", ["TallyGenerator", "TallyPricing", "TallyModel"]),
        // What the fuzzers run, and the same without a fuzzer.
        .target(
            name: "TallyFuzzTargets",
            dependencies: [
                "TestDisk", "TallyGateway", "TallyWorkstation", "TallyLog", "TallyProtocol", "TallyHTTP",
                "TallyPricing", "TallyWire", "TallyLZ4", "TallyZlib", "TallyIO", "TallyHash", "TallyModel",
            ], path: "fuzz/targets", swiftSettings: strict),
        .executableTarget(
            name: "fuzzreplay", dependencies: ["TallyFuzzTargets", arguments], path: "fuzz/replay",
            swiftSettings: strict),
        proof(
            "FuzzReplayTests",
            [
                "TallyFuzzTargets", "TestDisk", "TallyGateway", "TallyWorkstation", "TallyLog", "TallyProtocol",
                "TallyHTTP", "TallyPricing", "TallyWire", "TallyIO", "TallyModel",
            ]),
        proof("TallybenchTests", ["tallybench", "TallyWire", "TallyModel"]),
        proof(
            "TallyFuzzingTests",
            [
                "VectorFiles", "TallyFuzzing", "tallyfuzz", "TallyGenerator", "TallyTransport", "TallyTLS", "TallyIO",
                "TallyProtocol",
                "TallyWire", "TallyHash", "TallyModel",
            ]),
        // The programs themselves, as a person runs them.
        proof("EndToEndTests", ["tallygate", "tally", "tallygen", "tallybench", "tallyfuzz"]),
        proof("TidyTests", []),
    ] + fuzzer
)
