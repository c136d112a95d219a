import Kernel
import ProjectionService

/// A page of what became of somebody's bets and money, ready to be told.
struct HistoryPage {
    private let history: AccountHistory

    init(_ history: AccountHistory) { self.history = history }

    var reached: UInt64 { history.reached }
    var isLast: Bool { history.isLast }
    var asOf: UInt64 { history.asOf }

    /// In the order of the records. Of a bet's changes in the page the last is told, with the bet as it is now.
    func told(_ wanted: Set<Topic>, _ topics: TopicBoard) -> [TopicMessage] {
        var newest: [UInt64: UInt64] = [:]
        for entry in history.entries {
            if let bet = entry.bet { newest[bet.bet] = entry.order }
        }
        var told: [TopicMessage] = []
        for entry in history.entries {
            if wanted.contains(.bets), let bet = entry.bet, newest[bet.bet] == entry.order {
                told.append(
                    TopicMessage(
                        topic: .bets, message: topics.message(bet, entry.line, at: entry.order)))
            } else if wanted.contains(.wallet), let line = entry.line {
                told.append(TopicMessage(topic: .wallet, message: topics.message(line)))
            }
        }
        return told
    }
}
