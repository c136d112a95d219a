import EngineCore
import Foundation
import Glibc

/// What was typed: words, and flags with their values.
struct Arguments {
    var words: [String] = []
    var flags: [String: String] = [:]
    var wantsHelp = false
    private let command: String

    /// `values` are flags that take a value, `switches` those that do not; at most `words` other words.
    init(
        _ raw: [String], of command: String, words most: Int, values: Set<String>,
        switches: Set<String> = []
    ) throws(UsageError) {
        self.command = command
        var index = 0
        while index < raw.count {
            let argument = raw[index]
            index += 1
            if argument == "--help" || argument == "-h" {
                wantsHelp = true
                continue
            }
            guard argument.hasPrefix("--") else {
                guard words.count < most else {
                    throw UsageError(
                        text: "\"\(argument)\" is one word too many."
                            + " `grandstand \(command) --help` shows what there is.")
                }
                words.append(argument)
                continue
            }
            let parts = argument.dropFirst(2).split(
                separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            let name = String(parts[0])
            if switches.contains(name) {
                flags[name] = "true"
                continue
            }
            guard values.contains(name) else {
                let near = Self.nearest(name, in: values.union(switches))
                throw UsageError(
                    text: "There is no --\(name)."
                        + (near.map { " Did you mean --\($0)?" } ?? "")
                        + " `grandstand \(command) --help` lists what there is.")
            }
            if parts.count == 2 {
                flags[name] = String(parts[1])
            } else if index < raw.count {
                flags[name] = raw[index]
                index += 1
            } else {
                throw UsageError(text: "--\(name) needs a value.")
            }
        }
    }

    /// The known word with the fewest changed letters, when that is close enough to be a slip.
    static func nearest(_ word: String, in known: Set<String>) -> String? {
        let found = known.sorted().map { ($0, distance(Array(word), Array($0))) }.min {
            ($0.1, -$0.0.commonPrefix(with: word).count) < (
                $1.1, -$1.0.commonPrefix(with: word).count
            )
        }
        guard let found, found.1 <= 2 else { return nil }
        return found.0
    }

    private static func distance(_ one: [Character], _ other: [Character]) -> Int {
        var row = Array(0...other.count)
        for (i, a) in one.enumerated() {
            var last = row[0]
            row[0] = i + 1
            for (j, b) in other.enumerated() {
                let kept = row[j + 1]
                row[j + 1] = min(row[j + 1] + 1, row[j] + 1, last + (a == b ? 0 : 1))
                last = kept
            }
        }
        return row[other.count]
    }

    /// The value of a flag that is a whole number, nil without the flag.
    func whole(_ name: String) throws(UsageError) -> UInt64? {
        guard let text = flags[name] else { return nil }
        guard let value = UInt64(text) else {
            throw UsageError(text: "--\(name) is a whole number, not \"\(text)\".")
        }
        return value
    }

    /// The limits of an engine that holds as many bets as `--open-bets` says, or the most without it.
    func limits() throws(UsageError) -> EngineLimits {
        var limits = EngineLimits()
        guard let text = flags["open-bets"] else { return limits }
        guard let bets = Int(text), bets > 0 else {
            throw UsageError(text: "--open-bets is a whole number above zero.")
        }
        limits.openBets = bets
        limits.ids = bets
        return limits
    }

    func need(_ index: Int, _ what: String) throws(UsageError) -> String {
        guard index < words.count else {
            throw UsageError(
                text: "Say \(what); `grandstand \(command) --help` shows how.")
        }
        return words[index]
    }
}

/// Prints to standard error, for what is not the command's own output.
func complain(_ text: String) {
    let bytes = Array((text + "\n").utf8)
    _ = write(STDERR_FILENO, bytes, bytes.count)
}

func environment() -> [String: String] {
    var all: [String: String] = [:]
    var entry = environ
    while let pointer = entry.pointee {
        let pair = String(cString: pointer).split(separator: "=", maxSplits: 1)
        if pair.count == 2 { all[String(pair[0])] = String(pair[1]) }
        entry += 1
    }
    return all
}
