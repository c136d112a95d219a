import Betting
import JSONText
import Kernel
import Ledger
import ProjectionService

/// What a customer reads of its own rows.
extension Messages {
    static func write(_ notice: Notice, to json: inout JSONWriter) {
        json.object { json in
            json.key("record")
            json.numberText(notice.sequence)
            json.key("time")
            json.string(Timestamp(nanoseconds: notice.time).description)
            json.key("kind")
            json.string(notice.kind)
            json.key("text")
            json.string(notice.text)
            guard let bet = notice.bet else { return }
            json.key("bet")
            json.numberText(bet)
            json.key("before")
            json.number(notice.before)
            json.key("payout")
            json.number(notice.payout)
        }
    }

    static func write(_ line: StatementLine, to json: inout JSONWriter) {
        json.object { json in
            json.key("id")
            json.numberText(line.sequence)
            json.key("time")
            json.string(Timestamp(nanoseconds: line.time).description)
            json.key("reason")
            json.string(EntryReason(rawValue: line.reason)?.word ?? "unknown")
            json.key("change")
            json.number(line.cashChange)
            if line.bonusChange != 0 {
                json.key("bonusChange")
                json.number(line.bonusChange)
            }
            if line.freeChange != 0 {
                json.key("freeChange")
                json.number(line.freeChange)
            }
            if line.bet != 0 {
                json.key("bet")
                json.numberText(line.bet)
            }
            json.key("balances")
            balances(Balances(line), to: &json)
        }
    }

    static func write(
        _ bet: ProjectedBet, to json: inout JSONWriter, in view: CatalogueView
    ) {
        json.object { json in
            json.key("id")
            json.numberText(bet.bet)
            json.key("clientId")
            json.string(bet.client.description)
            json.key("status")
            json.string(BetStatus(rawValue: bet.status)?.word ?? "unknown")
            json.key("stake")
            json.number(bet.stake)
            json.key("potentialReturn")
            json.number(bet.potentialReturn)
            json.key("payout")
            json.number(bet.payout)
            write(bet.split, to: &json)
            if bet.split != nil { write(bet.returned, to: &json) }
            if bet.soldStake > 0 {
                json.key("sold")
                json.object { json in
                    json.key("stake")
                    json.number(bet.soldStake)
                    json.key("payout")
                    json.number(bet.soldFor)
                }
            }
            write(systemOf: bet, to: &json)
            if let joint = bet.joint {
                json.key("jointOdds")
                write(odds: joint, to: &json)
            }
            json.key("placedAt")
            json.string(Timestamp(nanoseconds: bet.placedAt).description)
            if bet.dueAt != 0 {
                json.key("dueAt")
                json.string(Timestamp(nanoseconds: bet.dueAt).description)
            }
            if bet.settledAt != 0 {
                json.key("settledAt")
                json.string(Timestamp(nanoseconds: bet.settledAt).description)
            }
            json.key("settlement")
            json.number(bet.settlementVersion)
            if bet.isVoidByHand {
                json.key("reason")
                json.string(SettlementReason.voidedByOperators.word)
            }
            if let refusal = Refusal(rawValue: bet.refusal) {
                json.key("refusal")
                write(
                    refusal: refusal, leg: .max, value: bet.value, threshold: bet.threshold,
                    to: &json)
            }
            json.key("legs")
            json.array { json in
                for leg in bet.legs { write(leg, to: &json, in: view) }
            }
        }
    }

    private static func write(
        _ leg: ProjectedBet.Leg, to json: inout JSONWriter, in view: CatalogueView
    ) {
        json.object { json in
            writeMembers(of: leg, to: &json, in: view)
        }
    }

    /// The price of a leg, or that it is paid at its starting price.
    static func write(legOdds odds: Odds?, to json: inout JSONWriter) {
        json.key("odds")
        write(odds: odds, to: &json)
        guard odds == nil else { return }
        json.key("startingPrice")
        json.bool(true)
    }

    static func writeMembers(
        of leg: ProjectedBet.Leg, to json: inout JSONWriter, in view: CatalogueView
    ) {
        let market = view.markets[MarketID(leg.market)]
        let fixture = market.flatMap { view.fixtures[$0.fixture] }
        write(places: leg.places, to: &json)
        json.key("market")
        json.numberText(leg.market)
        json.key("selection")
        json.number(leg.selection)
        write(legOdds: leg.odds, to: &json)
        json.key("marketName")
        json.string(market?.name ?? "Market \(leg.market)")
        json.key("selectionName")
        let names = market?.selections.map(\.name) ?? []
        json.string(
            Int(leg.selection) < names.count
                ? names[Int(leg.selection)] : "Selection \(leg.selection)")
        json.key("fixtureName")
        json.string(fixture?.title ?? "")
    }
}
