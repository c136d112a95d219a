import Kernel
import ProjectionService

/// A page of what became of somebody's bets and money, ready to be told.
struct HistoryPage {
    private let history: AccountHistory

    init(_ history: AccountHistory) { self.history = history }

    var reached: UInt64 { history.reached }
    var isLast: Bool { history.isLast }
    var asOf: UInt64 { history.asOf }

    /// In the order of the records. A bet is told once, as it is now, where it last changed.
    func messages(_ followed: Set<Topic>, _ topics: TopicBoard) -> [SharedMessage] {
        var newest: [UInt64: UInt64] = [:]
        for entry in history.entries {
            if let bet = entry.bet { newest[bet.bet] = entry.order }
        }
        var told: [SharedMessage] = []
        for entry in history.entries {
            if followed.contains(.bets), let bet = entry.bet, newest[bet.bet] == entry.order {
                told.append(topics.message(bet, entry.line, at: entry.order))
            } else if followed.contains(.wallet), let line = entry.line {
                told.append(topics.message(line))
            }
        }
        return told
    }
}
