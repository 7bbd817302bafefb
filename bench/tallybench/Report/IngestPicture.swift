/// A run of `ingest` as a picture: throughput and latency over time.
enum IngestPicture {
    static func svg(_ report: IngestReport) -> String {
        let points = wholeIntervals(report.loop.record.points)
        let events = Double(report.options.eventsPerBatch)
        var throughput: [(x: Double, y: Double)] = []
        var last = 0.0
        for point in points {
            let seconds = Double(point.at) / 1e9
            let width = max(1e-9, seconds - last)
            throughput.append((seconds, Double(point.batches) * events / width))
            last = seconds
        }
        func latency(_ value: KeyPath<LoadRecord.Point, UInt64>) -> [(x: Double, y: Double)] {
            points.map { (Double($0.at) / 1e9, Double($0[keyPath: value]) / 1e6) }
        }
        let upper = Chart(
            title: "Events acknowledged", unit: "events a second",
            series: [Chart.Series(name: "events", colour: "#1b6ca8", points: throughput)], width: last)
        let lower = Chart(
            title: "Time to the acknowledgement", unit: "milliseconds",
            series: [
                Chart.Series(name: "p50", colour: "#2a9d63", points: latency(\.p50)),
                Chart.Series(name: "p99", colour: "#d98a1f", points: latency(\.p99)),
                Chart.Series(name: "highest", colour: "#c0392b", points: latency(\.highest)),
            ], isLogarithmic: true, width: last)
        return head + heading(report) + upper.svg(top: 40) + lower.svg(top: 40 + Chart.height) + "</svg>\n"
    }

    /// Without what is left at the end, too short to be compared with the others.
    private static func wholeIntervals(_ points: [LoadRecord.Point]) -> [LoadRecord.Point] {
        guard points.count > 1, let last = points.last else { return points }
        return 2 * (last.at - points[points.count - 2].at) < points[0].at ? points.dropLast() : points
    }

    private static let head = """
        <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 900 670" width="900" height="670">
        <style>
        text { font-family: system-ui, sans-serif; fill: #222 }
        .title { font-size: 15px; font-weight: 600 } .heading { font-size: 13px }
        .tick { font-size: 12px; fill: #444 } .unit { font-size: 12px; fill: #444 }
        .grid { stroke: #ddd; stroke-width: 1 } .axis { stroke: #444; stroke-width: 1 }
        </style>
        <rect width="900" height="670" fill="#fff"/>

        """

    private static func heading(_ report: IngestReport) -> String {
        let options = report.options
        let rate =
            switch options.rate {
            case .highest: "as fast as it is acknowledged"
            case .eventsPerSecond(let rate): "at \(Results.grouped(Int(clamping: rate))) events a second"
            }
        return "<text class=\"heading\" x=\"24\" y=\"28\">\(options.connections) connections, "
            + "\(options.eventsPerBatch) events a batch, up to \(options.inFlightMax) in flight, \(rate)</text>\n"
    }
}
