/// Words without meaning that stand where a transcript holds content, each piece with the file's canary, so that
/// a test can search everything that leaves the machine for `CANARY-`.
package struct FillerText: Sendable {
    package let canary: String

    private let scale: Int

    package init(random: inout SeededRandom, scale: Int = 1) {
        self.scale = scale
        canary = "CANARY-" + random.hex(16)
    }

    /// Between 1× and 2× `bytes` of text for the inside of a JSON string, escapes included; so many times as much as the
    /// texts are longer.
    package func text(bytes unscaled: Int, random: inout SeededRandom) -> String {
        let bytes = unscaled * scale
        var text = canary
        text.reserveCapacity(bytes + 200)
        var count = text.utf8.count
        while count < bytes {
            let sentence = random.pick(FillerText.sentences)
            text += sentence
            count += sentence.utf8.count
        }
        return text
    }

    /// Every one begins with a blank or an escape; the last ones are traps for readers that look for keys in text.
    private static let sentences = [
        " lorem amber dolor basil cedar quiet river under seven lanterns of the northern harbour.",
        " A slow copper wheel turns beside the orchard while nobody counts the falling plums.",
        "\\n- first the kettle, then the ladder, then the long way round by the mill",
        " velvet gravel meadow thistle pepper saddle candle bramble cobalt linen drift anchor",
        "\\n\\n```swift\\nlet basket = orchard.filter { $0.isRipe }.map(\\\\.weight)\\n```\\n",
        " Süßer Käse, naïve façade, 漢字と仮名, 🚀 and a tab\\tin between.",
        " escaped: \\u00e9\\u4e2d \\ud83d\\ude80 \\\"quoted\\\" \\/ slash \\\\ backslash",
        " plum plum plum plum plum plum plum plum plum plum plum plum plum plum plum plum plum",
        " {\\\"message\\\":{\\\"id\\\":\\\"msg_fake\\\",\\\"usage\\\":{\\\"input_tokens\\\":999999,\\\"output_tokens\\\":999999}}}",
        " \\\"type\\\":\\\"token_count\\\",\\\"total_token_usage\\\":{\\\"input_tokens\\\":888888}",
    ]
}
