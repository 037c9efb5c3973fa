-- Wireshark dissector of XIA: XIP over Ethernet (EtherTypes 0xC0DE and 0x9990) and over UDP, and what it carries.
-- wireshark -X lua_script:xia.lua    tshark -X lua_script:xia.lua -r trace.pcapng
-- Wireshark has a dissector of its own for the header, called xip; this one is called xia and is asked first.

local xia = Proto("xia", "eXpressive Internet Architecture")
local xarp = Proto("xarp", "XIA address resolution")

local XIP_HEADER, NODE, NO_EDGE, VISITED = 8, 28, 127, 128
local MAX_NODES = 127
local STATEMENT_HEADER = 98
local MSGPACK_DEPTH = 8
local U32 = 4294967296

local principal_names = { [0x10] = "AD", [0x11] = "HID", [0x12] = "CID", [0x13] = "SID", [0x14] = "IP" }
local next_names = { [12] = "CHUNK", [59] = "none", [60] = "TRANSPORT", [61] = "XCMP", [62] = "STREAM" }
local xcmp_names = {
  [0] = "echo-reply", [2] = "too-big", [3] = "unreachable", [5] = "redirect", [8] = "echo", [11] = "time-exceeded",
}
local transport_names = { [1] = "STREAM (prototype)", [2] = "DGRAM" }
local info_names = { [1] = "SYN", [2] = "SYNACK", [3] = "DATA", [4] = "ACK", [5] = "FIN", [7] = "MIGRATE", [8] = "MIGRATEACK" }
local opcode_names = { [1] = "request", [2] = "response", [6] = "push" }
local stream_names = { [0] = "data", [1] = "opening", [2] = "gone" }
local frame_names = {
  "PING", "ACK", "DATA", "MAX_DATA", "DATA_BLOCKED", "OPEN", "ACCEPT", "REFUSE", "RESET", "CLOSE", "REBIND", "PATH_CHALLENGE", "PATH_RESPONSE",
  "RETRY", "TOKEN", "PADDING",
}
local statement_names = { "certificate", "beacon", "relay", "binding", "binding-ack", "record", "hello", "link-state", "notice" }
local services = {
  ["1110000000000000000000000000000000001111"] = {
    name = "bootstrap", kinds = { "beacon", "solicit", "binding", "binding-ack", "patch", "patch-ack", "notice", "notice-ack", "redirect" },
  },
  ["1110000000000000000000000000000000001112"] = { name = "routing", kinds = { "hello", "link-state", "have" } },
  ["1110000000000000000000000000000000001113"] = { name = "name-service", kinds = { "register", "query", "reply" } },
}

local f = {
  version = ProtoField.uint8("xia.version", "Version"),
  next = ProtoField.uint8("xia.next", "Next header", base.DEC, next_names),
  payload_length = ProtoField.uint16("xia.payload_length", "Payload length"),
  hop_limit = ProtoField.uint8("xia.hop_limit", "Hop limit"),
  destination_count = ProtoField.uint8("xia.destination_count", "Destination nodes"),
  source_count = ProtoField.uint8("xia.source_count", "Source nodes"),
  last = ProtoField.int32("xia.last", "Last node reached"),
  destination = ProtoField.string("xia.destination", "Destination"),
  source = ProtoField.string("xia.source", "Source"),
  node_type = ProtoField.uint32("xia.node.type", "Principal type", base.HEX, principal_names),
  node_id = ProtoField.bytes("xia.node.id", "Id"),
  node_edge = ProtoField.uint8("xia.node.edge", "Edge to node"),
  node_visited = ProtoField.bool("xia.node.visited", "Visited"),
  payload = ProtoField.bytes("xia.payload", "Payload"),
  xcmp_type = ProtoField.uint8("xia.xcmp.type", "Type", base.DEC, xcmp_names),
  xcmp_code = ProtoField.uint8("xia.xcmp.code", "Code"),
  xcmp_checksum = ProtoField.uint16("xia.xcmp.checksum", "Checksum", base.HEX),
  xcmp_checksum_valid = ProtoField.bool("xia.xcmp.checksum_valid", "Checksum is right"),
  xcmp_id = ProtoField.uint16("xia.xcmp.id", "Id"),
  xcmp_sequence = ProtoField.uint16("xia.xcmp.sequence", "Sequence"),
  xcmp_mtu = ProtoField.uint32("xia.xcmp.mtu", "MTU"),
  xcmp_bad_destination = ProtoField.string("xia.xcmp.bad_destination", "Bad destination"),
  xcmp_next_hop = ProtoField.string("xia.xcmp.next_hop", "Next hop"),
  transport_type = ProtoField.uint8("xia.transport.type", "Transport", base.DEC, transport_names),
  transport_info = ProtoField.uint8("xia.transport.info", "Info", base.DEC, info_names),
  transport_sequence = ProtoField.uint32("xia.transport.sequence", "Sequence"),
  transport_acknowledgement = ProtoField.uint32("xia.transport.acknowledgement", "Acknowledgement"),
  transport_length = ProtoField.uint16("xia.transport.length", "Length"),
  transport_window = ProtoField.uint32("xia.transport.window", "Window"),
  service = ProtoField.string("xia.service", "Service"),
  message_kind = ProtoField.string("xia.message.kind", "Kind"),
  chunk_opcode = ProtoField.uint8("xia.chunk.opcode", "Operation", base.DEC, opcode_names),
  chunk_payload_offset = ProtoField.uint16("xia.chunk.payload_offset", "Payload offset"),
  chunk_offset = ProtoField.uint32("xia.chunk.offset", "Offset in the chunk"),
  chunk_length = ProtoField.uint32("xia.chunk.length", "Length"),
  chunk_chunk_length = ProtoField.uint32("xia.chunk.chunk_length", "Length of the chunk"),
  chunk_context = ProtoField.uint32("xia.chunk.context", "Context"),
  chunk_ttl = ProtoField.uint32("xia.chunk.ttl", "Time to live (s)"),
  chunk_cache_size = ProtoField.uint32("xia.chunk.cache_size", "Cache size"),
  chunk_cache_policy = ProtoField.uint32("xia.chunk.cache_policy", "Cache policy"),
  stream_version = ProtoField.uint8("xia.stream.version", "Version"),
  stream_type = ProtoField.uint8("xia.stream.type", "Type", base.DEC, stream_names),
  stream_destination_id = ProtoField.bytes("xia.stream.destination_id", "Destination connection id"),
  stream_source_id = ProtoField.bytes("xia.stream.source_id", "Source connection id"),
  stream_packet_number = ProtoField.uint64("xia.stream.packet_number", "Packet number"),
  frame_type = ProtoField.uint8("xia.stream.frame", "Frame", base.DEC, frame_names),
  frame_largest = ProtoField.uint64("xia.stream.ack.largest", "Largest packet number"),
  frame_delay = ProtoField.double("xia.stream.ack.delay_ms", "Delay (ms)"),
  frame_first = ProtoField.uint64("xia.stream.ack.first", "First of range"),
  frame_last = ProtoField.uint64("xia.stream.ack.last", "Last of range"),
  frame_fin = ProtoField.bool("xia.stream.fin", "End of the stream"),
  frame_offset = ProtoField.uint64("xia.stream.offset", "Offset"),
  frame_length = ProtoField.uint16("xia.stream.length", "Length"),
  frame_limit = ProtoField.uint64("xia.stream.limit", "Limit"),
  frame_code = ProtoField.uint32("xia.stream.code", "Code"),
  frame_sid = ProtoField.bytes("xia.stream.sid", "SID"),
  frame_window = ProtoField.uint64("xia.stream.window", "Window"),
  frame_idle = ProtoField.uint32("xia.stream.idle_timeout_ms", "Idle timeout (ms)"),
  frame_ack_delay = ProtoField.uint16("xia.stream.max_ack_delay_ms", "Longest ack delay (ms)"),
  frame_sequence = ProtoField.uint64("xia.stream.rebind.sequence", "Sequence"),
  frame_address = ProtoField.string("xia.stream.rebind.address", "Address"),
  frame_token = ProtoField.bytes("xia.stream.token", "Token"),
  key = ProtoField.bytes("xia.public_key", "Public key"),
  signature = ProtoField.bytes("xia.signature", "Signature (not verified here)"),
  statement_kind = ProtoField.uint8("xia.statement.kind", "Statement", base.DEC, statement_names),
  statement_version = ProtoField.uint8("xia.statement.version", "Version"),
  field = ProtoField.string("xia.field", "Field"),
}
xia.fields = f

local a = {
  operation = ProtoField.uint16("xarp.operation", "Operation", base.DEC, { [1] = "request", [2] = "reply" }),
  sender_mac = ProtoField.ether("xarp.sender_mac", "Sender MAC"),
  sender_xid = ProtoField.string("xarp.sender_xid", "Sender XID"),
  target_mac = ProtoField.ether("xarp.target_mac", "Target MAC"),
  target_xid = ProtoField.string("xarp.target_xid", "Target XID"),
}
xarp.fields = a

local malformed = ProtoExpert.new("xia.malformed", "Malformed", expert.group.MALFORMED, expert.severity.ERROR)
local bad_checksum = ProtoExpert.new("xia.xcmp.bad_checksum", "The checksum is wrong", expert.group.CHECKSUM, expert.severity.ERROR)
local cut = ProtoExpert.new("xia.cut", "The rest was not captured", expert.group.UNDECODED, expert.severity.NOTE)
xia.experts = { malformed, bad_checksum, cut }
local xarp_malformed = ProtoExpert.new("xarp.malformed", "Malformed", expert.group.MALFORMED, expert.severity.ERROR)
xarp.experts = { xarp_malformed }

xia.prefs.ports = Pref.range("UDP ports", "", "UDP ports that carry XIP. Datagrams on other ports are recognised by their form.", 65535)

-- Whether all of the packet at hand is there. What is missing from one that was cut, or quoted, is no fault of its own.
local is_complete = true

local function fault(item, reason)
  if is_complete then item:add_proto_expert_info(malformed, reason) end
end

-- Addresses

local function hex(tvb, offset, length)
  return string.lower(tostring(tvb:range(offset, length):bytes()))
end

local function xid_text(tvb, offset)
  local type = tvb:range(offset, 4):uint()
  return (principal_names[type] or string.format("0x%x", type)) .. ":" .. hex(tvb, offset + 4, 20)
end

-- The used edges of a node, as indices from 0; nil when one names no node, comes twice or stands after an unused slot.
local function edges_of(tvb, offset, count)
  local edges, seen, ended = {}, {}, false
  for slot = 0, 3 do
    local to = tvb:range(offset + 24 + slot, 1):uint() % VISITED
    if to == NO_EDGE then
      ended = true
    elseif ended or to >= count or seen[to] then
      return nil
    else
      seen[to] = true
      edges[#edges + 1] = to
    end
  end
  return edges
end

-- Puts nodes in canonical order: a topological sort with a stack. Returns old indices by new ones, or nil.
local function canonical_order(graph, count)
  local waiting, order, stack = {}, {}, {}
  for node = 0, count - 1 do waiting[node] = 0 end
  local sinks = 0
  for node = -1, count - 1 do
    if #graph[node] == 0 then sinks = sinks + 1 end
    for _, to in ipairs(graph[node]) do waiting[to] = waiting[to] + 1 end
  end
  if sinks ~= 1 or #graph[-1] == 0 then return nil end
  for node = 0, count - 1 do
    if waiting[node] == 0 then return nil end
  end
  local function release(node)
    for _, to in ipairs(graph[node]) do
      waiting[to] = waiting[to] - 1
      if waiting[to] == 0 then stack[#stack + 1] = to end
    end
  end
  release(-1)
  while #stack > 0 do
    local node = table.remove(stack)
    order[#order + 1] = node
    release(node)
  end
  if #order < count then return nil end
  return order
end

-- RE ( fallback ) primary ..., or nil when the graph has no such form.
local function re_text(names, graph, count)
  local sink, words, said, at = count - 1, { "RE" }, 0, -1
  local function say(node)
    words[#words + 1] = names[node]
    said = said + 1
  end
  repeat
    local edges = graph[at]
    local primary, fallback = edges[1], edges[2]
    if primary == nil or #edges > 2 or said > count then return nil end
    if fallback ~= nil then
      words[#words + 1] = "("
      local next_one = fallback
      while next_one ~= nil do
        if next_one == sink or next_one == primary or said > count then return nil end
        say(next_one)
        local chain = graph[next_one]
        if chain[1] ~= primary or #chain > 2 then return nil end
        next_one = chain[2]
      end
      words[#words + 1] = ")"
    end
    say(primary)
    at = primary
  until at == sink
  if said ~= count then return nil end
  return table.concat(words, " ")
end

local function dag_form(names, graph, count)
  local words, edges = { "DAG" }, graph[-1]
  for node = 0, count - 1 do
    for _, to in ipairs(edges) do words[#words + 1] = tostring(to) end
    if #edges < 4 then words[#words + 1] = "-" end
    words[#words + 1] = names[node]
    edges = graph[node]
  end
  return table.concat(words, " ")
end

-- The canonical text of `count` nodes on the wire, or nil when they are not a DAG. The sink has the edges of the source.
local function dag_text(tvb, offset, count)
  if count < 1 then return nil end
  local wire = { [count - 1] = {} }
  for node = 0, count - 1 do
    local edges = edges_of(tvb, offset + NODE * node, count)
    if edges == nil then return nil end
    wire[node == count - 1 and -1 or node] = edges
  end
  local order = canonical_order(wire, count)
  if order == nil then return nil end
  local renumbered, names, graph = {}, {}, {}
  for index, old in ipairs(order) do renumbered[old] = index - 1 end
  for node = -1, count - 1 do
    local edges = {}
    for slot, to in ipairs(wire[node]) do edges[slot] = renumbered[to] end
    if node >= 0 then names[renumbered[node]] = xid_text(tvb, offset + NODE * node) end
    graph[node < 0 and -1 or renumbered[node]] = edges
  end
  return re_text(names, graph, count) or dag_form(names, graph, count)
end

local function add_address(tvb, tree, field, offset, count)
  local text = dag_text(tvb, offset, count)
  local range = tvb:range(offset, NODE * count)
  local item = tree:add(field, range, text or "not a DAG")
  if text == nil then item:add_proto_expert_info(malformed, "not a DAG") end
  for node = 0, count - 1 do
    local at = offset + NODE * node
    local sub = item:add(tvb:range(at, NODE), string.format("Node %d: %s", node, xid_text(tvb, at)))
    sub:add(f.node_type, tvb:range(at, 4))
    sub:add(f.node_id, tvb:range(at + 4, 20))
    for slot = 0, 3 do
      local edge = tvb:range(at + 24 + slot, 1):uint()
      if edge % VISITED ~= NO_EDGE then
        sub:add(f.node_edge, tvb:range(at + 24 + slot, 1), edge % VISITED)
        if edge >= VISITED then sub:add(f.node_visited, tvb:range(at + 24 + slot, 1), true) end
      end
    end
  end
  return text
end

-- msgpack

local dissect_statement

local function looks_like_statement(tvb, offset, length)
  if length <= STATEMENT_HEADER then return false end
  local kind = tvb:range(offset, 1):uint()
  return kind > 0 and kind < 64 and tvb:range(offset + 1, 1):uint() == 1
end

-- Reads one value at `at`. Returns its text, where the next one begins, and for bytes and containers the range, or nil and a reason.
local read_value

local function read_bytes(tvb, at, length, is_text)
  if at + length > tvb:len() then return nil, "truncated" end
  if length == 0 then return is_text and '""' or "-", at end
  if is_text then return tvb:range(at, length):string(ENC_UTF_8), at + length end
  return hex(tvb, at, length), at + length, { offset = at, length = length }
end

local function read_list(tvb, at, count, depth)
  local texts = {}
  local ranges = {}
  for _ = 1, count do
    local text, next_at, range = read_value(tvb, at, depth + 1)
    if text == nil then return nil, next_at end
    texts[#texts + 1] = text
    ranges[#ranges + 1] = range
    at = next_at
  end
  return "[" .. table.concat(texts, ", ") .. "]", at, ranges
end

-- Calls `each(key, text, offset, length, ranges)` for every entry.
local function read_map(tvb, at, count, depth, each)
  for _ = 1, count do
    local key, value_at = read_value(tvb, at, depth + 1)
    if key == nil then return nil, value_at end
    local text, next_at, ranges = read_value(tvb, value_at, depth + 1)
    if text == nil then return nil, next_at end
    if each ~= nil then each(key, text, at, next_at - at, ranges) end
    at = next_at
  end
  return "{...}", at
end

local function signed(value, bits)
  if value >= 2 ^ (bits - 1) then return value - 2 ^ bits end
  return value
end

local function whole(value)
  return string.format("%.0f", value)
end

read_value = function(tvb, at, depth)
  if depth > MSGPACK_DEPTH then return nil, "nested too deep" end
  local left = tvb:len() - at
  if left < 1 then return nil, "truncated" end
  local token = tvb:range(at, 1):uint()
  local function number(bytes) return left > bytes and tvb:range(at + 1, bytes):uint() or nil end
  if token < 0x80 then return tostring(token), at + 1 end
  if token < 0x90 then return read_map(tvb, at + 1, token - 0x80, depth) end
  if token < 0xa0 then return read_list(tvb, at + 1, token - 0x90, depth) end
  if token < 0xc0 then return read_bytes(tvb, at + 1, token - 0xa0, true) end
  if token >= 0xe0 then return tostring(token - 256), at + 1 end
  if token == 0xc0 then return "nil", at + 1 end
  if token == 0xc2 then return "false", at + 1 end
  if token == 0xc3 then return "true", at + 1 end
  local widths = {
    [0xc4] = 1, [0xc5] = 2, [0xc6] = 4, [0xd9] = 1, [0xda] = 2, [0xdb] = 4, [0xcc] = 1, [0xcd] = 2, [0xce] = 4,
    [0xd0] = 1, [0xd1] = 2, [0xd2] = 4, [0xdc] = 2, [0xdd] = 4, [0xde] = 2, [0xdf] = 4,
  }
  local width = widths[token]
  if width ~= nil then
    local value = number(width)
    if value == nil then return nil, "truncated" end
    local next_at = at + 1 + width
    if token <= 0xc6 then return read_bytes(tvb, next_at, value, false) end
    if token >= 0xde then return read_map(tvb, next_at, value, depth) end
    if token >= 0xdc then return read_list(tvb, next_at, value, depth) end
    if token >= 0xd9 then return read_bytes(tvb, next_at, value, true) end
    if token >= 0xd0 then return whole(signed(value, 8 * width)), next_at end
    return whole(value), next_at
  end
  if left < 9 and (token == 0xcb or token == 0xcf or token == 0xd3) then return nil, "truncated" end
  if token == 0xca and left >= 5 then return tostring(tvb:range(at + 1, 4):float()), at + 5 end
  if token == 0xcb then
    local value = tvb:range(at + 1, 8):float()
    return value % 1 == 0 and whole(value) or tostring(value), at + 9
  end
  if token == 0xcf then return tostring(tvb:range(at + 1, 8):uint64()), at + 9 end
  if token == 0xd3 then return tostring(tvb:range(at + 1, 8):int64()), at + 9 end
  return nil, string.format("a value of type 0x%02x", token)
end

-- Adds the entries of the map that is all of the bytes from `at` on; statements among them get a tree.
local function dissect_map(tvb, tree, at, depth)
  local token = at < tvb:len() and tvb:range(at, 1):uint() or 0
  local count, start
  if token >= 0x80 and token < 0x90 then
    count, start = token - 0x80, at + 1
  elseif token == 0xde and tvb:len() - at >= 3 then
    count, start = tvb:range(at + 1, 2):uint(), at + 3
  else
    fault(tree, "msgpack: not a map")
    return
  end
  local _, ended = read_map(tvb, start, count, 1, function(key, text, offset, length, ranges)
    local item = tree:add(f.field, tvb:range(offset, length), key .. ": " .. text)
    local list = ranges ~= nil and (ranges.offset ~= nil and { ranges } or ranges) or {}
    for _, range in ipairs(list) do
      if range.offset ~= nil and depth < 3 and looks_like_statement(tvb, range.offset, range.length) then
        dissect_statement(tvb:range(range.offset, range.length):tvb(), item, depth + 1)
      end
    end
  end)
  if type(ended) == "string" then
    fault(tree, "msgpack: " .. ended)
  elseif ended < tvb:len() then
    fault(tree, "msgpack: bytes after the map")
  end
end

dissect_statement = function(tvb, tree, depth)
  local kind = tvb:range(0, 1):uint()
  local sub = tree:add(tvb:range(), "Statement: " .. (statement_names[kind] or tostring(kind)))
  sub:add(f.statement_kind, tvb:range(0, 1))
  sub:add(f.statement_version, tvb:range(1, 1))
  sub:add(f.key, tvb:range(2, 32))
  sub:add(f.signature, tvb:range(34, 64))
  dissect_map(tvb, sub, STATEMENT_HEADER, depth)
end

-- What XIP carries. Each takes the payload, the tree, and what is known of the packet, and returns a text for the info column.

-- Adds the fields of an extension header, and returns its values by key and its length; nil when it is malformed.
local function dissect_extension(tvb, tree, fields)
  local length = tvb:len() >= 4 and tvb:range(1, 1):uint() or 0
  if length < 4 or length % 4 ~= 0 or length > tvb:len() then
    fault(tree, "extension header: a wrong length")
    return nil
  end
  local values, at, previous = {}, 2, -1
  while at < length and tvb:range(at, 1):uint() ~= 0 do
    local width = tvb:range(at, 1):uint() - 1
    if at + 2 + width > length or tvb:range(at + 1, 1):uint() <= previous then
      fault(tree, "extension header: a field that does not fit")
      return nil
    end
    previous = tvb:range(at + 1, 1):uint()
    if width == 1 or width == 2 or width == 4 then
      values[previous] = tvb:range(at + 2, width):le_uint()
      if fields[previous] ~= nil then tree:add_le(fields[previous], tvb:range(at + 2, width)) end
    end
    at = at + 2 + width
  end
  return values, length
end

local function dissect_message(tvb, tree, service)
  tree:add(f.service, tvb:range(), service.name)
  local kind = tvb:range(0, 1):uint()
  local name = service.kinds[kind] or tostring(kind)
  tree:add(f.message_kind, tvb:range(0, 1), name)
  -- Of routers' messages the statements stand for themselves.
  if tvb:len() > 1 and looks_like_statement(tvb, 1, tvb:len() - 1) then
    dissect_statement(tvb:range(1):tvb(), tree, 1)
  else
    dissect_map(tvb, tree, 1, 1)
  end
  return service.name .. " " .. name
end

local transport_fields = {
  [0] = f.transport_type, [1] = f.transport_info, [4] = f.transport_sequence, [5] = f.transport_acknowledgement,
  [6] = f.transport_length, [7] = f.transport_window,
}

local function dissect_transport(tvb, tree, packet)
  local sub = tree:add(xia, tvb:range(), "Transport")
  local values, length = dissect_extension(tvb, sub, transport_fields)
  if values == nil then return "TRANSPORT (malformed)" end
  if values[0] == 1 then return "prototype STREAM " .. (info_names[values[1] or 0] or "?") end
  if values[0] ~= 2 then return "TRANSPORT" end
  local data = tvb:len() - length
  if data > 0 then
    local service = services[packet.destination_intent] or services[packet.source_intent]
    local rest = tvb:range(length):tvb()
    if service ~= nil then return "DGRAM " .. dissect_message(rest, sub, service) end
    sub:add(f.payload, rest:range())
  end
  return string.format("DGRAM, %d bytes", data)
end

local chunk_fields = {
  [0] = f.chunk_opcode, f.chunk_payload_offset, f.chunk_offset, f.chunk_length, f.chunk_chunk_length, f.chunk_context, f.chunk_ttl,
  f.chunk_cache_size, f.chunk_cache_policy,
}

local function dissect_chunk(tvb, tree)
  local sub = tree:add(xia, tvb:range(), "Chunk")
  local values, length = dissect_extension(tvb, sub, chunk_fields)
  if values == nil then return "CHUNK (malformed)" end
  if tvb:len() > length then sub:add(f.payload, tvb:range(length)) end
  local of = values[4] and " of " .. values[4] or ""
  return string.format("CHUNK %s, %d bytes at %d%s", opcode_names[values[0] or 0] or "?", values[3] or 0, values[2] or 0, of)
end

local function checksum_is_right(tvb)
  local sum, length = 0, tvb:len()
  for at = 0, length - 2, 2 do sum = sum + tvb:range(at, 2):uint() end
  if length % 2 == 1 then sum = sum + tvb:range(length - 1, 1):uint() * 256 end
  while sum > 0xffff do sum = sum % 0x10000 + math.floor(sum / 0x10000) end
  return sum == 0xffff
end

local dissect_xip

local function dissect_xcmp(tvb, tree, packet)
  local sub = tree:add(xia, tvb:range(), "XCMP")
  if tvb:len() < 8 then
    fault(sub, "XCMP: too short")
    return "XCMP (malformed)"
  end
  local type = tvb:range(0, 1):uint()
  sub:add(f.xcmp_type, tvb:range(0, 1))
  sub:add(f.xcmp_code, tvb:range(1, 1))
  local checksum = sub:add(f.xcmp_checksum, tvb:range(2, 2))
  if is_complete then
    local right = checksum_is_right(tvb)
    sub:add(f.xcmp_checksum_valid, tvb:range(2, 2), right)
    if not right then checksum:add_proto_expert_info(bad_checksum) end
  end
  local name = "XCMP " .. (xcmp_names[type] or "type " .. type)
  if type == 0 or type == 8 then
    sub:add_le(f.xcmp_id, tvb:range(4, 2))
    sub:add_le(f.xcmp_sequence, tvb:range(6, 2))
    if tvb:len() > 8 then sub:add(f.payload, tvb:range(8)) end
    return string.format("%s, id %d, sequence %d", name, tvb:range(4, 2):le_uint(), tvb:range(6, 2):le_uint())
  end
  if xcmp_names[type] == nil or tvb:len() < 52 then
    fault(sub, "XCMP: an unknown type, or too short")
    return name
  end
  if type == 2 then sub:add(f.xcmp_mtu, tvb:range(4, 4)) end
  if type == 5 then
    sub:add(f.xcmp_bad_destination, tvb:range(4, 24), xid_text(tvb, 4))
    sub:add(f.xcmp_next_hop, tvb:range(28, 24), xid_text(tvb, 28))
  end
  if tvb:len() > 52 and packet.depth < 4 then
    dissect_xip(tvb:range(52):tvb(), sub:add(tvb:range(52), "The packet that it is about"), nil, packet.depth + 1)
  end
  return name
end

-- Frames: their name is that of their type; each function adds what follows the type and returns the size of the frame.
local function u48(tvb, at)
  return tvb:range(at, 6):uint64()
end

local function add_ack(tvb, sub, at)
  local count = tvb:range(at + 1, 1):uint()
  sub:add(f.frame_largest, tvb:range(at + 4, 6), u48(tvb, at + 4))
  sub:add(f.frame_delay, tvb:range(at + 2, 2), tvb:range(at + 2, 2):uint() / 100)
  local last, position = u48(tvb, at + 4), at + 10
  for index = 1, count do
    local from = position
    if index > 1 then
      last = last - UInt64(tvb:range(position, 4):uint() + 2)
      position = position + 4
    end
    local first = last - UInt64(tvb:range(position, 4):uint())
    position = position + 4
    sub:add(f.frame_first, tvb:range(from, position - from), first)
    sub:add(f.frame_last, tvb:range(from, position - from), last)
    last = first
  end
end

local function add_parameters(tvb, sub, at)
  sub:add(f.frame_sid, tvb:range(at + 2, 20))
  sub:add(f.frame_window, tvb:range(at + 22, 6), u48(tvb, at + 22))
  sub:add(f.frame_idle, tvb:range(at + 28, 4))
  sub:add(f.frame_ack_delay, tvb:range(at + 32, 2))
end

local function frame_size(tvb, at, type)
  local left = tvb:len() - at
  local function second() return left >= 2 and tvb:range(at + 1, 1):uint() or nil end
  if type == 1 or type == 10 then return 1 end
  if type == 2 then return second() and 14 + 8 * (math.max(second(), 1) - 1) end
  if type == 3 then return left >= 10 and 10 + tvb:range(at + 2, 2):uint() or nil end
  if type == 4 or type == 5 then return 7 end
  if type == 6 or type == 7 then return second() and second() >= 32 and 2 + second() or nil end
  if type == 8 or type == 9 then return 5 end
  if type == 11 then return left >= 8 and 104 + NODE * tvb:range(at + 7, 1):uint() or nil end
  if type == 12 or type == 13 then return 9 end
  if type == 14 or type == 15 then return 21 end
  if type == 16 then return left >= 3 and 3 + tvb:range(at + 1, 2):uint() or nil end
  return nil
end

local function add_frame(tvb, sub, at, type)
  if type == 2 then
    add_ack(tvb, sub, at)
  elseif type == 3 then
    sub:add(f.frame_fin, tvb:range(at + 1, 1), tvb:range(at + 1, 1):uint() == 1)
    sub:add(f.frame_length, tvb:range(at + 2, 2))
    sub:add(f.frame_offset, tvb:range(at + 4, 6), u48(tvb, at + 4))
    return string.format(" %s+%d", tostring(u48(tvb, at + 4)), tvb:range(at + 2, 2):uint())
  elseif type == 4 or type == 5 then
    sub:add(f.frame_limit, tvb:range(at + 1, 6), u48(tvb, at + 1))
  elseif type == 6 or type == 7 then
    add_parameters(tvb, sub, at)
  elseif type == 8 or type == 9 then
    sub:add(f.frame_code, tvb:range(at + 1, 4))
  elseif type == 11 then
    local count = tvb:range(at + 7, 1):uint()
    sub:add(f.frame_sequence, tvb:range(at + 1, 6), u48(tvb, at + 1))
    sub:add(f.key, tvb:range(at + 8, 32))
    sub:add(f.signature, tvb:range(at + 40, 64))
    if count > 0 then add_address(tvb, sub, f.frame_address, at + 104, count) end
  elseif type == 12 or type == 13 then
    sub:add(f.frame_token, tvb:range(at + 1, 8))
  elseif type == 14 or type == 15 then
    sub:add(f.frame_token, tvb:range(at + 1, 20))
  elseif type == 16 then
    sub:add(f.frame_length, tvb:range(at + 1, 2))
  end
  return ""
end

local function dissect_stream(tvb, tree, packet)
  local sub = tree:add(xia, tvb:range(), "STREAM")
  local type = tvb:len() >= 10 and tvb:range(0, 1):uint() % 16 or -1
  local header = ({ [0] = 16, [1] = 24, [2] = 10 })[type]
  if header == nil or tvb:len() < header then
    fault(sub, "STREAM: too short, or of an unknown type")
    return "STREAM (malformed)"
  end
  sub:add(f.stream_version, tvb:range(0, 1), math.floor(tvb:range(0, 1):uint() / 16))
  sub:add(f.stream_type, tvb:range(0, 1), type)
  sub:add(f.stream_destination_id, tvb:range(2, 8))
  if type == 1 then sub:add(f.stream_source_id, tvb:range(10, 8)) end
  if type ~= 2 then sub:add(f.stream_packet_number, tvb:range(header - 6, 6), u48(tvb, header - 6)) end
  local names, at = {}, header
  while at < tvb:len() do
    local frame = tvb:range(at, 1):uint()
    local size = frame_size(tvb, at, frame)
    if size == nil or size > tvb:len() - at then
      fault(sub, "STREAM: a frame that does not fit")
      break
    end
    local item = sub:add(f.frame_type, tvb:range(at, 1))
    item:set_len(size)
    names[#names + 1] = frame_names[frame] .. add_frame(tvb, item, at, frame)
    at = at + size
  end
  return "STREAM " .. stream_names[type] .. (#names > 0 and ": " .. table.concat(names, ", ") or "")
end

local dissectors = { [12] = dissect_chunk, [60] = dissect_transport, [61] = dissect_xcmp, [62] = dissect_stream }

-- XIP

-- Bytes that the length field leaves out: the header of a chunk that carries data.
local function uncounted(tvb, next_header, at)
  if next_header ~= 12 or tvb:len() < at + 5 then return 0 end
  if tvb:range(at + 2, 1):uint() ~= 2 or tvb:range(at + 3, 1):uint() ~= 0 then return 0 end
  local opcode = tvb:range(at + 4, 1):uint()
  return (opcode == 2 or opcode == 6) and tvb:range(at + 1, 1):uint() or 0
end

-- The lengths of a header: where the payload begins, and where it should end; nil and a reason when it is none.
local function header_of(tvb)
  if tvb:len() < XIP_HEADER then return nil, "fewer bytes than the header" end
  if tvb:range(0, 1):uint() ~= 1 then return nil, "not version 1" end
  local destination, source = tvb:range(5, 1):uint(), tvb:range(6, 1):uint()
  if destination < 1 or destination > MAX_NODES or source > MAX_NODES then return nil, "a wrong number of nodes" end
  local header = XIP_HEADER + NODE * (destination + source)
  if tvb:len() < header then return nil, "fewer bytes than the nodes need" end
  local last = tvb:range(7, 1):uint()
  if last ~= 255 and last ~= 126 and last >= destination then return nil, "the last node reached is not there" end
  return header, header + tvb:range(2, 2):uint() + uncounted(tvb, tvb:range(1, 1):uint(), header)
end

-- Returns the number of bytes that belong to the packet, 0 when it is none. `pinfo` is nil for a packet within another one.
dissect_xip = function(tvb, tree, pinfo, depth)
  local header, ended = header_of(tvb)
  if pinfo ~= nil then pinfo.cols.protocol = "XIA" end
  local root = tree:add(xia, tvb:range())
  if header == nil then
    root:add_proto_expert_info(malformed, ended)
    if pinfo ~= nil then pinfo.cols.info = "malformed: " .. ended end
    return
  end
  local destination, source = tvb:range(5, 1):uint(), tvb:range(6, 1):uint()
  local next_header = tvb:range(1, 1):uint()
  local last = tvb:range(7, 1):uint()
  root:add(f.version, tvb:range(0, 1))
  root:add(f.next, tvb:range(1, 1))
  local length = root:add(f.payload_length, tvb:range(2, 2))
  root:add(f.hop_limit, tvb:range(4, 1))
  root:add(f.destination_count, tvb:range(5, 1))
  root:add(f.source_count, tvb:range(6, 1))
  root:add(f.last, tvb:range(7, 1), (last == 255 or last == 126) and -1 or last)
  add_address(tvb, root, f.destination, XIP_HEADER, destination)
  if source > 0 then add_address(tvb, root, f.source, XIP_HEADER + NODE * destination, source) end
  if depth == 0 and tvb:reported_len() < ended then
    length:add_proto_expert_info(malformed, "more bytes than arrived")
  elseif depth == 0 and tvb:len() < ended then
    root:add_proto_expert_info(cut)
  end
  local info
  local bytes = math.min(tvb:len(), ended) - header
  if bytes > 0 then
    local payload = tvb:range(header, bytes):tvb()
    local packet = {
      depth = depth,
      destination_intent = hex(tvb, XIP_HEADER + NODE * (destination - 1) + 4, 20),
      source_intent = source > 0 and hex(tvb, header - NODE + 4, 20) or "",
    }
    local dissect = dissectors[next_header]
    if dissect ~= nil then
      local outer = is_complete
      is_complete = depth == 0 and tvb:len() >= ended
      info = dissect(payload, root, packet)
      is_complete = outer
    else
      root:add(f.payload, payload:range())
    end
  end
  if pinfo ~= nil then
    pinfo.cols.info = info or "next header " .. next_header
  end
end

function xia.dissector(tvb, pinfo, tree)
  if tvb:len() == 0 then return 0 end
  dissect_xip(tvb, tree, pinfo, 0)
  return tvb:len()
end

function xarp.dissector(tvb, pinfo, tree)
  pinfo.cols.protocol = "XARP"
  local root = tree:add(xarp, tvb:range())
  if tvb:len() < 68 then
    root:add_proto_expert_info(xarp_malformed, "too short")
    return tvb:len()
  end
  root:add(a.operation, tvb:range(6, 2))
  root:add(a.sender_mac, tvb:range(8, 6))
  root:add(a.sender_xid, tvb:range(14, 24), xid_text(tvb, 14))
  root:add(a.target_mac, tvb:range(38, 6))
  root:add(a.target_xid, tvb:range(44, 24), xid_text(tvb, 44))
  pinfo.cols.info = (tvb:range(6, 2):uint() == 1 and "who has " or "reply to ") .. xid_text(tvb, 44)
  return tvb:len()
end

-- Whether a UDP datagram has the form of an XIP packet: every length agrees, and every edge leads to a node.
local function is_xip(tvb)
  local header, ended = header_of(tvb)
  if header == nil or ended ~= tvb:reported_len() then return false end
  local destination, source = tvb:range(5, 1):uint(), tvb:range(6, 1):uint()
  if source == 0 then return false end
  return dag_text(tvb, XIP_HEADER, destination) ~= nil and dag_text(tvb, XIP_HEADER + NODE * destination, source) ~= nil
end

local udp_ports = DissectorTable.get("udp.port")
local ports = ""
function xia.prefs_changed()
  if ports == xia.prefs.ports then return end
  if ports ~= "" then udp_ports:remove(ports, xia) end
  ports = xia.prefs.ports
  if ports ~= "" then udp_ports:add(ports, xia) end
end

DissectorTable.get("ethertype"):add(0xc0de, xia)
DissectorTable.get("ethertype"):add(0x9990, xarp)
DissectorTable.get("wtap_encap"):add((wtap or wtap_encaps).USER0, xia)
udp_ports:add_for_decode_as(xia)
xia:register_heuristic("udp", function(tvb, pinfo, tree)
  if not is_xip(tvb) then return false end
  xia.dissector(tvb, pinfo, tree)
  return true
end)
