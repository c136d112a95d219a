/// What the desk's WebSocket says; it takes operations alone.
enum DeskMessages {
    static let said: [StreamMessage] =
        [
            StreamMessage(
                name: "image", summary: "All that the desk watches, as it is now.",
                schema: state(
                    "image", required: ["markets", "ticker", "proposals", "health"])),
            StreamMessage(
                name: "delta", summary: "What changed; at most four a second.",
                schema: state("delta", required: ["markets"])),
        ] + ["error", "answer"].map(StreamMessages.named)

    private static func state(_ type: String, required: [String]) -> String {
        let names = (["type", "operator"] + required).map { "\"\($0)\"" }
        return """
            {"type":"object","additionalProperties":false,"required":[\(names.joined(separator: ","))],\
            "properties":{"type":{"const":"\(type)"},"operator":{"type":"integer"},\
            "role":{"type":"string"},\
            "channels":{"$ref":"#/components/schemas/Channels/properties/channels"},\
            "currency":{"type":"string"},"order":{"type":"integer","minimum":0},\
            "markets":{"type":"array","items":{"$ref":"#/components/schemas/DeskMarket"}},\
            "ticker":{"type":"array","items":{"$ref":"#/components/schemas/TickerLine"}},\
            "proposals":{"type":"array","items":{"$ref":"#/components/schemas/OpenProposal"}},\
            "exposures":{"type":"array","description":"Market, staked, worst loss, open legs.",\
            "items":{"type":"array","minItems":4,"maxItems":4}},\
            "health":{"type":"object"}}}
            """
    }
}
