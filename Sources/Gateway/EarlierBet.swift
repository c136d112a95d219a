import Betting
import EngineCore
import Kernel
import NetworkLoops
import ProjectionService

/// What was answered to a client's id long ago: the second half of the id window.
///
/// The engine keeps ids for minutes and never decides an older one again; how it was decided then stands
/// in the projection, for good.
struct EarlierBet {
    let bet: ProjectedBet
    let balances: Balances
    let asOf: UInt64
    /// The id is the same, the bet is not.
    let isReused: Bool

    enum Found {
        /// No bet ever had the id.
        case nothing
        case bet(EarlierBet)
        /// The projection takes no further questions.
        case busy
    }

    /// Asked when the engine refused an id because of its age.
    struct Question {
        let account: AccountID
        let client: ExternalID
        let hash: ExternalID

        init?(_ record: RecordBytes, hash: ExternalID) {
            let refusal = record.field(Layout.Placed.refusal, as: UInt16.self)
            guard refusal == Refusal.idOutsideWindow.rawValue else { return nil }
            account = record.account
            client = record.clientID
            self.hash = hash
        }
    }
}

extension PunterGateway {
    /// Looks an old id up; `answer` comes on this loop.
    func find(
        _ question: EarlierBet.Question, _ answer: @escaping (EarlierBet.Found) -> Void
    ) {
        let bound = OnLoop(answer)
        let loop = hub.loop
        let store = store
        let taken = store.bet(of: question.account, client: question.client) { found, asOf in
            guard case .success(let known) = found else {
                loop.post { bound.value(.busy) }
                return
            }
            guard let bet = known else {
                loop.post { bound.value(.nothing) }
                return
            }
            let asked = store.balances(of: question.account) { found, _ in
                loop.post {
                    guard case .success(let line) = found else { return bound.value(.busy) }
                    bound.value(
                        .bet(
                            EarlierBet(
                                bet: bet, balances: Balances(line), asOf: asOf,
                                isReused: bet.requestHash != question.hash)))
                }
            }
            if !asked { loop.post { bound.value(.busy) } }
        }
        if !taken { answer(.busy) }
    }
}
