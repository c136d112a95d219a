import Betting
import Catalogue
public import Kernel

/// What somebody may not bet on: whoever plays in it, works for it or knows of it.
@frozen public enum BarScope: Hashable, Sendable {
    /// A sport whole, by its number.
    case sport(UInt8)
    case fixture(FixtureID)
}

/// One customer that is kept from one sport or match.
struct BarRow: Comparable {
    let account: UInt32
    /// 1 a sport, 2 a fixture.
    let scope: UInt8
    /// The sport's number, or the fixture's row.
    let of: UInt64

    static func < (one: BarRow, other: BarRow) -> Bool {
        (one.account, one.scope, one.of) < (other.account, other.scope, other.of)
    }

    var mix: RowMix {
        var mix = RowMix(kind: 32, row: UInt64(account))
        mix.combine(UInt64(scope), of)
        return mix
    }
}

/// Who is kept from what. A bet that is open stands: the sport's own rules say what becomes of those.
extension Engine {
    /// Bars of all customers together.
    static let mostBars = 1024

    mutating func setBar(_ command: RecordBytes, _ outcomes: inout RecordWriter) {
        guard let number = accounts.account(command.account) else {
            return refuse(command, account: nil, .accountUnknown, &outcomes)
        }
        let isSet = command.field(Layout.SetBar.isSet, as: UInt8.self)
        let scope = command.field(Layout.SetBar.scope, as: UInt8.self)
        let id = command.field(Layout.SetBar.id, as: UInt64.self)
        if scope == 2, markets.fixture(FixtureID(id)) == nil {
            return refuse(command, account: number, .fixtureUnknown, &outcomes)
        }
        guard let row = barRow(scope, id, of: number), isSet <= 1 else {
            return refuse(command, account: number, .malformed, &outcomes)
        }
        guard command.field(Layout.SetBar.actor, as: UInt64.self) != 0 else {
            return refuse(command, account: number, .operatorMissing, &outcomes)
        }
        guard command.field(Layout.SetBar.reason, as: UInt8.self) != 0 else {
            return refuse(command, account: number, .reasonMissing, &outcomes)
        }
        guard isSet == 0 || command.field(Layout.SetBar.notice, as: UInt8.self) != 0 else {
            return refuse(command, account: number, .noticeMissing, &outcomes)
        }
        let place = bars.firstIndex { $0 >= row } ?? bars.count
        let isThere = place < bars.count && bars[place] == row
        guard isThere != (isSet == 1) else {
            return refuse(command, account: number, .noChange, &outcomes)
        }
        if isThere {
            bars.remove(at: place)
        } else {
            guard bars.count < Self.mostBars else {
                return refuse(command, account: number, .full, &outcomes)
            }
            bars.insert(row, at: place)
        }
        accounts.change(account: number) { $0.bars = isThere ? $0.bars - 1 : $0.bars + 1 }
        answer(command, account: number, nil, &outcomes)
    }

    /// Nil for a match that is not known, and for no scope.
    private func barRow(_ scope: UInt8, _ id: UInt64, of account: UInt32) -> BarRow? {
        switch scope {
        case 1:
            guard UInt8(exactly: id).flatMap(Sport.init(rawValue:)) != nil else { return nil }
            return BarRow(account: account, scope: scope, of: id)
        case 2:
            guard let fixture = markets.fixture(FixtureID(id)) else { return nil }
            return BarRow(account: account, scope: scope, of: UInt64(fixture))
        default: return nil
        }
    }

    /// Whether somebody is kept from a match.
    borrowing func isBarred(_ account: UInt32, from fixture: UInt32) -> Bool {
        guard accounts.accounts[account].bars > 0, !planted(.barIgnored) else { return false }
        let sport = UInt64(markets.fixtures[fixture].sport)
        return bars.contains {
            $0.account == account
                && $0.of == ($0.scope == 1 ? sport : UInt64(fixture))
        }
    }

    /// That nobody bets on what it is kept from.
    @inline(never)
    func checkBars(_ request: PlaceRequest, _ account: UInt32) throws(Refused) {
        for index in 0..<request.legCount
        where isBarred(account, from: scratch[index].fixture) {
            throw Refused(.barred, leg: index)
        }
    }

    /// What a customer is kept from, sports first; nil for nobody.
    public func bars(of account: AccountID) -> [BarScope]? {
        guard let number = accounts.account(account) else { return nil }
        return bars.filter { $0.account == number }.map { row in
            row.scope == 1
                ? .sport(UInt8(truncatingIfNeeded: row.of))
                : .fixture(
                    FixtureID(partition: rules.partition, row: UInt32(truncatingIfNeeded: row.of)))
        }
    }
}
