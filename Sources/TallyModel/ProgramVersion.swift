/// The version that `--version`, metrics and reports show. CHANGELOG.md says what each one brought.
package enum ProgramVersion {
    package static let text = "0.1.0"
}
