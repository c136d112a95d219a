import Betting
import EngineCore
import EngineFiles
import EngineJournal
import EngineService
import Foundation
import JSONText
import Kernel
import Ledger

/// `grandstand replay bet ID`.
enum ReplayCommands {
    static let help = """
        grandstand replay: tell what happened to a bet, from the journal alone

        USAGE
          grandstand replay bet ID [--data DIR] [--archive DIR] [--json] [--pack FILE.html]

        Prints what the customer was shown, what the feed had said, every rule that ran with its value and
        threshold, the delays, each ledger entry, and every correction.

        OPTIONS
          --data        the data directory of a server, which may be running (data)
          --archive     where segments were moved to (`serve --archive`): read as if they were still here
          --json        the same as JSON
          --pack        writes one HTML file with the history, the raw blocks and their way to the sealed digests;
                        `python3 examples/verify_pack.py FILE.html` checks it without this program
          --open-bets   at least as many as the server is configured for (16000000)
        """

    static func run(_ raw: [String]) throws -> Int32 {
        let arguments = try Arguments(
            raw, of: "replay", words: 2, values: ["data", "archive", "pack", "open-bets"],
            switches: ["json"])
        guard !arguments.wantsHelp, let word = arguments.words.first else {
            print(help)
            return arguments.wantsHelp ? 0 : 2
        }
        guard word == "bet" else {
            throw UsageError(text: "replay can tell a bet, not \"\(word)\".")
        }
        let text = try arguments.need(1, "which bet: its id, as the customer's page shows it")
        guard let bet = UInt64(text) else {
            throw UsageError(text: "A bet's id is a whole number, not \"\(text)\".")
        }
        let directory = arguments.flags["data"] ?? "data"
        guard JournalCommands.readable(directory) else {
            throw UsageError(
                text: "There is no journal in \(directory). Name its directory by --data.")
        }
        let limits = try arguments.limits()
        return try tell(
            bet, try JournalCommands.joined(directory, arguments), limits,
            isJSON: arguments.flags["json"] != nil,
            pack: arguments.flags["pack"])
    }

    private static func tell(
        _ bet: UInt64, _ disk: JoinedDisk, _ limits: EngineLimits, isJSON: Bool, pack: String?
    ) throws -> Int32 {
        do {
            let start = try JournalCommands.start(disk)
            let history = try BetHistorian(
                disk, limits: limits, from: start?.sequence,
                isBeingWritten: JournalCommands.isServed(disk.directory)
            ).history(of: bet)
            if isJSON {
                var json = JSONWriter(reserving: 65_536)
                HistoryWords.write(history, to: &json)
                print(String(decoding: json.bytes, as: UTF8.self))
            } else {
                print(HistoryWords.text(history))
            }
            if let pack {
                let html = HistoryPage.html(try EvidencePack(history, on: disk))
                let mine: [FileAttributeKey: Any] = [.posixPermissions: 0o600]
                guard
                    FileManager.default.createFile(
                        atPath: pack, contents: Data(html), attributes: mine)
                else {
                    throw UsageError(text: "\(pack) cannot be written.")
                }
                complain(
                    "\(pack): \(html.count) bytes; check it by `python3 examples/verify_pack.py \(pack)`"
                )
            }
            return 0
        } catch HistoryProblem.unknown(let bet) {
            throw UsageError(text: "There is no record \(bet) in this journal.")
        } catch HistoryProblem.before(let bet, let first) {
            throw UsageError(
                text:
                    "Record \(bet) is before what can be read here, which begins after record \(first). Name the "
                    + "directory that older segments were moved to by --archive.")
        } catch HistoryProblem.notABet(let bet, let kind) {
            throw UsageError(text: "Record \(bet) is no bet; its kind is \(kind).")
        } catch let corruption as Corruption {
            complain("CORRUPT: " + corruption.text)
        } catch let error as HostError {
            complain("FAILED: " + Platform.words(for: error))
        } catch let changed as EvidencePack.Changed {
            complain("CHANGED: segment \(changed.segment) is not what it was when it was sealed.")
        }
        return 1
    }
}

/// A bet's history in words and as JSON.
enum HistoryWords {
    static func text(_ history: BetHistory) -> String {
        var lines = ["BET \(history.bet)", ""]
        lines += history.summary.map { "  " + padded($0.label) + $0.text }
        for step in history.steps {
            lines += ["", "\(step.time)  record \(step.sequence)", "  " + step.title]
            lines += step.fields.map { "    " + padded($0.label) + $0.text }
            if !step.checks.isEmpty { lines.append("    rules") }
            lines += step.checks.map { "      " + words($0, history.currency) }
            for entry in step.entries {
                let postings = entry.postings.map {
                    "\($0.account.word) \(amount($0.amount, history.currency))"
                }
                lines.append(
                    "    " + padded("entry: " + entry.reason.word)
                        + postings.joined(separator: ", "))
            }
        }
        return lines.joined(separator: "\n")
    }

    private static func padded(_ label: String) -> String {
        label + String(repeating: " ", count: max(2, 28 - label.count))
    }

    /// One rule: whether it passed, what was found, what would have been the limit.
    static func words(_ check: RuleCheck, _ currency: String) -> String {
        let leg = check.leg.map { " (leg \($0 + 1))" } ?? ""
        let verdict = check.isPassed ? "passed " : "REFUSED"
        let meaning = check.rule.facts
        guard meaning != .none else { return "\(verdict)  \(check.rule.code)\(leg)" }
        return "\(verdict)  \(check.rule.code)\(leg): "
            + "\(value(check.value, meaning, currency)), limit \(value(check.threshold, meaning, currency))"
    }

    static func value(_ value: Int64, _ meaning: FactMeaning, _ currency: String) -> String {
        switch meaning {
        case .nanoseconds: return Timestamp(nanoseconds: value).description
        case .minorUnits: return value == .max ? "none" : amount(value, currency)
        case .odds:
            guard value != 0 else { return "none" }
            return "\(value >> 32)/\(value & 0xffff_ffff)"
        case .score:
            return value == 0xffff_ffff ? "unknown" : "\(value >> 16)-\(value & 0xffff)"
        case .none, .count, .currency, .identifier, .reasons, .version: return String(value)
        }
    }

    static func amount(_ minor: Int64, _ currency: String) -> String {
        Currency(currency).map { "\(Money(minorUnits: minor, $0))" } ?? String(minor)
    }

    static func write(_ history: BetHistory, to json: inout JSONWriter) {
        json.object { json in
            json.key("bet")
            json.numberText(history.bet)
            json.key("currency")
            json.string(history.currency)
            json.key("summary")
            write(history.summary, to: &json)
            json.key("steps")
            json.array { json in
                for step in history.steps { write(step, history.currency, to: &json) }
            }
        }
    }

    private static func write(_ fields: [BetHistory.Field], to json: inout JSONWriter) {
        json.object { json in
            for field in fields {
                json.key(text: field.label)
                json.string(field.text)
            }
        }
    }

    private static func write(
        _ step: BetHistory.Step, _ currency: String, to json: inout JSONWriter
    ) {
        json.object { json in
            json.key("sequence")
            json.numberText(step.sequence)
            json.key("time")
            json.string(step.time.description)
            json.key("kind")
            json.string(step.kind)
            json.key("title")
            json.string(step.title)
            json.key("fields")
            write(step.fields, to: &json)
            json.key("rules")
            json.array { json in
                for check in step.checks { write(check, currency, to: &json) }
            }
            json.key("entries")
            json.array { json in
                for entry in step.entries {
                    json.object { json in
                        json.key("reason")
                        json.string(entry.reason.word)
                        json.key("postings")
                        json.object { json in
                            for posting in entry.postings {
                                json.key(text: posting.account.word)
                                json.number(posting.amount)
                            }
                        }
                    }
                }
            }
            json.key("facts")
            json.array { json in
                for fact in step.facts { write(fact, to: &json) }
            }
            json.key("records")
            json.array { json in
                for place in step.places { write(place, to: &json) }
            }
        }
    }

    private static func write(
        _ check: RuleCheck, _ currency: String, to json: inout JSONWriter
    ) {
        json.object { json in
            json.key("rule")
            json.string(check.rule.code)
            if let leg = check.leg {
                json.key("leg")
                json.number(Int64(leg))
            }
            json.key("passed")
            json.bool(check.isPassed)
            json.key("value")
            json.number(check.value)
            json.key("threshold")
            json.number(check.threshold)
            json.key("text")
            json.string(words(check, currency))
        }
    }

    private static func write(_ fact: BetHistory.Fact, to json: inout JSONWriter) {
        json.object { json in
            json.key("label")
            json.string(fact.label)
            json.key("record")
            write(fact.place, to: &json)
            json.key("offset")
            json.number(Int64(fact.offset))
            json.key("width")
            json.number(Int64(fact.width))
            json.key("value")
            json.string(String(fact.value))
        }
    }

    static func write(_ place: RecordPlace, to json: inout JSONWriter) {
        json.object { json in
            json.key("segment")
            json.number(Int64(place.segment))
            json.key("block")
            json.number(Int64(place.block))
            json.key("slot")
            json.number(Int64(place.slot))
            json.key("slots")
            json.number(Int64(place.slots))
        }
    }
}

/// A bet's history and its evidence as one HTML file that needs nothing else.
enum HistoryPage {
    static func html(_ pack: EvidencePack) -> [UInt8] {
        let history = pack.history
        var page = """
            <!doctype html>
            <html lang="en"><head><meta charset="utf-8"><title>Bet \(history.bet)</title>
            <meta name="viewport" content="width=device-width, initial-scale=1">
            <style>
            :root{color-scheme:light dark}
            body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}
            h1{font-size:1.6rem;margin:0 0 .25rem} h2{font-size:1.05rem;margin:0}
            ol{list-style:none;margin:1.5rem 0;padding:0;border-left:2px solid #8888}
            li{padding:.25rem 0 1.25rem 1.25rem}
            time,.where{font:12px ui-monospace,monospace;opacity:.75}
            table{border-collapse:collapse;margin:.4rem 0;font-size:14px;width:100%}
            th{text-align:left;font-weight:500;opacity:.8;width:15rem;vertical-align:top}
            td,th{padding:.12rem .5rem .12rem 0}
            caption{text-align:left;font-weight:600;padding-top:.4rem}
            .no{font-weight:700;color:#c22}
            footer{font-size:13px;opacity:.85;border-top:1px solid #8886;padding-top:1rem}
            code{font:12px ui-monospace,monospace}
            </style></head><body>
            <h1>Bet \(history.bet)</h1>
            <table>
            """
        for field in history.summary { page += row(field.label, field.text) }
        page += "</table><ol>"
        for step in history.steps { page += item(step, history.currency) }
        page += "</ol><footer><p>This file holds the raw journal blocks that it was told from. "
        page +=
            "<code>python3 verify_pack.py \(escaped("bet-\(history.bet).html"))</code> reads the numbers from them and prints what it found, "
        page +=
            "every checksum, and the way from each block to the digest that its segment was sealed with. "
        page +=
            "Compare these digests with the ones that were exported when the segments were sealed:</p><table>"
        for segment in Set(pack.blocks.map(\.segment)).sorted() {
            let seal = history.seals[segment]
            page += row(
                "segment \(segment)",
                seal.map { "SHA-256 \(hex($0.digest)), tree \(hex($0.root))" }
                    ?? "not full yet: checksums only")
        }
        page += "</table></footer>\n<script type=\"application/json\" id=\"pack\">"
        var json = JSONWriter(reserving: 1 << 20)
        write(pack, to: &json)
        // The only way out of a script element is its end tag.
        page += String(decoding: json.bytes, as: UTF8.self).replacingOccurrences(
            of: "</", with: "<\\/")
        page += "</script></body></html>\n"
        return Array(page.utf8)
    }

    private static func item(_ step: BetHistory.Step, _ currency: String) -> String {
        var text =
            "<li><time>\(step.time)</time> <span class=\"where\">record \(step.sequence)</span>"
        text += "<h2>\(escaped(step.title))</h2><table>"
        for field in step.fields { text += row(field.label, field.text) }
        text += "</table>"
        if !step.checks.isEmpty {
            text += "<table><caption>Rules, in the order in which they ran</caption>"
            for check in step.checks {
                let leg = check.leg.map { ", leg \($0 + 1)" } ?? ""
                let meaning = check.rule.facts
                let numbers =
                    meaning == .none
                    ? ""
                    : ": \(HistoryWords.value(check.value, meaning, currency)), limit "
                        + HistoryWords.value(check.threshold, meaning, currency)
                text +=
                    "<tr><th>\(escaped(check.rule.code + leg))</th><td>"
                    + (check.isPassed ? "passed" : "<span class=\"no\">refused</span>")
                    + "\(escaped(numbers))</td></tr>"
            }
            text += "</table>"
        }
        for entry in step.entries {
            text += "<table><caption>Ledger entry: \(escaped(entry.reason.word))</caption>"
            for posting in entry.postings {
                text += row(
                    posting.account.word, HistoryWords.amount(posting.amount, currency))
            }
            text += "</table>"
        }
        return text + "</li>"
    }

    private static func row(_ label: String, _ text: String) -> String {
        "<tr><th>\(escaped(label))</th><td>\(escaped(text))</td></tr>"
    }

    private static func escaped(_ text: String) -> String {
        text.replacingOccurrences(of: "&", with: "&amp;")
            .replacingOccurrences(of: "<", with: "&lt;")
            .replacingOccurrences(of: ">", with: "&gt;")
            .replacingOccurrences(of: "\"", with: "&quot;")
    }

    private static func hex(_ bytes: [UInt8]) -> String {
        bytes.map { DigestLedger.hex($0) }.joined()
    }

    private static func write(_ pack: EvidencePack, to json: inout JSONWriter) {
        json.object { json in
            json.key("history")
            HistoryWords.write(pack.history, to: &json)
            json.key("blocks")
            json.array { json in
                for block in pack.blocks {
                    json.object { json in
                        json.key("segment")
                        json.number(Int64(block.segment))
                        json.key("offset")
                        json.number(Int64(block.offset))
                        json.key("bytes")
                        json.string(Data(block.bytes).base64EncodedString())
                        json.key("paths")
                        json.array { json in
                            for path in block.paths {
                                json.string(
                                    path.map { ($0.isLeft ? "l" : "r") + hex($0.hash) }
                                        .joined(separator: " "))
                            }
                        }
                    }
                }
            }
            json.key("seals")
            json.array { json in
                let needed = Set(pack.blocks.map(\.segment))
                for (segment, seal) in pack.history.seals.sorted(by: { $0.key < $1.key })
                where needed.contains(segment) {
                    json.object { json in
                        json.key("segment")
                        json.number(Int64(segment))
                        json.key("digest")
                        json.string(hex(seal.digest))
                        json.key("root")
                        json.string(hex(seal.root))
                        let isHere = pack.blocks.contains {
                            $0.segment == seal.place?.segment && $0.offset == seal.place?.block
                        }
                        if let place = seal.place, isHere {
                            json.key("record")
                            HistoryWords.write(place, to: &json)
                        }
                    }
                }
            }
        }
    }
}
