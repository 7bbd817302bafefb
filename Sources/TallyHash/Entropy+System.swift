package import TallyModel

extension Entropy {
    /// OpenSSL's generator, which the kernel seeds.
    package static let system = Entropy { Random.uint64() }
}
