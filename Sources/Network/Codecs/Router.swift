/// What a route takes or gives, in words and as a JSON schema; the served description is made of these.
public struct RouteDescription: Sendable {
    public struct Parameter: Sendable {
        public let name: String
        public let place: String
        public let text: String
        public let isRequired: Bool
        /// JSON schema of its value.
        public let schema: String

        /// `place` is `path`, `query` or `header`.
        public init(
            _ name: String, in place: String, _ text: String, required: Bool = false,
            schema: String = "{\"type\":\"string\"}"
        ) {
            self.schema = schema
            self.name = name
            self.place = place
            self.text = text
            isRequired = required || place == "path"
        }
    }

    public struct Answer: Sendable {
        public let status: Int
        public let text: String
        /// The name of a schema, nil for none.
        public let schema: String?
        public let contentType: String
        public let links: [Link]

        /// What may be asked next with a part of this answer.
        public struct Link: Sendable {
            public let operation: String
            public let parameter: String
            /// A JSON pointer into the body, such as `/bet/id`.
            public let pointer: String

            public init(_ operation: String, _ parameter: String, _ pointer: String) {
                self.operation = operation
                self.parameter = parameter
                self.pointer = pointer
            }
        }

        public init(
            _ status: Int, _ text: String, schema: String? = nil,
            contentType: String = "application/json", links: [Link] = []
        ) {
            self.links = links
            self.status = status
            self.text = text
            self.schema = schema
            self.contentType = contentType
        }
    }

    public var operation: String
    public var summary: String
    public var tag: String
    public var parameters: [Parameter] = []
    /// The name of the body's schema, nil for none.
    public var body: String?
    /// Whether it may be asked for without one.
    public var isBodyOptional = false
    public var answers: [Answer]
    /// Problem codes that the route may answer, with their status.
    public var problems: [(Int, String)] = []
    public var needsSession = false
    /// Who of those with a session may ask; nil everybody.
    public var role: String?
    /// Whether it moves money: then every asking has a key of its own, and happens once.
    public var movesMoney = false
    /// Whether it is about HTTP itself, such as a cookie, and means nothing elsewhere.
    public var isAboutHTTP = false
    /// Whether it goes before everything else when somebody asks too often.
    public var comesFirst = false

    public init(_ operation: String, _ summary: String, tag: String, answers: [Answer]) {
        self.operation = operation
        self.summary = summary
        self.tag = tag
        self.answers = answers
    }
}

/// A path with its parameters, such as `/api/v1/fixtures/{fixture}`.
public struct RoutePattern: Sendable {
    public let text: String
    let segments: [Segment]

    enum Segment: Sendable, Equatable {
        case literal([UInt8])
        case parameter(String)
    }

    public init(_ text: String) {
        precondition(text.hasPrefix("/"), "a route begins with a slash")
        self.text = text
        segments = text.dropFirst().split(separator: "/", omittingEmptySubsequences: false).map {
            $0.hasPrefix("{") && $0.hasSuffix("}")
                ? .parameter(String($0.dropFirst().dropLast())) : .literal(Array($0.utf8))
        }
    }

    var isLiteral: Bool {
        segments.allSatisfy { if case .literal = $0 { true } else { false } }
    }

    /// The parameters' values, percent-decoded, when `path` fits; nil otherwise.
    func match(_ path: ArraySlice<UInt8>) -> [String: String]? {
        // Most patterns do not fit most paths: nothing is made before one does.
        guard fits(path) else { return nil }
        var values: [String: String] = [:]
        var start = path.startIndex + 1
        for segment in segments {
            let end = Self.end(of: path, start)
            if case .parameter(let name) = segment {
                guard let value = percentDecoded(String(decoding: path[start..<end], as: UTF8.self))
                else { return nil }
                values[name] = value
            }
            start = end + 1
        }
        return values
    }

    private func fits(_ path: ArraySlice<UInt8>) -> Bool {
        var start = path.startIndex + 1
        for index in segments.indices {
            guard start <= path.endIndex else { return false }
            let end = Self.end(of: path, start)
            switch segments[index] {
            case .literal(let bytes):
                guard end - start == bytes.count else { return false }
                for place in bytes.indices where path[start + place] != bytes[place] {
                    return false
                }
            case .parameter: guard end > start else { return false }
            }
            start = end + 1
        }
        return start > path.endIndex
    }

    private static func end(of path: ArraySlice<UInt8>, _ start: Int) -> Int {
        var end = start
        while end < path.endIndex, path[end] != UInt8(ascii: "/") { end += 1 }
        return end
    }
}

/// Finds the route for a request. Literal paths by a table, others in the order they were added.
///
/// `Handler` is whatever the server carries out; the router only finds it.
public struct Router<Handler> {
    /// Shared, not copied, by every request that finds it.
    public final class Route {
        public let method: HTTPMethod
        public let pattern: RoutePattern
        public let description: RouteDescription
        public let handler: Handler

        init(
            _ method: HTTPMethod, _ pattern: RoutePattern, _ description: RouteDescription,
            _ handler: Handler
        ) {
            self.method = method
            self.pattern = pattern
            self.description = description
            self.handler = handler
        }
    }

    public enum Match {
        case route(Route, parameters: [String: String])
        /// The path exists; these methods may be used on it.
        case otherMethods([HTTPMethod])
        case nothing
    }

    public private(set) var routes: [Route] = []
    private var literal: [ArraySlice<UInt8>: [Int]] = [:]
    private var patterned: [Int] = []

    public init() {}

    public mutating func add(
        _ method: HTTPMethod, _ path: String, _ description: RouteDescription, _ handler: Handler
    ) {
        let pattern = RoutePattern(path)
        routes.append(Route(method, pattern, description, handler))
        if pattern.isLiteral {
            literal[Array(path.utf8)[...], default: []].append(routes.count - 1)
        } else {
            patterned.append(routes.count - 1)
        }
    }

    /// HEAD finds the GET route.
    public func find(_ method: HTTPMethod, _ path: ArraySlice<UInt8>) -> Match {
        let wanted: HTTPMethod = method == .head ? .get : method
        var others: [HTTPMethod] = []
        if let indices = literal[path] {
            for index in indices {
                if routes[index].method == wanted {
                    return .route(routes[index], parameters: [:])
                }
                others.append(routes[index].method)
            }
            return .otherMethods(others)
        }
        for index in patterned {
            guard let parameters = routes[index].pattern.match(path) else { continue }
            if routes[index].method == wanted {
                return .route(routes[index], parameters: parameters)
            }
            others.append(routes[index].method)
        }
        return others.isEmpty ? .nothing : .otherMethods(others)
    }
}
