/// How the numbers of one request grow over its lines, and what of them is yet to be sent.
extension RequestCounts {
    /// Field by field the larger one. A lifetime that one line gives and another does not is given: the cache
    /// write is the larger sum, and only what no line's split explains is unknown.
    func merged(with other: RequestCounts) -> RequestCounts {
        var merged = RequestCounts()
        merged.input = max(input, other.input)
        merged.cacheRead = max(cacheRead, other.cacheRead)
        merged.output = max(output, other.output)
        merged.reasoning = min(max(reasoning, other.reasoning), merged.output)
        merged.webSearches = max(webSearches, other.webSearches)
        merged.reportedNanoUSD = max(reportedNanoUSD, other.reportedNanoUSD)
        merged.write5m = max(write5m, other.write5m)
        merged.write1h = max(write1h, other.write1h)
        let whole = max(cacheWrite, other.cacheWrite)
        let split = UInt64(merged.write5m) + UInt64(merged.write1h)
        merged.writeUnknown = whole > split ? UInt32(clamping: whole - split) : 0
        return merged
    }

    /// What to add to `sent` to reach `self`, which is `sent` merged with a later line. Never negative: a cache
    /// write that was sent as of unknown lifetime stays so, and only the growth of the sum is added.
    func growth(over sent: RequestCounts) -> RequestCounts {
        var growth = RequestCounts()
        growth.input = input - min(sent.input, input)
        growth.cacheRead = cacheRead - min(sent.cacheRead, cacheRead)
        growth.output = output - min(sent.output, output)
        growth.reasoning = min(reasoning - min(sent.reasoning, reasoning), growth.output)
        growth.webSearches = webSearches - min(sent.webSearches, webSearches)
        growth.reportedNanoUSD = reportedNanoUSD - min(sent.reportedNanoUSD, reportedNanoUSD)
        var room = cacheWrite - min(sent.cacheWrite, cacheWrite)
        func take(_ now: UInt32, _ before: UInt32) -> UInt32 {
            let part = UInt32(clamping: min(UInt64(now - min(before, now)), room))
            room -= UInt64(part)
            return part
        }
        growth.write5m = take(write5m, sent.write5m)
        growth.write1h = take(write1h, sent.write1h)
        growth.writeUnknown = UInt32(clamping: room)
        return growth
    }

    /// The sum of what was sent and what is now added to it. Precondition: `growth` was made over `self`.
    func adding(_ growth: RequestCounts) -> RequestCounts {
        var sum = self
        sum.input += growth.input
        sum.cacheRead += growth.cacheRead
        sum.write5m += growth.write5m
        sum.write1h += growth.write1h
        sum.writeUnknown += growth.writeUnknown
        sum.output += growth.output
        sum.reasoning += growth.reasoning
        sum.webSearches += growth.webSearches
        sum.reportedNanoUSD += growth.reportedNanoUSD
        return sum
    }
}
