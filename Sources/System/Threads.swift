import CSystem
import Glibc

/// Runs `body` on a new detached thread with a name that shows in `top -H`, cut to 15 bytes.
public func startThread(name: String, _ body: @escaping @Sendable () -> Void) {
    var thread = pthread_t()
    let job = Unmanaged.passRetained(ThreadJob(name: name, body: body)).toOpaque()
    let result = pthread_create(&thread, nil, runThreadJob, job)
    precondition(result == 0, "a thread could be started")
    pthread_detach(thread)
}

private final class ThreadJob: Sendable {
    let name: String
    let body: @Sendable () -> Void

    init(name: String, body: @escaping @Sendable () -> Void) {
        self.name = name
        self.body = body
    }
}

private func runThreadJob(_ argument: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
    let job = Unmanaged<ThreadJob>.fromOpaque(argument!).takeRetainedValue()
    gs_name_thread(job.name)
    job.body()
    return nil
}

/// Runs `body`, for as long as a millisecond at most, without losing the core to another thread where the system
/// permits that (`CAP_SYS_NICE` or a limit on real-time priority); as any thread where it does not.
public func holdingCore<Result>(_ body: () throws -> Result) rethrows -> Result {
    let isHeld = gs_hold_core() == 1
    defer { if isHeld { gs_let_go_of_core() } }
    return try body()
}
