import Synchronization

/// Gives the value that holds it one place in memory.
///
/// A method that only looks at a large value gets a copy of it where the compiler may copy: over a kilobyte of
/// the engine's books for every bet. A value with an atomic in it cannot be copied to look at. Never read,
/// and never shared: nothing here is about threads.
public struct Pin: ~Copyable {
    private let atomic = Atomic<Bool>(false)

    public init() {}
}
