/// Lines over time on one set of axes, as a piece of SVG: written by hand, readable in any browser.
struct Chart {
    struct Series {
        let name: String
        let colour: String
        /// Seconds and values; a value of zero on a logarithmic axis is left out.
        let points: [(x: Double, y: Double)]
    }

    var title: String
    var unit: String
    var series: [Series]
    var isLogarithmic = false
    /// Seconds on the x axis.
    var width: Double

    static let plotWidth = 760.0
    static let plotHeight = 200.0
    static let left = 110.0
    static let height = 300.0

    /// The chart with its upper edge at `top`.
    func svg(top: Double) -> String {
        let values = series.flatMap { $0.points.map(\.y) }.filter { $0 > 0 }
        let scale = Scale(lowest: values.min() ?? 1, highest: values.max() ?? 1, isLogarithmic: isLogarithmic)
        var out = "<g transform=\"translate(\(Chart.text(Chart.left)),\(Chart.text(top + 50)))\">\n"
        out += "<text class=\"title\" x=\"0\" y=\"-28\">\(title)</text>\n"
        out += legend()
        for tick in scale.ticks {
            let y = Chart.plotHeight * (1 - scale.place(tick))
            out += "<line class=\"grid\" x1=\"0\" x2=\"\(Chart.text(Chart.plotWidth))\" "
            out += "y1=\"\(Chart.text(y))\" y2=\"\(Chart.text(y))\"/>\n"
            out += "<text class=\"tick\" text-anchor=\"end\" x=\"-8\" y=\"\(Chart.text(y + 4))\">"
            out += "\(Chart.number(tick))</text>\n"
        }
        out += timeAxis()
        out += "<text class=\"unit\" transform=\"translate(-94,\(Chart.text(Chart.plotHeight / 2))) rotate(-90)\" "
        out += "text-anchor=\"middle\">\(unit)</text>\n"
        for line in series { out += path(line, scale) }
        return out + "</g>\n"
    }

    private func legend() -> String {
        var out = ""
        for (index, line) in series.enumerated() where series.count > 1 {
            let x = Chart.plotWidth - Double(series.count - index) * 90
            out += "<line stroke=\"\(line.colour)\" stroke-width=\"3\" x1=\"\(Chart.text(x))\" "
            out += "x2=\"\(Chart.text(x + 20))\" y1=\"-32\" y2=\"-32\"/>"
            out += "<text class=\"tick\" x=\"\(Chart.text(x + 26))\" y=\"-28\">\(line.name)</text>\n"
        }
        return out
    }

    private func timeAxis() -> String {
        var out = "<line class=\"axis\" x1=\"0\" x2=\"\(Chart.text(Chart.plotWidth))\" "
        out += "y1=\"\(Chart.text(Chart.plotHeight))\" y2=\"\(Chart.text(Chart.plotHeight))\"/>\n"
        for tick in Scale(lowest: 0, highest: width, isLogarithmic: false).ticks where tick <= width {
            let x = Chart.plotWidth * tick / max(width, 1e-9)
            out += "<text class=\"tick\" text-anchor=\"middle\" x=\"\(Chart.text(x))\" "
            out += "y=\"\(Chart.text(Chart.plotHeight + 18))\">\(Chart.number(tick))</text>\n"
        }
        out += "<text class=\"unit\" text-anchor=\"middle\" x=\"\(Chart.text(Chart.plotWidth / 2))\" "
        return out + "y=\"\(Chart.text(Chart.plotHeight + 38))\">seconds</text>\n"
    }

    private func path(_ line: Series, _ scale: Scale) -> String {
        var commands = ""
        var isDrawing = false
        for point in line.points {
            guard !isLogarithmic || point.y > 0 else {
                isDrawing = false
                continue
            }
            let x = Chart.plotWidth * min(1, point.x / max(width, 1e-9))
            let y = Chart.plotHeight * (1 - scale.place(point.y))
            commands += "\(isDrawing ? "L" : "M")\(Chart.text(x)) \(Chart.text(y))"
            isDrawing = true
        }
        return "<path fill=\"none\" stroke=\"\(line.colour)\" stroke-width=\"1.6\" d=\"\(commands)\"/>\n"
    }

    static func text(_ value: Double) -> String { Results.fixed(value, 1) }

    /// `1,250,000`, `0.25`.
    static func number(_ value: Double) -> String {
        if value == 0 { return "0" }
        if value >= 10 || value == value.rounded() { return Results.grouped(Int(value.rounded())) }
        return Results.fixed(value, value >= 0.1 ? 1 : 3)
    }
}

/// Where a value stands between the ends of an axis, and where its ticks are.
struct Scale {
    let lowest: Double
    let highest: Double
    let ticks: [Double]
    private let isLogarithmic: Bool

    /// A linear axis begins at 0 and ends at the tick above `highest`; a logarithmic one spans whole decades.
    init(lowest: Double, highest: Double, isLogarithmic: Bool) {
        self.isLogarithmic = isLogarithmic
        if isLogarithmic {
            var decades = [Scale.decade(below: max(lowest, 1e-9))]
            // At most 30 decades lie between any two of our values.
            while let last = decades.last, last < highest, decades.count < 30 { decades.append(last * 10) }
            if decades.count == 1 { decades.append(decades[0] * 10) }
            ticks = decades
        } else {
            let step = Scale.step(max(highest, 1e-9) / 5)
            let count = Int((max(highest, 1e-9) / step).rounded(.up))
            ticks = (0...min(10, max(1, count))).map { Double($0) * step }
        }
        self.lowest = ticks.first ?? 0
        self.highest = ticks.last ?? 1
    }

    /// 0 at the lower end, 1 at the upper.
    func place(_ value: Double) -> Double {
        guard isLogarithmic else { return (value - lowest) / (highest - lowest) }
        return (Scale.log10(value) - Scale.log10(lowest)) / (Scale.log10(highest) - Scale.log10(lowest))
    }

    /// The largest power of ten that is not above `value`.
    private static func decade(below value: Double) -> Double {
        var power = 1.0
        while power > value, power > 1e-12 { power /= 10 }
        while power * 10 <= value, power < 1e18 { power *= 10 }
        return power
    }

    /// 1, 2 or 5 times a power of ten, at least `least`.
    private static func step(_ least: Double) -> Double {
        let power = decade(below: least)
        return [1, 2, 5].map { $0 * power }.first { $0 >= least } ?? 10 * power
    }

    /// Exact enough to draw by: the exponent, and the mantissa's logarithm by its series.
    private static func log10(_ value: Double) -> Double {
        guard value > 0 else { return 0 }
        // ln m = 2 artanh((m − 1) / (m + 1)), m in 1 ..< 2: the terms fall by nine each.
        let ratio = (value.significand - 1) / (value.significand + 1)
        var term = ratio
        var sum = 0.0
        for odd in stride(from: 1, through: 19, by: 2) {
            sum += term / Double(odd)
            term *= ratio * ratio
        }
        return (2 * sum + Double(value.exponent) * 0.693_147_180_559_945_3) / 2.302_585_092_994_045_7
    }
}
