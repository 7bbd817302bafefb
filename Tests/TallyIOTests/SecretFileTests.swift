import Foundation
import TallyIO
import Testing

/// A private key that others may read is not used.
@Suite("Secret files")
struct SecretFileTests {
    private func withFolder<T>(_ body: (Directory, URL) throws -> T) throws -> T {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("tally-secret-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: folder) }
        return try body(try Directory.openOrMake(folder.path), folder)
    }

    private func put(_ name: String, in folder: URL, mode: Int) throws {
        let path = folder.appendingPathComponent(name).path
        try? FileManager.default.removeItem(atPath: path)
        #expect(FileManager.default.createFile(atPath: path, contents: Data("key".utf8)))
        try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: path)
    }

    @Test("A secret is read while it is its owner's alone, and refused with its mode as soon as it is not")
    func modes() throws {
        try withFolder { directory, folder in
            for mode in [0o600, 0o400, 0o700] {
                try put("key", in: folder, mode: mode)
                #expect(try directory.readSecret("key", limit: 10) == Array("key".utf8))
                try directory.checkSecret("key")
            }
            for mode in [0o640, 0o604, 0o644, 0o660, 0o620, 0o602, 0o610, 0o666, 0o777] {
                try put("key", in: folder, mode: mode)
                let expected = SecretFileError.exposed(path: folder.path + "/key", mode: UInt32(mode))
                #expect(throws: expected) { try directory.readSecret("key", limit: 10) }
                #expect(throws: expected) { try directory.checkSecret("key") }
                #expect("\(expected)".contains("chmod 600"))
            }
        }
    }

    @Test("A link, a folder and a pipe in a secret's place are refused, and none makes the reader wait")
    func kinds() throws {
        try withFolder { directory, folder in
            try put("real", in: folder, mode: 0o600)
            let path = { (name: String) in folder.appendingPathComponent(name).path }
            try FileManager.default.createSymbolicLink(atPath: path("link"), withDestinationPath: path("real"))
            try FileManager.default.createDirectory(atPath: path("folder"), withIntermediateDirectories: false)
            let made = unsafe mkfifo(path("pipe"), 0o600)
            #expect(made == 0)
            for name in ["link", "folder", "pipe"] {
                #expect(throws: SecretFileError.notPlain(path: path(name))) {
                    try directory.readSecret(name, limit: 10)
                }
                #expect(throws: SecretFileError.notPlain(path: path(name))) { try directory.checkSecret(name) }
            }
        }
    }

    @Test("A secret that is missing or too long is told as such")
    func others() throws {
        try withFolder { directory, folder in
            do throws(SecretFileError) {
                _ = try directory.readSecret("none", limit: 10)
                Issue.record("read a file that is not there")
            } catch {
                #expect(error.isNotFound)
            }
            try put("key", in: folder, mode: 0o600)
            #expect(throws: SecretFileError.self) { try directory.readSecret("key", limit: 2) }
        }
    }
}
