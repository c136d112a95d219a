import CLibXML2

/// An element of a message, with what stands in it.
struct XMLElement {
    let name: String
    let attributes: [String: String]
    let children: [XMLElement]

    /// Elements in elements.
    static let deepest = 16

    func all(_ name: String) -> [XMLElement] { children.filter { $0.name == name } }
    func first(_ name: String) -> XMLElement? { children.first { $0.name == name } }
    subscript(_ name: String) -> String? { attributes[name] }

    struct Failure: Error {
        let what: String
    }

    /// Nothing is loaded from elsewhere, and a document that declares entities is refused.
    static func parse(_ text: [UInt8]) throws(Failure) -> XMLElement {
        // Before it is read at all: entities that a document declares may grow without end.
        let declares = Array("<!DOCTYPE".utf8)
        guard !text.indices.contains(where: { text[$0...].starts(with: declares) }) else {
            throw Failure(what: "a document type is declared")
        }
        let options =
            XML_PARSE_NOENT.rawValue | XML_PARSE_NONET.rawValue | XML_PARSE_NOERROR.rawValue
            | XML_PARSE_NOWARNING.rawValue
            | XML_PARSE_NOBLANKS.rawValue
        let document = text.withUnsafeBufferPointer { bytes in
            bytes.withMemoryRebound(to: CChar.self) {
                xmlReadMemory($0.baseAddress, Int32($0.count), nil, nil, Int32(options))
            }
        }
        guard let document else { throw Failure(what: "no XML") }
        defer { xmlFreeDoc(document) }
        guard document.pointee.intSubset == nil, let root = xmlDocGetRootElement(document) else {
            throw Failure(what: "nothing stands in it")
        }
        guard let element = XMLElement(root, depth: 0) else {
            throw Failure(what: "elements in elements, more than \(deepest)")
        }
        return element
    }

    private init?(_ node: xmlNodePtr, depth: Int) {
        guard depth < Self.deepest else { return nil }
        name = Self.text(node.pointee.name)
        var attributes: [String: String] = [:]
        var attribute = node.pointee.properties
        while let one = attribute {
            var value = ""
            var part = one.pointee.children
            while let text = part {
                value += Self.text(text.pointee.content)
                part = text.pointee.next
            }
            attributes[Self.text(one.pointee.name)] = value
            attribute = one.pointee.next
        }
        var children: [XMLElement] = []
        var child = node.pointee.children
        while let one = child {
            if one.pointee.type == XML_ELEMENT_NODE {
                guard let element = XMLElement(one, depth: depth + 1) else { return nil }
                children.append(element)
            }
            child = one.pointee.next
        }
        self.attributes = attributes
        self.children = children
    }

    private static func text(_ bytes: UnsafePointer<xmlChar>?) -> String {
        bytes.map { String(cString: $0) } ?? ""
    }
}
