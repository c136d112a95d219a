/// Carries what belongs to a loop across another thread and back, unopened.
struct OnLoop<Value>: @unchecked Sendable {
    let value: Value

    init(_ value: Value) { self.value = value }
}
