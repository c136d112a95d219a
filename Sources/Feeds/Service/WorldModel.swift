public import FeedCore
public import Kernel
public import Pricing
import Synchronization

/// What the simulated world knows of its football matches, as it last spoke of them: prices several selections of one
/// match together, by the scores that may still come.
public final class WorldModel: JointPricer {
    private struct Known {
        var pictures: [String: MatchPicture] = [:]
        /// Which match and which of its markets an id is.
        var markets: [ExternalID: (match: String, index: Int)] = [:]
    }

    private let known = Mutex(Known())

    public init() {}

    /// How a match stands; nil when nothing of it is to be priced any more.
    public func learn(_ match: String, markets: [ExternalID], _ picture: MatchPicture?) {
        known.withLock { known in
            known.pictures[match] = picture
            for (index, id) in markets.enumerated() {
                known.markets[id] = picture == nil ? nil : (match, index)
            }
        }
    }

    public func chance(of legs: [JointLeg]) -> Chance? {
        let asked: (picture: MatchPicture, wanted: [(Int, Int)])? = known.withLock { known in
            guard let first = legs.first.flatMap({ known.markets[$0.market] }),
                let picture = known.pictures[first.match]
            else { return nil }
            var wanted: [(Int, Int)] = []
            for leg in legs {
                guard let place = known.markets[leg.market], place.match == first.match else {
                    return nil
                }
                wanted.append((place.index, leg.selection))
            }
            return (picture, wanted)
        }
        guard let asked else { return nil }
        return asked.picture.chance(of: asked.wanted)
    }
}
