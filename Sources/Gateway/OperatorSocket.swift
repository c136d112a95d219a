import Catalogue
import EngineCore
import EngineJournal
import EngineService
import JSONText
import Kernel
import NetworkCodecs
import NetworkLoops

/// One operator's page: an image to begin with, then what changed, four times a second.
final class OperatorSocket: WebSocketHandler, OperationLine {
    private let gateway: OperatorGateway
    private let person: OperatorRegistry.Operator
    private let token: String
    private let peer: String
    var operationsInFlight = 0
    /// It is told to go as soon as everything is answered, and takes nothing new.
    private(set) var isLeaving = false
    weak var socket: WebSocketConnection?
    var needsImage = true
    var hasNews = true
    private var changedMarkets: Set<MarketID> = []
    private var turns = 0

    /// Markets of one message.
    private static let mostMarkets = 2000

    /// `token` is what the page's session is found by, while it lasts.
    init(
        _ gateway: OperatorGateway, _ person: OperatorRegistry.Operator, token: String,
        peer: String
    ) {
        self.token = token
        self.peer = peer
        self.gateway = gateway
        self.person = person
    }

    func opened(_ socket: WebSocketConnection) {
        self.socket = socket
        gateway.sockets[ObjectIdentifier(self)] = self
        gateway.hub.watchDesk(self)
        turn()
    }

    /// Operations, as on the punters' side: `{"op": name, "ref": …, "parameters": {…}, "body": {…}}`.
    func received(_ text: Span<UInt8>, isText: Bool, on socket: WebSocketConnection) {
        guard isText else { return socket.close(.unsupportedData, "text only") }
        var ref: String?
        do throws(Problem) {
            let json: JSONValue
            do {
                json = try JSONParser(depth: 6, members: 512).parse(text)
            } catch {
                // What is not understood counts like what is.
                try mayAsk(isFirst: false)
                throw Problem(400, "malformed", "\(error.what) at byte \(error.offset)")
            }
            ref = json["ref"]?.identifier
            let asked = gateway.operations[json["op"]?.text ?? ""]
            try mayAsk(isFirst: asked?.description.comesFirst ?? false)
            try carryOut(json)
        } catch {
            socket.send(text: Messages.failure(error, ref: ref))
        }
    }

    private func mayAsk(isFirst: Bool) throws(Problem) {
        try gateway.settings.rates.ask(
            person.rateKey, peer, now: gateway.hub.loop.milliseconds, isFirst: isFirst)
    }

    private func carryOut(_ json: JSONValue) throws(Problem) {
        guard let operation = gateway.operations[json["op"]?.text ?? ""],
            !operation.description.isAboutHTTP
        else { throw Problem(400, "unknown_op", "op: an operation's name") }
        guard let reply = reply(to: operation.name, json["ref"]?.identifier) else { return }
        gateway.carryOut(
            operation, OperatorGateway.Call(form: .message(json), session: gateway.person(token)),
            reply)
    }

    func changed(_ market: MarketID) { changedMarkets.insert(market) }

    /// At once, or as soon as what it waits for is answered.
    func goAway() {
        isLeaving = true
        guard operationsInFlight == 0 else { return }
        socket?.close(.goingAway)
    }

    /// Ends with its session.
    func checkSession() {
        if gateway.person(token) == nil { goAway() }
    }

    func closed(_ socket: WebSocketConnection) {
        gateway.sockets[ObjectIdentifier(self)] = nil
        gateway.hub.unwatchDesk(self)
    }

    func turn() {
        guard let socket, socket.isWritable, !isLeaving else { return }
        turns += 1
        let hub = gateway.hub
        var json = JSONWriter(reserving: 4096)
        let isImage = needsImage
        json.object { json in
            json.key("type")
            json.string(isImage ? "image" : "delta")
            json.key("operator")
            json.number(person.id)
            json.key("role")
            json.string(person.role.word)
            json.key("currency")
            json.string(hub.view.currency.letters)
            if isImage { OperatorGateway.write(channels: hub.view.shutChannels, to: &json) }
            json.key("order")
            json.number(hub.view.order)
            writeMarkets(isImage, hub.view, &json)
            if isImage || hasNews {
                writeTicker(hub, &json)
                writeProposals(hub.view, &json)
            }
            if isImage || turns % 4 == 0 { writeHealth(&json) }
        }
        needsImage = false
        hasNews = false
        socket.send(text: json.bytes)
    }

    func push(exposures: [MarketExposure]) {
        guard let socket, socket.isWritable, !needsImage, !isLeaving else { return }
        var json = JSONWriter(reserving: 2048)
        json.object { json in
            json.key("type")
            json.string("delta")
            json.key("operator")
            json.number(person.id)
            json.key("markets")
            json.array { _ in }
            json.key("exposures")
            json.array { json in
                for one in exposures {
                    json.array { json in
                        json.numberText(one.market.rawValue)
                        json.number(one.staked)
                        json.number(one.worstLoss)
                        json.number(one.openLegs)
                    }
                }
            }
        }
        socket.send(text: json.bytes)
    }

    private func writeMarkets(_ isImage: Bool, _ view: CatalogueView, _ json: inout JSONWriter) {
        let wanted: [MarketID]
        if isImage {
            let now = wallClock()
            wanted = view.deskMarkets(at: now)
        } else {
            wanted = changedMarkets.sorted()
        }
        // What does not fit comes with the next ones.
        changedMarkets = Set(wanted.dropFirst(Self.mostMarkets))
        json.key("markets")
        json.array { json in
            for id in wanted.prefix(Self.mostMarkets) {
                guard let market = view.markets[id] else { continue }
                write(market, view, &json)
            }
        }
    }

    private func write(_ market: MarketView, _ view: CatalogueView, _ json: inout JSONWriter) {
        let fixture = view.fixtures[market.fixture]
        json.object { json in
            json.key("id")
            json.numberText(market.id.rawValue)
            json.key("fixture")
            json.string(fixture.map { "\($0.home) v \($0.away)" } ?? "")
            json.key("fixtureId")
            json.numberText(market.fixture.rawValue)
            json.key("score")
            Messages.write(score: fixture?.state.score ?? Score.unknown, to: &json)
            json.key("inPlay")
            json.bool(fixture?.state.isInPlay ?? false)
            json.key("status")
            json.string((fixture?.state.status ?? .notStarted).word)
            json.key("byHand")
            json.bool(market.isByHand)
            json.key("name")
            json.string(market.name)
            json.key("version")
            json.number(market.version)
            Messages.write(reasons: market.reasons, to: &json)
            json.key("resulted")
            json.bool(market.isResulted)
            json.key("disputed")
            json.bool(market.isDisputed)
            json.key("settlement")
            json.number(market.settlementVersion)
            json.key("margin")
            json.number(market.margin)
            json.key("handMargin")
            json.numberOrNull(market.handMargin)
            json.key("staked")
            json.number(market.staked)
            json.key("worstLoss")
            json.number(market.worstLoss)
            json.key("liabilityLimit")
            json.number(market.liabilityLimit)
            json.key("openLegs")
            json.number(market.openLegs)
            json.key("eachWay")
            json.bool(market.places != nil)
            json.key("winners")
            json.number(market.winners)
            json.key("selections")
            json.array { json in
                for selection in market.selections {
                    json.object { json in
                        json.key("name")
                        json.string(selection.name)
                        json.key("odds")
                        Messages.write(odds: selection.odds, to: &json)
                        json.key("held")
                        json.bool(selection.isHeld)
                        json.key("reference")
                        json.number(selection.reference)
                        json.key("result")
                        json.string(selection.outcome.result.word)
                        let isShared =
                            market.winners == 0 && selection.outcome.result == .deadHeat
                        if isShared || selection.outcome.position > 0 {
                            json.key("finish")
                            json.object { json in
                                json.key(isShared ? "wins" : "position")
                                json.number(
                                    Int(
                                        isShared
                                            ? selection.outcome.winners : selection.outcome.position
                                    ))
                                json.key("tied")
                                json.number(Int(max(1, selection.outcome.tied)))
                            }
                        }
                    }
                }
            }
        }
    }

    private func writeTicker(_ hub: Hub, _ json: inout JSONWriter) {
        json.key("ticker")
        json.array { json in
            for line in hub.ticker.lines.suffix(Ticker.shown).reversed() {
                json.object { json in
                    json.key("bet")
                    json.numberText(line.bet)
                    json.key("account")
                    json.numberText(line.account)
                    json.key("time")
                    json.string(line.time.description)
                    json.key("status")
                    json.string(line.status)
                    json.key("stake")
                    json.number(line.stake)
                    json.key("amount")
                    json.number(line.amount)
                    json.key("detail")
                    json.string(line.detail)
                    write(line.offer, &json)
                    write(line.legs, hub.view, &json)
                }
            }
        }
    }

    private func write(_ offer: TickerLine.Offer?, _ json: inout JSONWriter) {
        json.key("offer")
        guard let offer else { return json.null() }
        json.object { json in
            json.key("stake")
            json.number(offer.stake)
            json.key("odds")
            json.array { json in
                for odds in offer.odds { Messages.write(odds: odds, to: &json) }
            }
        }
    }

    private func write(
        _ legs: [TickerLine.Leg], _ view: CatalogueView, _ json: inout JSONWriter
    ) {
        json.key("legs")
        json.array { json in
            for leg in legs {
                let market = view.markets[leg.market]
                let fixture = market.flatMap { view.fixtures[$0.fixture] }
                let isThere = leg.selection < market?.selections.count ?? 0
                json.object { json in
                    json.key("fixture")
                    json.string(fixture?.title ?? "")
                    json.key("market")
                    json.string(market?.name ?? "")
                    json.key("selection")
                    json.string(isThere ? market?.selections[leg.selection].name ?? "" : "")
                }
            }
        }
    }

    private func writeProposals(_ view: CatalogueView, _ json: inout JSONWriter) {
        json.key("proposals")
        json.array { json in
            for proposal in view.proposals.values.sorted(by: { $0.sequence < $1.sequence }) {
                json.object { json in
                    json.key("id")
                    json.numberText(proposal.sequence)
                    json.key("market")
                    json.numberText(proposal.market.rawValue)
                    json.key("actor")
                    json.number(proposal.wish.actor)
                    json.key("reason")
                    json.string(proposal.wish.reason)
                    json.key("evidence")
                    json.string(proposal.wish.evidence)
                    json.key("action")
                    json.string(proposal.wish.action.word)
                    json.key("bet")
                    json.numberTextOrNull(proposal.wish.bet == 0 ? nil : proposal.wish.bet)
                    json.key("results")
                    json.array { json in
                        for outcome in proposal.wish.outcomes { json.string(outcome.result.word) }
                    }
                    Self.write("from", proposal.wish.window.from, &json)
                    Self.write("until", proposal.wish.window.until, &json)
                }
            }
        }
    }

    /// A window's end; 0 is none.
    private static func write(_ key: StaticString, _ moment: Int64, _ json: inout JSONWriter) {
        json.key(key)
        if moment == 0 {
            json.null()
        } else {
            json.string(Timestamp(nanoseconds: moment).description)
        }
    }

    private func writeHealth(_ json: inout JSONWriter) {
        let status = gateway.engineStatus()
        json.key("health")
        json.object { json in
            json.key("running")
            json.bool(status.isRunning)
            json.key("sequence")
            json.number(status.sequence)
            json.key("stateHash")
            json.string(status.stateHash.description)
            json.key("queued")
            json.number(status.queued)
            json.key("batch")
            json.number(status.batch)
            json.key("mostInBatch")
            json.number(status.mostInBatch)
            json.key("commits")
            json.number(status.commits)
            json.key("busy")
            json.number(status.busy)
            json.key("turnMicroseconds")
            json.number(status.turnNanoseconds / 1000)
            json.key("journalBytes")
            json.number(status.journal.bytes)
            json.key("syncMicroseconds")
            json.number(status.journal.lastCommitNanoseconds / 1000)
            json.key("slowDisk")
            json.bool(status.isDiskSlow)
            json.key("hasSpace")
            json.bool(!status.isShortOfSpace)
            json.key("journal")
            json.string(gateway.journalDescription)
            json.key("accounts")
            json.number(status.counts.accounts)
            json.key("bets")
            json.number(status.counts.bets)
            json.key("markets")
            json.number(status.counts.markets)
        }
    }
}
