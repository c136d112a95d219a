import EngineFiles
import EngineJournal
import Foundation
import TestSupport
import Testing

/// What the journal may rely on, whichever disk is below it.
private func keepTheContract<D: Disk>(_ disk: D) throws {
    #expect(try disk.names().filter { $0.hasPrefix("journal") } == [])
    #expect(throws: DiskError.self) { _ = try disk.open("journal-1") }
    try disk.createZeroed("journal-1", bytes: 16_384)
    #expect(try disk.names().contains("journal-1"))
    #expect(try disk.size(of: "journal-1") == 16_384)
    let file = try disk.open("journal-1")
    let buffer = AlignedBuffer(8192)
    try disk.read(into: buffer.mutableBytes(0..<8192), from: file, at: 0)
    #expect(buffer.bytes(0..<8192).allSatisfy { $0 == 0 })
    for index in 0..<8192 { buffer.base.storeBytes(of: UInt8(index % 251), toByteOffset: index, as: UInt8.self) }
    try disk.write(buffer.bytes(0..<8192), to: file, at: 4096)
    // Creating what is there changes nothing of it.
    try disk.createZeroed("journal-1", bytes: 16_384)
    let read = AlignedBuffer(16_384)
    try disk.read(into: read.mutableBytes(0..<16_384), from: file, at: 0)
    #expect(read.bytes(0..<4096).allSatisfy { $0 == 0 })
    #expect(read.bytes(4096..<12_288).elementsEqual(buffer.bytes(0..<8192)))
    #expect(read.bytes(12_288..<16_384).allSatisfy { $0 == 0 })
    // Past the end there is nothing.
    #expect(throws: DiskError.self) {
        try disk.read(into: read.mutableBytes(0..<8192), from: file, at: 12_288)
    }
    disk.close(file)
    let again = try disk.open("journal-1")
    try disk.read(into: read.mutableBytes(0..<4096), from: again, at: 4096)
    #expect(read.bytes(0..<4096).elementsEqual(buffer.bytes(0..<4096)))
    disk.close(again)
    #expect(try disk.freeBytes() > 0)
    // A file that grows gets its name when it is whole.
    let growing = try disk.create("making")
    try disk.writeLater(buffer.bytes(0..<8192), to: growing, at: 0)
    try disk.writeLater(buffer.bytes(0..<4096), to: growing, at: 8192)
    try disk.sync(growing)
    disk.close(growing)
    #expect(try disk.size(of: "making") == 12_288)
    #expect(throws: DiskError.self) { try disk.rename("making", to: "journal-1") }
    #expect(throws: DiskError.self) { try disk.rename("nothing", to: "snapshot-1") }
    try disk.rename("making", to: "snapshot-1")
    let whole = try disk.open("snapshot-1")
    try disk.read(into: read.mutableBytes(0..<4096), from: whole, at: 8192)
    #expect(read.bytes(0..<4096).elementsEqual(buffer.bytes(0..<4096)))
    disk.close(whole)
    // Made anew it is empty.
    disk.close(try disk.create("making"))
    #expect(try disk.size(of: "making") == 0)
    try disk.remove("making")
    try disk.remove("snapshot-1")
    try disk.remove("journal-1")
    #expect(throws: DiskError.self) { _ = try disk.size(of: "journal-1") }
}

@Suite struct `A disk below the journal` {
    @Test func `in memory keeps its contract`() throws { try keepTheContract(MemoryDisk()) }

    @Test func `in a directory of a filesystem keeps its contract`() throws {
        let directory = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString).path()
        defer { try? FileManager.default.removeItem(atPath: directory) }
        let disk = try FileDisk(directory: directory + "/made/too")
        try keepTheContract(disk)
        // Half of a segment never has its name.
        #expect(try FileManager.default.contentsOfDirectory(atPath: directory + "/made/too") == [])
    }

    @Test func `that fails to write says so, and is not asked again`() throws {
        let disk = MemoryDisk()
        try disk.createZeroed("journal-1", bytes: 8192)
        disk.store.writesUntilFailure = 1
        let file = try disk.open("journal-1")
        let buffer = AlignedBuffer(4096)
        for _ in 0..<2 {
            #expect(throws: DiskError.self) {
                try disk.write(buffer.bytes(0..<4096), to: file, at: 0)
            }
        }
    }

    @Test func `without room says that it has none and keeps no half of a file`() throws {
        let disk = MemoryDisk()
        disk.store.room = 4096
        #expect(throws: DiskError.noSpace) { try disk.createZeroed("journal-1", bytes: 8192) }
        #expect(try disk.names() == [])
    }
}
