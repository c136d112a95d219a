import Betting
import Customers
import Kernel

/// Where customers are, as far as that was decided: the newest decision of each, for the bets that name it.
extension Engine {
    mutating func setLocation(_ command: RecordBytes, _ outcomes: inout RecordWriter) {
        typealias Said = Layout.Location
        guard let number = accounts.account(command.account) else {
            return refuse(command, account: nil, .accountUnknown, &outcomes)
        }
        let session = command.field(Said.session, as: UInt64.self)
        let mark = command.field(Said.mark, as: UInt64.self)
        let until = UInt32(clamping: command.field(Said.until, as: Int64.self) / 1_000_000_000)
        guard session != 0, mark != 0, until > 0,
            let verdict = LocationVerdict(rawValue: command.field(Said.verdict, as: UInt8.self)),
            LocationSource(rawValue: command.field(Said.source, as: UInt8.self)) != nil
        else { return refuse(command, account: number, .malformed, &outcomes) }
        accounts.change(account: number) {
            $0.located = command.sequence
            $0.locatedMark = mark
            $0.locatedUntil = verdict == .inside ? until : 0
        }
        answer(command, account: number, nil, &outcomes)
    }

    /// That a bet comes from where bets are taken, by the newest decision, which still holds: what was decided of another
    /// device, or of another address of the same one, says nothing of this bet.
    @inline(never)
    func checkLocation(_ command: RecordBytes, _ account: UInt32, at time: Timestamp)
        throws(Refused)
    {
        let row = accounts.accounts[account]
        let mark = command.field(Layout.Place.located, as: UInt64.self)
        let decision = Int64(truncatingIfNeeded: row.located)
        guard row.located != 0, row.locatedMark == mark || planted(.anyDecisionLocates)
        else { throw Refused(.locationUnknown, value: decision) }
        guard row.locatedUntil != 0 else {
            if planted(.abroadTaken) { return }
            throw Refused(.locationRefused, value: decision)
        }
        let end = Int64(row.locatedUntil) * 1_000_000_000
        guard time.nanoseconds < end || planted(.locationOutlived) else {
            throw Refused(.locationUnknown, value: decision)
        }
    }
}
