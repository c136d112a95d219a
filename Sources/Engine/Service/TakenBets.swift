import Betting
public import EngineCore
import Kernel
public import Ledger
public import Risk

/// A bet that was taken, as it stands in the journal.
public struct TakenBet: Sendable {
    public let bet: UInt64
    public let money: MoneyKind
    public let watched: WatchedBet
}

/// Makes of a journal's records the bets that were taken, one after the other: those that waited when they were.
public struct TakenBets: Sendable {
    /// What was asked for, as the command said it.
    private struct Slip: Sendable {
        let legs: [(market: UInt64, selection: Int)]
    }

    /// A bet, or the account that its opening is known of.
    private enum Given: Sendable {
        case slip(Slip, command: UInt64)
        case account(command: UInt64)
        case other
    }

    private var given = Given.other
    /// Bets that wait, until it is decided whether they are taken.
    private var waiting: [UInt64: Slip] = [:]
    private var opened: [UInt64: Timestamp] = [:]

    public init() {}

    /// Records come in the journal's order.
    public mutating func read(_ record: RecordBytes) -> TakenBet? {
        switch record.kind {
        case .place:
            given = .slip(Self.slip(record), command: record.sequence)
        case .openAccount:
            given = .account(command: record.sequence)
        case .placed:
            return placed(record)
        case .accountChanged:
            // An account has its number from the engine.
            guard case .account(record.cause) = given,
                record.field(Layout.AccountChanged.refusal, as: UInt16.self) == 0
            else { return nil }
            opened[record.account.rawValue] = record.time
        default:
            if record.kind?.isCommand == true { given = .other }
        }
        return nil
    }

    private mutating func placed(_ record: RecordBytes) -> TakenBet? {
        guard record.flags & Layout.Placed.repeated == 0,
            let status = BetStatus(rawValue: record.field(Layout.Placed.status, as: UInt8.self))
        else { return nil }
        let bet = record.field(Layout.Placed.bet, as: UInt64.self)
        var slip = waiting.removeValue(forKey: bet)
        if case .slip(let said, record.cause) = given { slip = said }
        // Taken before what can be read here, and decided in it: its legs are not known.
        guard let slip else { return nil }
        if status == .pending {
            waiting[bet] = slip
            return nil
        }
        guard status != .refused,
            let money = MoneyKind(rawValue: record.field(Layout.Placed.money, as: UInt8.self))
        else { return nil }
        // Whatever is accepted has its price beside each leg.
        let legs = slip.legs.enumerated().compactMap { place, leg in
            record.odds(at: Layout.Placed.legs + place * Layout.Placed.legSize).map {
                WatchedBet.Leg(market: leg.market, selection: leg.selection, odds: $0)
            }
        }
        let account = record.account.rawValue
        return TakenBet(
            bet: bet, money: money,
            watched: WatchedBet(
                time: record.time, account: account, opened: opened[account],
                stake: record.field(Layout.Placed.stake, as: Int64.self), legs: legs))
    }

    private static func slip(_ place: RecordBytes) -> Slip {
        let count = Int(place.field(Layout.Place.legCount, as: UInt8.self))
        return Slip(
            legs: (0..<min(count, Limits.legs)).map { index in
                let leg = Layout.Place.legs + index * Layout.Place.legSize
                return (
                    place.field(leg + Layout.Leg.market, as: UInt64.self),
                    Int(place.field(leg + Layout.Leg.selection, as: UInt32.self))
                )
            })
    }
}
