-- Tallygate's wire, version 1, for Wireshark and tshark: names every frame, every field of it, and every column of a
-- batch's body, compressed or not. Written from protocol/SPEC.md; README.md beside this file says how to use it.
--
-- Takes what TLS hands over under the ALPN name "tallygate/1". Everything is bounds-checked by Wireshark's own
-- ranges: what is no frame is shown as malformed, never guessed.

local tallygate = Proto("tallygate", "Tallygate wire, version 1")

local FRAME_BYTES_MAX = 65600
-- So many values of a column are shown.
local SHOWN_MAX = 8

-- MARK: Tables of SPEC.md

local REJECT_REASONS = {
    [1] = "SEQUENCE_GAP", [2] = "SEQUENCE_OVERLAP", [3] = "SIZE", [4] = "DECOMPRESS", [5] = "MALFORMED",
    [6] = "NON_CANONICAL", [7] = "UNKNOWN_FIELD", [8] = "CONTENT_FIELD", [9] = "FIELD_RANGE",
    [10] = "FIELD_REQUIRED", [11] = "FIELD_FORBIDDEN", [12] = "LABEL_LIMIT", [13] = "TOO_OLD",
    [14] = "CLOCK_UNSURE", [15] = "CONTROL_TOTAL", [16] = "CHAIN_MISMATCH", [17] = "OVERFLOW", [18] = "BUSY",
    [19] = "SESSION_LIMIT", [20] = "STORAGE",
}
local GOAWAY_REASONS = {
    [1] = "PROTOCOL", [2] = "VERSION", [3] = "SCHEMA", [4] = "UNAUTHENTICATED", [5] = "REVOKED",
    [6] = "SUPERSEDED", [7] = "SHUTDOWN", [8] = "IDLE", [9] = "TENANT_UNAVAILABLE", [10] = "STREAM_FORK",
    [11] = "OVERLOADED", [12] = "STORAGE", [13] = "STREAM_OWNED", [14] = "TIMEOUT", [15] = "CREDIT",
}
local SKIP_REASONS = {[1] = "POISON", [2] = "TRIMMED", [3] = "OVERFLOW"}
local CREDENTIALS = {[0] = "mutual_tls", [1] = "token"}
local KNOWN = {[0] = "unknown", [1] = "known"}

-- Section 3: name, type, bits of an enum, its values.
local COLUMNS = {
    [1] = {"kind", "enum", 3, {[0] = "usage", [1] = "correction", [2] = "session_start", [3] = "state",
        [4] = "session_end"}},
    [2] = {"time_ms", "time"},
    [3] = {"session", "id16"},
    [4] = {"project", "id16"},
    [5] = {"agent", "enum", 4, {[0] = "other", [1] = "claude_code", [2] = "codex", [3] = "gemini_cli",
        [4] = "opencode", [5] = "amp", [6] = "copilot_cli", [7] = "qwen_code"}},
    [6] = {"model", "label"},
    [7] = {"origin", "enum", 3, {[0] = "unknown", [1] = "main", [2] = "subagent", [3] = "auxiliary",
        [4] = "compaction"}},
    [8] = {"speed", "enum", 2, {[0] = "unknown", [1] = "standard", [2] = "fast"}},
    [9] = {"tier", "enum", 3, {[0] = "unknown", [1] = "standard", [2] = "priority", [3] = "flex", [4] = "batch"}},
    [10] = {"region", "enum", 2, {[0] = "unknown", [1] = "global", [2] = "us", [3] = "other"}},
    [11] = {"outcome", "enum", 3, {[0] = "unknown", [1] = "ok", [2] = "error", [3] = "refused", [4] = "cancelled",
        [5] = "rate_limited"}},
    [12] = {"input_tokens", "count"},
    [13] = {"cache_read_tokens", "residual"},
    [14] = {"cache_write_5m_tokens", "count"},
    [15] = {"cache_write_1h_tokens", "count"},
    [16] = {"cache_write_unknown_tokens", "count"},
    [17] = {"output_tokens", "count"},
    [18] = {"reasoning_tokens", "count"},
    [19] = {"web_searches", "count"},
    [20] = {"tool_calls", "count"},
    [21] = {"duration_ms", "nullable_count"},
    [22] = {"reported_cost_nano_usd", "nullable_count"},
    [23] = {"state", "enum", 3, {[1] = "working", [2] = "waiting_user", [3] = "waiting_permission", [4] = "idle",
        [5] = "rate_limited", [6] = "crashed"}},
    [24] = {"context_tokens", "nullable_count"},
    [25] = {"billing", "enum", 2, {[0] = "unknown", [1] = "api", [2] = "subscription", [3] = "credits"}},
}
local CONTENT = {
    [128] = "prompt", [129] = "completion", [130] = "messages", [131] = "system_instructions",
    [132] = "tool_name", [133] = "tool_arguments", [134] = "tool_result", [135] = "thinking", [136] = "title",
    [137] = "summary", [138] = "file_path", [139] = "directory", [140] = "file_content", [141] = "diff",
    [142] = "command", [143] = "url", [144] = "branch", [145] = "commit", [146] = "repository",
    [147] = "error_text", [148] = "email", [149] = "account", [150] = "organization", [151] = "user_name",
    [152] = "host_name", [153] = "ip_address", [154] = "environment", [155] = "attributes", [156] = "tags",
    [157] = "metadata", [158] = "image", [159] = "audio", [160] = "attachment",
}
local ENCODINGS = {
    [0] = "constant", [1] = "varint", [2] = "residual", [3] = "packed", [4] = "dictionary",
    [5] = "dictionary with absent", [6] = "delta"}
local COLUMN_NAMES = {[0] = "no column"}
for id, column in pairs(COLUMNS) do COLUMN_NAMES[id] = column[1] end
for id, name in pairs(CONTENT) do COLUMN_NAMES[id] = name .. " (content)" end

-- Section 2: the fields of each frame in order, as {name, type, table of values}.
local OPTION = {{"id", "u16"}, {"value", "bytes16"}}
local GROUP = {{"model", "text8"}, {"events", "u64"}}
for id = 12, 18 do GROUP[#GROUP + 1] = {COLUMNS[id][1], "u64"} end
GROUP[#GROUP + 1] = {"reported_nano_usd", "u128"}

local FRAMES = {
    [1] = {"HELLO", {}, {{"magic", "raw8"}, {"version_min", "u16"}, {"version_max", "u16"}, {"schema_min", "u16"},
        {"schema_max", "u16"}, {"stream", "raw16"}, {"lowest_held", "u64"}, {"highest_held", "u64"},
        {"acknowledged", "u64"}, {"acknowledged_chain", "chain"}, {"acknowledged_tokens", "u128"},
        {"acknowledged_reported_nano_usd", "u128"}, {"clock_ms", "i64"}, {"highest_chain", "chain"},
        {"store_epoch", "u64"}, {"hello_flags", "flags16", {"adoption"}}, {"credential_kind", "u8", CREDENTIALS},
        {"credential", "bytes8"}, {"options", "list8", OPTION}}},
    [2] = {"WELCOME", {}, {{"version", "u16"}, {"schema", "u16"}, {"welcome_flags", "flags16", {"adoption"}},
        {"reserved", "u16"}, {"committed", "u64"}, {"chain", "chain"}, {"tokens", "u128"},
        {"reported_nano_usd", "u128"}, {"credit_events", "u32"}, {"credit_bytes", "u32"},
        {"batch_events_max", "u32"}, {"batch_body_bytes_max", "u32"}, {"clock_ms", "i64"},
        {"oldest_time_ms", "i64"}, {"store_epoch", "u64"}, {"backed_up_through", "u64"}, {"generation", "u32"},
        {"tenant_key", "raw32"}, {"ignored_options", "list8", {{"id", "u16"}}}}},
    [3] = {"BATCH", {"lz4"}, {{"first", "u64"}, {"count", "u32"}, {"raw_bytes", "u32"}, {"tokens", "u64"},
        {"reported_nano_usd", "u64"}, {"chain_after", "chain"}, {"body", "rest"}}},
    [4] = {"ACK", {}, {{"committed", "u64"}, {"chain", "chain"}, {"credit_events", "u32"},
        {"credit_bytes", "u32"}, {"backed_up_through", "u64"}}},
    [5] = {"REJECT", {}, {{"first", "u64"}, {"index", "u32"}, {"run", "u32"}, {"reason", "u16", REJECT_REASONS},
        {"field", "u8", COLUMN_NAMES}, {"reject_flags", "flags8", {"permanent"}}, {"retry_ms", "u32"}}},
    [6] = {"SKIP", {}, {{"first", "u64"}, {"last", "u64"}, {"chain_after", "chain"},
        {"reason", "u16", SKIP_REASONS}, {"groups", "list8", GROUP}}},
    [7] = {"PROBE", {}, {{"sequence", "u64"}}},
    [8] = {"CHAIN", {}, {{"sequence", "u64"}, {"known", "u8", KNOWN}, {"chain", "chain"}}},
    [9] = {"PING", {}, {{"opaque", "raw8"}}},
    [10] = {"PONG", {}, {{"opaque", "raw8"}}},
    [11] = {"GOAWAY", {}, {{"reason", "u16", GOAWAY_REASONS}, {"reserved", "u16"}, {"reconnect_ms", "u32"},
        {"committed", "u64"}}},
    [12] = {"CLOSE", {}, {{"final", "u64"}}},
    [13] = {"ADOPT", {}, {{"prior", "raw16"}, {"prior_through", "u64"}, {"from_ms", "i64"},
        {"sessions", "list16", {{"session", "raw16"}}}}},
    [14] = {"ADOPTED", {"last"}, {{"count", "u32"}, {"next_ms", "i64"}, {"body", "rest"}}},
}

-- TG-4-7: what an LZ4 block may refer back to, from schema.json.
local DICTIONARY =
    "00000000000000000000000000000000000000000000000000000000000000000503060e67656d696e692d322e352d70726f07010b01" ..
    "0c0503061067656d696e692d322e352d666c61736807010b010c0503061467656d696e692d332d70726f2d7072657669657707010b01" ..
    "0c0503061667656d696e692d332e312d70726f2d7072657669657707010b010c0503061067656d696e692d332e362d666c6173680701" ..
    "0b010c0503061067656d696e692d332e382d666c61736807010b010c05030608756e6c697374656407010b010c050206076770742d34" ..
    "2e3107010b010c050206066770742d346f07010b010c050206026f3307010b010c050206076f342d6d696e6907010b010c0502060567" ..
    "70742d3507010b010c0502060a6770742d352d6d696e6907010b010c0502060a6770742d352d6e616e6f07010b010c0502060b677074" ..
    "2d352d636f64657807010b010c050206076770742d352e3107010b010c0502060d6770742d352e312d636f64657807010b010c050206" ..
    "116770742d352e312d636f6465782d6d617807010b010c050206126770742d352e312d636f6465782d6d696e6907010b010c05020607" ..
    "6770742d352e3207010b010c0502060d6770742d352e322d636f64657807010b010c0502060d6770742d352e332d636f64657807010b" ..
    "010c0502060a6770742d362d6c756e6107010b010c0502060d6770742d362e312d746572726107010b010c0502060b6770742d362e31" ..
    "2d736f6c07010b010c05010616636c617564652d6f7075732d342d32303235303531340701080109010b010c05010618636c61756465" ..
    "2d6f7075732d342d312d32303235303830350701080109010b010c05010618636c617564652d736f6e6e65742d342d32303235303531" ..
    "340701080109010b010c0501061a636c617564652d332d372d736f6e6e65742d32303235303231390701080109010b010c0501061963" ..
    "6c617564652d332d352d6861696b752d32303234313032320701080109010b010c0501061a636c617564652d736f6e6e65742d342d35" ..
    "2d32303235303932390701080109010b010c05010619636c617564652d6861696b752d342d352d32303235313030310701080109010b" ..
    "010c05010618636c617564652d6f7075732d342d352d32303235313130310701080109010b010c0501060f636c617564652d6f707573" ..
    "2d342d360701080109010b010c0501060f636c617564652d6f7075732d342d370701080109010b010c0501060f636c617564652d6f70" ..
    "75732d342d380701080109010b010c05010611636c617564652d736f6e6e65742d342d360701080109010b010c0501060d636c617564" ..
    "652d6f7075732d350701080109010b010c0501060f636c617564652d736f6e6e65742d350701080109010b010c05010610636c617564" ..
    "652d6661626c652d352d310701080109010b010c05010610636c617564652d6861696b752d352d350701080109010b010c0501061163" ..
    "6c617564652d736f6e6e65742d352d350701080109010b010c0501060f636c617564652d6f7075732d352d350701080109010b010c"

-- MARK: Fields

-- How each type of field is shown; numbers of 128 bits as bytes, since Wireshark has none.
local KINDS = {
    u8 = {ftypes.UINT8, base.DEC, 1}, u16 = {ftypes.UINT16, base.DEC, 2}, u32 = {ftypes.UINT32, base.DEC, 4},
    u64 = {ftypes.UINT64, base.DEC, 8}, i64 = {ftypes.INT64, base.DEC, 8}, chain = {ftypes.UINT64, base.HEX, 8},
    flags8 = {ftypes.UINT8, base.HEX, 1}, flags16 = {ftypes.UINT16, base.HEX, 2}, u128 = {ftypes.BYTES, nil, 16},
    raw8 = {ftypes.BYTES, nil, 8}, raw16 = {ftypes.BYTES, nil, 16}, raw32 = {ftypes.BYTES, nil, 32},
    bytes8 = {ftypes.BYTES}, bytes16 = {ftypes.BYTES}, text8 = {ftypes.STRING}, rest = {ftypes.BYTES},
    list8 = {ftypes.UINT8, base.DEC, 1}, list16 = {ftypes.UINT16, base.DEC, 2}}
-- Of a type that begins with a length or a count: its bytes.
local PREFIX = {bytes8 = 1, bytes16 = 2, text8 = 1, list8 = 1, list16 = 2}

local all = {}

local function declare(abbreviation, name, kind, values)
    local made = ProtoField.new(name, abbreviation, kind[1], values, kind[2])
    all[#all + 1] = made
    return made
end

local TYPE_NAMES = {}
for number, frame in pairs(FRAMES) do TYPE_NAMES[number] = frame[1] end

local fields = {
    length = declare("tallygate.length", "length", KINDS.u32),
    type = declare("tallygate.type", "type", KINDS.u8, TYPE_NAMES),
    flags = declare("tallygate.flags", "flags", KINDS.flags8)}

local function declareAll(list, prefix)
    for _, field in ipairs(list) do
        local name, kind, more = field[1], field[2], field[3]
        local isList = PREFIX[kind] ~= nil and more ~= nil
        local isFlags = kind == "flags8" or kind == "flags16"
        fields[prefix .. name] = declare(
            prefix .. name, isList and name .. " (count)" or name, KINDS[kind],
            not isList and not isFlags and more or nil)
        if isFlags then
            for bit, flag in ipairs(more) do
                local width = KINDS[kind][3] * 8
                local made = ProtoField.bool(prefix .. name .. "." .. flag, flag, width, nil, 2 ^ (bit - 1))
                fields[prefix .. name .. "." .. flag], all[#all + 1] = made, made
            end
        elseif isList then
            declareAll(more, prefix .. name .. ".")
        end
    end
end

for _, frame in pairs(FRAMES) do
    local prefix = "tallygate." .. frame[1]:lower() .. "."
    for bit, flag in ipairs(frame[2]) do
        local made = ProtoField.bool(prefix .. "flags." .. flag, flag, 8, nil, 2 ^ (bit - 1))
        fields[prefix .. "flags." .. flag], all[#all + 1] = made, made
    end
    declareAll(frame[3], prefix)
end

local columnField = declare("tallygate.column", "column", KINDS.u8, COLUMN_NAMES)
local encodingField = declare("tallygate.column.encoding", "encoding", KINDS.u8, ENCODINGS)
local valuesField = declare("tallygate.column.values", "values", {ftypes.STRING})
tallygate.fields = all

local wrong = ProtoExpert.new("tallygate.wrong", "Not of this protocol", expert.group.MALFORMED, expert.severity.ERROR)
local content = ProtoExpert.new(
    "tallygate.content", "A column of content", expert.group.SECURITY, expert.severity.ERROR)
tallygate.experts = {wrong, content}

-- MARK: Bodies

-- TG-4-7: the bytes of an LZ4 block's output as a table of numbers, or nil.
local function opened(block, rawBytes)
    local out, at, base = {}, 0, #DICTIONARY / 2
    for index = 1, base do out[index] = tonumber(DICTIONARY:sub(2 * index - 1, 2 * index), 16) end
    local most, count = base + math.min(rawBytes, FRAME_BYTES_MAX), block:len()
    local function more(length)
        while at < count do
            local byte = block:get_index(at)
            at, length = at + 1, length + byte
            if byte ~= 255 then return length end
        end
    end
    while at < count do
        local token = block:get_index(at)
        at = at + 1
        local literals = math.floor(token / 16)
        if literals == 15 then literals = more(15) end
        if not literals or at + literals > count or #out + literals > most then return nil end
        for _ = 1, literals do
            out[#out + 1] = block:get_index(at)
            at = at + 1
        end
        if at == count then break end
        if at + 2 > count then return nil end
        local offset = block:get_index(at) + 256 * block:get_index(at + 1)
        at = at + 2
        local match = token % 16
        if match == 15 then match = more(15) end
        if not match or offset == 0 or offset > #out or #out + match + 4 > most then return nil end
        for _ = 1, match + 4 do out[#out + 1] = out[#out + 1 - offset] end
    end
    if #out ~= most then return nil end
    local text = {}
    for index = base + 1, #out do text[#text + 1] = string.format("%02x", out[index]) end
    return ByteArray.new(table.concat(text))
end

-- Reads a raw body. Errors (`error`, a range beyond the end) end the reading of this body alone.
local Reader = {}
Reader.__index = Reader

function Reader:byte()
    local value = self.tvb(self.at, 1):uint()
    self.at = self.at + 1
    return value
end

-- Exact to 2^53, which no column's bound reaches.
function Reader:varint()
    local value, scale = 0, 1
    for _ = 1, 10 do
        local byte = self:byte()
        value, scale = value + byte % 128 * scale, scale * 128
        if byte < 128 then return value end
    end
    error("a varint of more than 10 bytes")
end

function Reader:zigzag()
    local value = self:varint()
    return value % 2 == 0 and value / 2 or -(value + 1) / 2
end

function Reader:packed(bits)
    local values, bytes = {}, math.ceil(self.rows * bits / 8)
    local range = self.tvb(self.at, math.max(bytes, 0)):bytes()
    for row = 0, self.rows - 1 do
        local value = 0
        for bit = 0, bits - 1 do
            local place = row * bits + bit
            value = value + math.floor(range:get_index(math.floor(place / 8)) / 2 ^ (place % 8)) % 2 * 2 ^ bit
        end
        values[row + 1] = value
    end
    self.at = self.at + bytes
    return values
end

function Reader:text(bytes)
    local range = self.tvb(self.at, bytes)
    self.at = self.at + bytes
    return range
end

function Reader:single(column)
    if column[2] == "id16" then return self:text(16):bytes():tohex(true) end
    if column[2] == "label" then
        local bytes = self:byte()
        return bytes == 0 and "" or self:text(bytes):string()
    end
    return self:shown(column, self:varint())
end

-- An encoded number in words: an enum's name, a nullable count's own value.
function Reader:shown(column, value)
    if column[4] then return column[4][value] or string.format("%.0f", value) end
    if column[2] == "nullable_count" then return value == 0 and "absent" or string.format("%.0f", value - 1) end
    return string.format("%.0f", value)
end

-- The values of one column as texts, and what they are.
function Reader:column(column, encoding)
    local values = {}
    if encoding == 0 then return {self:single(column)}, "every row" end
    if encoding == 3 then
        for row, value in ipairs(self:packed(column[3])) do values[row] = self:shown(column, value) end
    elseif encoding == 4 or encoding == 5 then
        local entries, absent = {}, encoding - 4
        if absent == 1 then entries[0] = "absent" end
        local count = self:varint()
        for entry = absent, count - 1 + absent do entries[entry] = self:single(column) end
        local bits, most = 0, count - 1 + absent
        while 2 ^ bits <= most do bits = bits + 1 end
        for row, index in ipairs(self:packed(bits)) do values[row] = entries[index] or "no entry" end
    elseif encoding == 6 then
        local value = self:varint()
        for row = 1, self.rows do
            if row > 1 then value = value + self:zigzag() end
            values[row] = string.format("%.0f", value)
        end
    elseif encoding == 2 then
        for row = 1, self.rows do values[row] = string.format("%+.0f", self:zigzag()) end
        return values, "differences from what TG-4-6 predicts"
    elseif encoding == 1 then
        for row = 1, self.rows do values[row] = self:shown(column, self:varint()) end
    else
        error("no such encoding")
    end
    return values, "by rows"
end

local function dissectColumns(reader, tree)
    while reader.at < reader.tvb:len() do
        local start = reader.at
        local head = reader:byte()
        local id, encoding = head % 32, math.floor(head / 32)
        if id == 0 then id = reader:byte() end
        local column = COLUMNS[id]
        local node = tree:add(columnField, reader.tvb(start, reader.at - start), id)
        node:add(encodingField, reader.tvb(start, 1), encoding)
        if not column then
            node:add_proto_expert_info(id >= 128 and id <= 191 and content or wrong)
            return
        end
        local values, how = reader:column(column, encoding)
        local text = table.concat(values, " ", 1, math.min(#values, SHOWN_MAX))
        if #values > SHOWN_MAX then text = text .. " …" end
        node:set_len(reader.at - start)
        node:add(valuesField, reader.tvb(start, reader.at - start), text):append_text(" (" .. how .. ")")
        node:append_text(" = " .. text)
    end
end

local function dissectBody(tvb, rows, tree)
    local reader = setmetatable({tvb = tvb, at = 0, rows = math.min(rows, 4096)}, Reader)
    local ok = pcall(dissectColumns, reader, tree)
    if not ok then tree:add_proto_expert_info(wrong, "The body ends here, or is of no valid form") end
end

-- MARK: Frames

local function dissectFields(list, prefix, tvb, at, tree, seen)
    for _, field in ipairs(list) do
        local name, kind, more = field[1], field[2], field[3]
        local made, size = fields[prefix .. name], KINDS[kind][3]
        if kind == "list8" or kind == "list16" then
            local count = tvb(at, size):le_uint()
            local node = tree:add_le(made, tvb(at, size))
            at = at + size
            for _ = 1, count do at = dissectFields(more, prefix .. name .. ".", tvb, at, node, {}) end
        elseif PREFIX[kind] then
            local bytes = tvb(at, PREFIX[kind]):le_uint()
            at = at + PREFIX[kind]
            tree:add(made, tvb(at, bytes)):append_text(" (" .. bytes .. " bytes)")
            at = at + bytes
        elseif kind == "rest" then
            local bytes = tvb:len() - at
            seen.bodyTree = tree:add(made, tvb(at, bytes))
            if bytes > 0 then seen.body = tvb(at, bytes) end
            at = tvb:len()
        else
            local range = tvb(at, size)
            local isBytes = kind == "u128" or kind:sub(1, 3) == "raw"
            local node = isBytes and tree:add(made, range) or tree:add_le(made, range)
            if size <= 4 then seen[name] = range:le_uint() elseif size == 8 then seen[name] = range:le_uint64() end
            if kind == "u128" and range(8, 8):le_uint64() == UInt64(0) then
                node:append_text(" = " .. tostring(range(0, 8):le_uint64()))
            elseif kind == "flags8" or kind == "flags16" then
                for _, flag in ipairs(more) do node:add_le(fields[prefix .. name .. "." .. flag], range) end
            end
            at = at + size
        end
    end
    return at
end

local INFO = {
    BATCH = {"first", "count"}, ACK = {"committed"}, REJECT = {"first", "reason"}, SKIP = {"first", "last"},
    GOAWAY = {"reason"}, WELCOME = {"committed"}, PROBE = {"sequence"}, CHAIN = {"sequence"}, CLOSE = {"final"},
    ADOPTED = {"count"}}
local REASONS = {REJECT = REJECT_REASONS, GOAWAY = GOAWAY_REASONS}

local function summary(name, seen)
    local text = name
    for _, field in ipairs(INFO[name] or {}) do
        local value = tostring(seen[field])
        if field == "reason" then value = REASONS[name][seen.reason] or value end
        text = text .. " " .. field .. "=" .. value
    end
    return text
end

local function dissectFrame(tvb, pinfo, root)
    pinfo.cols.protocol = "tallygate"
    local tree = root:add(tallygate, tvb())
    local frame = FRAMES[tvb(4, 1):uint()]
    tree:add_le(fields.length, tvb(0, 4))
    tree:add(fields.type, tvb(4, 1))
    local flags = tree:add(fields.flags, tvb(5, 1))
    if not frame then
        tree:add_proto_expert_info(wrong, "An unknown type of frame")
        pinfo.cols.info:append(" unknown frame")
        return tvb:len()
    end
    local prefix, seen = "tallygate." .. frame[1]:lower() .. ".", {}
    for _, flag in ipairs(frame[2]) do flags:add(fields[prefix .. "flags." .. flag], tvb(5, 1)) end
    local ok, last = pcall(dissectFields, frame[3], prefix, tvb, 6, tree, seen)
    if not ok or last ~= tvb:len() then
        tree:add_proto_expert_info(wrong, "Shorter or longer than its fields")
    elseif seen.body then
        local raw = seen.body:tvb()
        if frame[1] == "BATCH" and tvb(5, 1):uint() % 2 == 1 then
            local bytes = opened(seen.body:bytes(), seen.raw_bytes)
            raw = bytes and bytes:len() > 0 and bytes:tvb("Body, opened") or nil
        end
        if raw then dissectBody(raw, seen.count, seen.bodyTree)
        else seen.bodyTree:add_proto_expert_info(wrong, "No LZ4 block of so many bytes") end
    end
    local text = ok and summary(frame[1], seen) or frame[1] .. " (malformed)"
    tree:append_text(", " .. text)
    pinfo.cols.info:append(" " .. text)
    return tvb:len()
end

-- How long the frame is that begins here. A length that no frame has takes all there is, and is shown as wrong.
local function frameBytes(tvb, _, offset)
    local length = tvb(offset, 4):le_uint()
    if length < 2 or length > FRAME_BYTES_MAX then return tvb:len() - offset end
    return length + 4
end

function tallygate.dissector(tvb, pinfo, root)
    if tvb:len() == 0 then return 0 end
    pinfo.cols.info = ""
    return dissect_tcp_pdus(tvb, root, 6, frameBytes, dissectFrame)
end

DissectorTable.get("tls.alpn"):add("tallygate/1", tallygate)
-- For captures without TLS, as tests make them: `-d tcp.port==PORT,tallygate`.
DissectorTable.get("tcp.port"):add_for_decode_as(tallygate)
