import FeedBetfair
import FeedCore

/// Recorded files by what is in them.
enum FeedFiles {
    /// A Betfair stream where the first line says `"op"`, else Grandstand's own format.
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
        if text.contains("\"op\"") {
            return try BetfairStream(path: path, speedHundredths: speedHundredths)
        }
        return try GrandstandFeedFile(path: path, name: "file/" + base)
    }
}
