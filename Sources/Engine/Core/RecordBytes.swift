import Betting
public import Kernel

/// Sizes of the journal's records. Source: docs/formats/journal.md.
public enum SlotSize {
    public static let bytes = 256
    /// Where a record's body starts in its first slot.
    public static let head = 80
    /// Body bytes in the first slot.
    public static let firstBody = 176
    /// Where the body goes on in every further slot.
    public static let continuationHead = 8
    public static let continuationBody = 248
    /// The longest record: twenty legs, or a market with all its selections.
    public static let mostSlots = 32

    @inlinable public static func slots(forBody bytes: Int) -> Int {
        bytes <= firstBody
            ? 1 : 1 + (bytes - firstBody + continuationBody - 1) / continuationBody
    }
}

/// A record in place: one or more slots of 256 bytes, little-endian, in memory that somebody else owns.
///
/// Offsets into the body are logical; they step over the heads of further slots. Fields are aligned
/// to their size, so none is ever cut by a slot's end. Whoever makes one vouches for `slots` x 256
/// bytes that outlive it; every access is checked against them.
@safe public struct RecordBytes {
    @usableFromInline let base: UnsafeMutableRawPointer
    public let slots: Int

    @inlinable @unsafe public init(_ base: UnsafeMutableRawPointer, slots: Int) {
        unsafe self.base = base
        self.slots = slots
    }

    /// Where the memory is, for whoever copies or checks whole slots.
    @inlinable @unsafe public var address: UnsafeMutableRawPointer { unsafe base }
    @inlinable public var byteCount: Int { slots * SlotSize.bytes }

    @inlinable func place(_ offset: Int, _ width: Int) -> Int {
        precondition(offset >= 0, "a field before its record")
        if offset < SlotSize.firstBody { return SlotSize.head + offset }
        let beyond = offset - SlotSize.firstBody
        let slot = 1 + beyond / SlotSize.continuationBody
        precondition(slot < slots, "a field after its record")
        return slot * SlotSize.bytes + SlotSize.continuationHead
            + beyond % SlotSize.continuationBody
    }

    // MARK: Head, by absolute offset

    @inlinable func headField<T: FixedWidthInteger & BitwiseCopyable>(_ offset: Int, as: T.Type)
        -> T
    {
        unsafe base.loadUnaligned(fromByteOffset: offset, as: T.self)
    }

    @inlinable func setHead<T: FixedWidthInteger & BitwiseCopyable>(_ offset: Int, _ value: T) {
        unsafe base.storeBytes(of: value, toByteOffset: offset, as: T.self)
    }

    @inlinable public var checksum: UInt32 {
        get { headField(0, as: UInt32.self) }
        nonmutating set { setHead(0, newValue) }
    }
    @inlinable public var rawKind: UInt8 { headField(4, as: UInt8.self) }
    @inlinable public var kind: RecordKind? { RecordKind(rawValue: rawKind) }
    @inlinable public var layoutVersion: UInt8 { headField(5, as: UInt8.self) }
    @inlinable public var flags: UInt16 {
        get { headField(6, as: UInt16.self) }
        nonmutating set { setHead(6, newValue) }
    }
    @inlinable public var slotCount: UInt16 { headField(8, as: UInt16.self) }
    @inlinable public var rulesVersion: UInt32 {
        get { headField(12, as: UInt32.self) }
        nonmutating set { setHead(12, newValue) }
    }
    @inlinable public var sequence: UInt64 {
        get { headField(16, as: UInt64.self) }
        nonmutating set { setHead(16, newValue) }
    }
    @inlinable public var time: Timestamp {
        get { Timestamp(nanoseconds: headField(24, as: Int64.self)) }
        nonmutating set { setHead(24, newValue.nanoseconds) }
    }
    /// The sequence of the record that caused this one, 0 where nothing of ours did.
    @inlinable public var cause: UInt64 {
        get { headField(32, as: UInt64.self) }
        nonmutating set { setHead(32, newValue) }
    }
    @inlinable public var account: AccountID {
        get { AccountID(headField(40, as: UInt64.self)) }
        nonmutating set { setHead(40, newValue.rawValue) }
    }
    @inlinable public var clientID: ExternalID {
        get {
            ExternalID(high: headField(48, as: UInt64.self), low: headField(56, as: UInt64.self))
        }
        nonmutating set {
            setHead(48, newValue.high)
            setHead(56, newValue.low)
        }
    }
    @inlinable public var requestHash: ExternalID {
        get {
            ExternalID(high: headField(64, as: UInt64.self), low: headField(72, as: UInt64.self))
        }
        nonmutating set {
            setHead(64, newValue.high)
            setHead(72, newValue.low)
        }
    }

    // MARK: Body, by logical offset

    @inline(__always)
    @inlinable public func field<T: FixedWidthInteger & BitwiseCopyable>(_ offset: Int, as: T.Type)
        -> T
    {
        unsafe base.loadUnaligned(fromByteOffset: place(offset, MemoryLayout<T>.size), as: T.self)
    }

    @inline(__always)
    @inlinable public func set<T: FixedWidthInteger & BitwiseCopyable>(_ offset: Int, _ value: T) {
        unsafe base.storeBytes(
            of: value, toByteOffset: place(offset, MemoryLayout<T>.size), as: T.self)
    }

    @inline(__always)
    @inlinable public func odds(at offset: Int) -> Odds? {
        let numerator = field(offset, as: UInt32.self)
        let denominator = field(offset + 4, as: UInt32.self)
        guard denominator > 0, numerator > denominator else { return nil }
        return Odds(reduced: numerator, denominator)
    }

    /// Through which a `place` came.
    public var channel: UInt16 { flags >> 4 & 15 }

    /// Whether a `place` is taken only where its customer is known to be where bets are taken.
    @inline(__always)
    public var mustBeLocated: Bool { flags & Layout.Place.mustBeLocated != 0 }

    /// Whether a leg of a `place` is to be paid at its starting price.
    public func isAtStart(_ leg: Int) -> Bool {
        let offset = Layout.Place.legs + leg * Layout.Place.legSize
        return field(offset + Layout.Leg.priceKind, as: UInt8.self) == PriceKind.starting.rawValue
            && odds(at: offset + Layout.Leg.odds) == nil
    }

    @inline(__always)
    @inlinable public func set(_ offset: Int, _ odds: Odds?) {
        set(offset, odds?.numerator ?? 0)
        set(offset + 4, odds?.denominator ?? 0)
    }

    /// Each-way terms in three bytes; nil for none, and for what is none.
    public func places(at offset: Int) -> PlaceTerms? {
        PlaceTerms(
            places: field(offset, as: UInt8.self), numerator: field(offset + 1, as: UInt8.self),
            denominator: field(offset + 2, as: UInt8.self))
    }

    @inline(__always)
    public func set(_ offset: Int, _ places: PlaceTerms?) {
        set(offset, places?.places ?? 0)
        set(offset + 1, places?.numerator ?? 0)
        set(offset + 2, places?.denominator ?? 0)
    }

    /// Raw bytes, such as a digest.
    public func set(_ offset: Int, bytes: [UInt8]) {
        for (index, byte) in bytes.enumerated() { set(offset + index, byte) }
    }

    public func bytes(_ offset: Int, count: Int) -> [UInt8] {
        (0..<count).map { field(offset + $0, as: UInt8.self) }
    }

    /// Zero-padded UTF-8 of at most `width` bytes; longer text is cut at a character's edge.
    public func set(_ offset: Int, text: String, width: Int) {
        var bytes = Array(text.utf8)
        if bytes.count > width {
            var end = width
            while end > 0, bytes[end] & 0xc0 == 0x80 { end -= 1 }
            bytes.removeSubrange(end...)
        }
        for index in 0..<width { set(offset + index, index < bytes.count ? bytes[index] : 0) }
    }

    public func text(_ offset: Int, width: Int) -> String {
        var bytes: [UInt8] = []
        for index in 0..<width {
            let byte = field(offset + index, as: UInt8.self)
            if byte == 0 { break }
            bytes.append(byte)
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Writes the head of a fresh record over zeroed slots and numbers its further slots.
    public func begin(_ kind: RecordKind) {
        unsafe base.initializeMemory(as: UInt8.self, repeating: 0, count: byteCount)
        setHead(4, kind.rawValue)
        setHead(5, RecordKind.layoutVersion)
        setHead(8, UInt16(slots))
        for slot in 1..<max(1, slots) {
            setHead(slot * SlotSize.bytes + 4, RecordKind.continuation)
            setHead(slot * SlotSize.bytes + 6, UInt16(slot))
        }
    }
}

/// Where records are appended: slots of a block, in memory that the caller owns.
///
/// Bound: `capacity` slots. Appending past it is a broken promise, since the sequencer leaves room
/// for the most that one command can write (`Engine.mostOutcomeSlots`).
@safe public struct RecordWriter: ~Copyable {
    @usableFromInline let base: UnsafeMutableRawPointer
    public let capacity: Int
    public private(set) var used: Int
    /// The sequence that the next record gets.
    public private(set) var nextSequence: UInt64

    @unsafe public init(_ base: UnsafeMutableRawPointer, capacity: Int, nextSequence: UInt64) {
        unsafe self.base = base
        self.capacity = capacity
        self.nextSequence = nextSequence
        used = 0
    }

    /// Takes `slots` slots and the next sequence, without touching the bytes.
    public mutating func reserve(slots: Int) -> RecordBytes {
        precondition(used + slots <= capacity, "a block has room for every outcome of a command")
        let record = unsafe RecordBytes(base + used * SlotSize.bytes, slots: slots)
        used += slots
        return record
    }

    /// A zeroed record of `kind`, with its sequence, the time and the cause of `command`.
    public mutating func append(_ kind: RecordKind, body: Int, after command: RecordBytes)
        -> RecordBytes
    {
        let record = reserve(slots: SlotSize.slots(forBody: body))
        record.begin(kind)
        record.sequence = takeSequence()
        record.time = command.time
        record.cause = command.sequence
        record.rulesVersion = command.rulesVersion
        return record
    }

    public mutating func takeSequence() -> UInt64 {
        defer { nextSequence += 1 }
        return nextSequence
    }
}

extension RecordBytes {
    /// Whether a settlement's exact fraction takes further slots.
    public var isWideSettlement: Bool {
        let promotional = isPromotionalSettlement ? Layout.BetSettled.returnedSize : 0
        return slots > SlotSize.slots(forBody: Layout.BetSettled.size + promotional)
    }

    public var isPromotionalSettlement: Bool { flags & Layout.BetSettled.isPromotional != 0 }

    /// What a settlement gives back beside cash, and what had come back before it.
    public var settlementReturns: (now: PromotionalReturn, before: PromotionalReturn) {
        guard isPromotionalSettlement else { return (.none, .none) }
        let place =
            isWideSettlement ? Layout.BetSettled.wideSize : Layout.BetSettled.size
        func amount(_ index: Int) -> Int64 { field(place + index * 8, as: Int64.self) }
        return (
            PromotionalReturn(bonus: amount(0), free: amount(2)),
            PromotionalReturn(bonus: amount(1), free: amount(3))
        )
    }

    /// Of which money the stake of a bet is; `stake` is all of it.
    public var placedSplit: StakeSplit {
        let stake = field(Layout.Placed.stake, as: Int64.self)
        guard flags & Layout.Placed.isPromotional != 0 else { return StakeSplit(cash: stake) }
        let place = Layout.Placed.split(
            legs: Int(field(Layout.Placed.legCount, as: UInt8.self)))
        let (bonus, free) = (field(place, as: Int64.self), field(place + 8, as: Int64.self))
        return StakeSplit(cash: stake - bonus - free, bonus: bonus, free: free)
    }

    /// The same, into an answer with room for it.
    func write(_ stake: StakeSplit) {
        flags |= Layout.Placed.isPromotional
        let place = Layout.Placed.split(
            legs: Int(field(Layout.Placed.legCount, as: UInt8.self)))
        set(place, stake.bonus)
        set(place + 8, stake.free)
    }

    /// What was asked for, where another stake was taken; nil where it was taken as asked.
    public var placedAsked: Int64? {
        guard flags & Layout.Placed.isFilled != 0 else { return nil }
        return field(askedPlace, as: Int64.self)
    }

    func write(asked: Int64) {
        flags |= Layout.Placed.isFilled
        set(askedPlace, asked)
    }

    /// The `location` by which a bet was taken; nil where nobody asked where its customer is.
    public var placedLocation: UInt64? {
        guard flags & Layout.Placed.isLocated != 0 else { return nil }
        return field(locatedPlace, as: UInt64.self)
    }

    func write(located: UInt64) {
        flags |= Layout.Placed.isLocated
        set(locatedPlace, located)
    }

    private var locatedPlace: Int {
        askedPlace + (flags & Layout.Placed.isFilled != 0 ? Layout.Placed.askedSize : 0)
    }

    private var askedPlace: Int {
        let split = flags & Layout.Placed.isPromotional != 0 ? Layout.Placed.splitSize : 0
        return Layout.Placed.size(legs: Int(field(Layout.Placed.legCount, as: UInt8.self))) + split
    }

    /// The stored returns of a settlement, as far as `bet` can have them.
    func returned(of bet: BetRow) -> PromotionalReturn {
        bet.isPromotional ? settlementReturns.now : .none
    }
}
