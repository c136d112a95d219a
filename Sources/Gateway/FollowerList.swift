/// The followers of one topic: gone through quickly, left at once.
struct FollowerList {
    private(set) var all: ContiguousArray<Follower> = []
    private var places: [ObjectIdentifier: Int] = [:]

    var count: Int { all.count }
    var isEmpty: Bool { all.isEmpty }

    /// Changes nothing when it is here already.
    mutating func add(_ follower: Follower) {
        let id = ObjectIdentifier(follower)
        guard places[id] == nil else { return }
        places[id] = all.count
        all.append(follower)
    }

    /// The last one takes its place.
    mutating func remove(_ follower: Follower) {
        guard let place = places.removeValue(forKey: ObjectIdentifier(follower)) else { return }
        let last = all.removeLast()
        guard place < all.count else { return }
        all[place] = last
        places[ObjectIdentifier(last)] = place
    }
}
