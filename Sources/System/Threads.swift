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
