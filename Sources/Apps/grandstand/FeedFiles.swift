import FeedBetfair
import FeedCore
import FeedLines
import FeedUnified

/// Recorded files by what is in them.
enum FeedFiles {
    /// XML messages where the first line is one, a Betfair stream where it says `"op"`, else Grandstand's own format.
    static func open(_ path: String, speedHundredths: Int64 = 100) throws -> any FeedSource {
        let first: ArraySlice<UInt8>?
        do {
            first = try LineReader(path: path).next()
        } catch let failure as LineReader.Failure {
            throw UsageError(text: "The feed \(path) cannot be read: \(failure.text).")
        }
        guard let first else { throw UsageError(text: "The feed \(path) is empty.") }
        let text = String(decoding: first.prefix(4096), as: UTF8.self)
        // Ids are the supplier's own: two files are two suppliers, the same file again is the same.
        let base = String(path.split(separator: "/").last ?? "")
        if text.hasPrefix("<") { return try UnifiedFeed(path: path, name: "unified/" + base) }
        if text.contains("\"op\"") {
            return try BetfairStream(path: path, speedHundredths: speedHundredths)
        }
        return try GrandstandFeedFile(path: path, name: "file/" + base)
    }
}
