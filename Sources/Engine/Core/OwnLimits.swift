public import Customers
public import Kernel

/// One of the limits that customers set for themselves.
struct LimitRow: BitwiseCopyable {
    /// The command that last changed it.
    var version: UInt64
    var value: OwnLimit
    var account: UInt32
    /// The account's next limit: its row plus one, 0 at the end.
    var next: UInt32
    var kind: UInt8
    var period: UInt8

    func mix(_ row: UInt32) -> RowMix {
        var mix = RowMix(kind: 25, row: UInt64(row))
        mix.combine(version, UInt64(account) << 32 | UInt64(next))
        mix.combine(value.amount, value.next)
        mix.combine(UInt64(bitPattern: value.nextFrom), UInt64(kind) << 8 | UInt64(period))
        return mix
    }
}

extension AccountBook {
    /// All kinds for all periods.
    static let limitsPerAccount = LimitKind.allCases.count * LimitPeriod.allCases.count

    /// O(limits of the account).
    func limit(_ kind: LimitKind, _ period: LimitPeriod, of account: UInt32) -> UInt32? {
        var next = accounts[account].firstLimit
        while next != 0 {
            let row = limits[next - 1]
            if row.kind == kind.rawValue, row.period == period.rawValue { return next - 1 }
            next = row.next
        }
        return nil
    }

    /// Each limit hangs on its account once, under a name of its own.
    func limitProblems() -> [String] {
        var counted = 0
        for number in 0..<UInt32(accounts.count) {
            var seen: UInt64 = 0
            var next = accounts[number].firstLimit
            while next != 0 {
                guard next <= UInt32(limits.count), limits[next - 1].account == number else {
                    return ["account \(number): its list of limits leads elsewhere"]
                }
                let row = limits[next - 1]
                let name = UInt64(1) << UInt64(row.kind & 7 | (row.period & 7) << 3)
                guard seen & name == 0 else {
                    return ["account \(number) has two limits of one name"]
                }
                seen |= name
                counted += 1
                next = row.next
            }
        }
        return counted == limits.count ? [] : ["\(limits.count - counted) limits are nobody's"]
    }
}

extension Engine {
    /// A customer bounds its own play: tighter at once, looser after a cooling-off.
    mutating func setLimit(_ command: RecordBytes, _ outcomes: inout RecordWriter) {
        let layout = Layout.SetLimit.self
        guard let account = accounts.account(command.account) else {
            return answer(command, limit: nil, .accountUnknown, &outcomes)
        }
        guard let kind = LimitKind(rawValue: command.field(layout.kind, as: UInt8.self)),
            let period = LimitPeriod(rawValue: command.field(layout.period, as: UInt8.self))
        else { return answer(command, limit: nil, .malformed, &outcomes) }
        let number = accounts.limit(kind, period, of: account)
        let amount = command.field(layout.amount, as: Int64.self)
        let most = kind == .time ? period.minutes : Limits.minorUnits
        let isOutOfRange = !(OwnLimit.none...most).contains(amount)
        guard !refuses(command, .amountOutOfRange, when: isOutOfRange) else {
            return answer(command, limit: number, .amountOutOfRange, &outcomes)
        }
        let expected = command.field(layout.expected, as: UInt64.self)
        let version = number.map { accounts.limits[$0].version } ?? 0
        guard expected == .max || expected == version || planted(.expectationIgnored) else {
            return answer(command, limit: number, .changedSince, &outcomes)
        }
        let before = number.map { accounts.limits[$0].value } ?? .unset
        let after = limit(command, before.asked(for: amount, by: command, ruleSet))
        if let number {
            if after != before {
                accounts.change(limit: number) {
                    $0.value = after
                    $0.version = command.sequence
                }
            }
            return answer(command, limit: number, nil, &outcomes)
        }
        // What was never set and stays so needs no row.
        guard after != .unset else { return answer(command, limit: nil, nil, &outcomes) }
        let added = accounts.add(
            LimitRow(
                version: command.sequence, value: after, account: account, next: 0,
                kind: kind.rawValue, period: period.rawValue))
        answer(command, limit: added, nil, &outcomes)
    }

    /// In replay what is stored, and a note when these rules let it hold from another moment.
    private mutating func limit(_ command: RecordBytes, _ ours: OwnLimit) -> OwnLimit {
        guard stored.isFollowed, let fact = stored.limit, fact != ours else { return ours }
        note(
            command, bet: 0, fact: Decision(holdsFrom: fact.nextFrom),
            ours: Decision(holdsFrom: ours.nextFrom))
        return fact
    }

    private func answer(
        _ command: RecordBytes, limit number: UInt32?, _ refusal: OperationRefusal?,
        _ outcomes: inout RecordWriter
    ) {
        let layout = Layout.LimitChanged.self
        let record = outcomes.append(.limitChanged, body: layout.size, after: command)
        record.account = command.account
        record.set(layout.refusal, refusal?.rawValue ?? 0)
        record.set(layout.kind, command.field(Layout.SetLimit.kind, as: UInt8.self))
        record.set(layout.period, command.field(Layout.SetLimit.period, as: UInt8.self))
        let value = number.map { accounts.limits[$0].value } ?? .unset
        record.set(layout.amount, value.amount)
        record.set(layout.next, value.next)
        record.set(layout.nextFrom, value.nextFrom)
        record.set(layout.version, number.map { accounts.limits[$0].version } ?? 0)
    }
}

extension OwnLimit {
    fileprivate func asked(for amount: Int64, by command: RecordBytes, _ rules: RuleSet)
        -> OwnLimit
    {
        let coolingOff = planted(.limitLoosenedAtOnce) ? 0 : rules.limitCoolingOff * 1_000_000
        return asking(for: amount, at: command.time.nanoseconds, coolingOff: coolingOff)
    }
}

extension OwnLimit {
    /// As a record `limit_changed` states it.
    public init(limitChanged record: RecordBytes) {
        self.init(
            amount: record.field(Layout.LimitChanged.amount, as: Int64.self),
            next: record.field(Layout.LimitChanged.next, as: Int64.self),
            nextFrom: record.field(Layout.LimitChanged.nextFrom, as: Int64.self))
    }
}

/// One of a customer's own limits, as the engine has it.
public struct LimitPicture: Sendable {
    public let kind: LimitKind
    public let period: LimitPeriod
    public let value: OwnLimit
    /// The command that last changed it, 0 never set.
    public let version: UInt64

    /// As a record `limit_changed` states it; nil when it names none.
    public init?(limitChanged record: RecordBytes) {
        guard
            let kind = LimitKind(
                rawValue: record.field(Layout.LimitChanged.kind, as: UInt8.self)),
            let period = LimitPeriod(
                rawValue: record.field(Layout.LimitChanged.period, as: UInt8.self))
        else { return nil }
        self.kind = kind
        self.period = period
        value = OwnLimit(limitChanged: record)
        version = record.field(Layout.LimitChanged.version, as: UInt64.self)
    }

    init(_ kind: LimitKind, _ period: LimitPeriod, _ row: LimitRow?) {
        self.kind = kind
        self.period = period
        value = row?.value ?? .unset
        version = row?.version ?? 0
    }
}

extension Engine {
    /// One limit, also one that was never set; nil when there is no such account.
    public borrowing func limit(_ kind: LimitKind, _ period: LimitPeriod, of id: AccountID)
        -> LimitPicture?
    {
        guard let account = accounts.account(id) else { return nil }
        return LimitPicture(
            kind, period, accounts.limit(kind, period, of: account).map { accounts.limits[$0] })
    }

    /// Every limit that was ever set, in the order of kinds and periods.
    public borrowing func limits(of id: AccountID) -> [LimitPicture] {
        guard let account = accounts.account(id) else { return [] }
        var found: [LimitPicture] = []
        for kind in LimitKind.allCases {
            for period in LimitPeriod.allCases {
                if let number = accounts.limit(kind, period, of: account) {
                    found.append(LimitPicture(kind, period, accounts.limits[number]))
                }
            }
        }
        return found
    }
}
