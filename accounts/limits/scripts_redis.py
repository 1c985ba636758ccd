"""The Lua that Redis runs: each script is one atomic step and one round trip. Redis's own clock is everybody's clock.

Under the prefix `lukhas:{limits}:` (the braces keep all keys on one node of a cluster):

    w:RULE      a window: `n` what counts, `h` its oldest bucket at most, `l` its newest, and each bucket by its tick
    c:RULE      requests in flight
    s:ACCOUNT   what was spent in a day or month, in micro-dollars
    held        what is reserved of budgets, by scope
    holders     the processes, by when they are given up
    j:HOLDER    what a process holds that does not lapse by itself, to be taken back when it is given up

A number in Lua is exact up to 2 ** 53: micro-dollars for nine thousand million dollars.
"""

PREFIX = "lukhas:{limits}:"

_COMMON = """
local P = 'lukhas:{limits}:'
local time = redis.call('TIME')
local now = time[1] + time[2] / 1000000

local function advance(key, tick, span)
  local head = redis.call('HMGET', key, 'n', 'h', 'l')
  if not head[1] then return 0, nil, nil end
  local n, h, l = tonumber(head[1]), tonumber(head[2]), tonumber(head[3])
  local oldest = tick - span
  if l < oldest then
    redis.call('DEL', key)
    return 0, nil, nil
  end
  if h < oldest then
    local gone = {}
    for t = h, oldest - 1 do gone[#gone + 1] = t end
    for _, amount in ipairs(redis.call('HMGET', key, unpack(gone))) do
      if amount then n = n - tonumber(amount) end
    end
    redis.call('HDEL', key, unpack(gone))
    redis.call('HSET', key, 'n', n, 'h', oldest)
    h = oldest
  end
  return n, h, l
end

local function put(key, tick, amount, width, span)
  if redis.call('HSETNX', key, 'h', tick) == 1 then redis.call('HSET', key, 'l', tick) end
  if tonumber(redis.call('HGET', key, 'l')) < tick then redis.call('HSET', key, 'l', tick) end
  redis.call('HINCRBY', key, tick, amount)
  redis.call('HINCRBY', key, 'n', amount)
  redis.call('EXPIRE', key, width * (span + 2))
end

local function take(key, tick, amount)
  local had = redis.call('HGET', key, tick)
  if had then
    redis.call('HINCRBY', key, tick, -amount)
    redis.call('HINCRBY', key, 'n', -amount)
  end
end

local function lower(key, field, amount)
  if redis.call('HINCRBY', key, field, -amount) <= 0 then redis.call('HDEL', key, field) end
end

local function give_up(holder)
  local journal = redis.call('HGETALL', P .. 'j:' .. holder)
  for i = 1, #journal, 2 do
    local kind, tick, name = string.match(journal[i], '^(%a)(%d*)|(.*)$')
    local amount = tonumber(journal[i + 1])
    if kind == 'w' then take(P .. 'w:' .. name, tick, amount)
    elseif kind == 'c' then
      if redis.call('DECRBY', P .. 'c:' .. name, amount) <= 0 then redis.call('DEL', P .. 'c:' .. name) end
    else lower(P .. 'held', name, amount) end
  end
  redis.call('DEL', P .. 'j:' .. holder)
  redis.call('ZREM', P .. 'holders', holder)
end

local function give_up_the_lost()
  for _, holder in ipairs(redis.call('ZRANGEBYSCORE', P .. 'holders', '-inf', now, 'LIMIT', 0, 8)) do
    give_up(holder)
  end
end
"""

RESERVE = (
    _COMMON
    + """
local holder, lapse, tokens, cost = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local most, rules, budgets = tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7])
local scopes, accounts = tonumber(ARGV[8]), ARGV[9]
local at = 10
give_up_the_lost()
if not redis.call('ZSCORE', P .. 'holders', holder) then return {'unknown'} end

local known = {}
local found = {}
for i = 1, rules do
  local rule = {name = ARGV[at], amount = 1, limit = tonumber(ARGV[at + 2]), width = tonumber(ARGV[at + 3]),
                span = tonumber(ARGV[at + 4]), reset = 0, tick = 0}
  if ARGV[at + 1] == 'tokens' then rule.amount = tokens end
  rule.journal = rule.width == 60 and ARGV[at + 1] == 'tokens'
  at = at + 5
  if rule.width == 0 then
    rule.used = tonumber(redis.call('GET', P .. 'c:' .. rule.name) or 0)
  else
    rule.key = P .. 'w:' .. rule.name
    rule.tick = math.floor(now / rule.width)
    rule.used, rule.h, rule.l = advance(rule.key, rule.tick, rule.span)
    if rule.l and rule.used > 0 then rule.reset = (rule.l + rule.span + 1) * rule.width - now end
  end
  found[i] = rule
end

local function answer(head)
  for _, rule in ipairs(found) do
    head[#head + 1] = rule.used
    head[#head + 1] = math.ceil(rule.reset * 1000)
    head[#head + 1] = rule.tick
  end
  return head
end

if most > 0 then
  local missing = {'missing'}
  for i = 0, scopes * 2 - 1 do
    local account = ARGV[at + i]
    known[account] = redis.call('GET', P .. 's:' .. account)
    if not known[account] then missing[#missing + 1] = account end
  end
  if #missing > 1 then return missing end
  at = at + scopes * 2
  for i = 1, budgets do
    local scope, account, limit = ARGV[at], ARGV[at + 1], tonumber(ARGV[at + 2])
    at = at + 3
    local spent, held = tonumber(known[account]), tonumber(redis.call('HGET', P .. 'held', scope) or 0)
    if spent + held + cost > limit then
      local wait = -1
      if spent + cost <= limit then wait = 1000 end
      return answer({'budget', i - 1, spent + held, wait})
    end
  end
end

local worst, wait = nil, -2
for i, rule in ipairs(found) do
  if rule.used + rule.amount > rule.limit then
    local needed = math.huge
    if rule.amount <= rule.limit then
      if rule.width == 0 then needed = 1
      else
        local excess = rule.used + rule.amount - rule.limit
        local ticks = {}
        for t = rule.h, rule.l do ticks[#ticks + 1] = t end
        for n, amount in ipairs(redis.call('HMGET', rule.key, unpack(ticks))) do
          if amount then excess = excess - tonumber(amount) end
          if excess <= 0 then
            needed = (ticks[n] + rule.span + 1) * rule.width - now
            break
          end
        end
      end
    end
    if needed > wait then worst, wait = i, needed end
  end
end
if worst then
  if wait == math.huge then wait = -1 else wait = math.ceil(wait * 1000) end
  return answer({'rule', worst - 1, found[worst].used, wait})
end

redis.call('ZADD', P .. 'holders', now + lapse, holder)
local journal = P .. 'j:' .. holder
for _, rule in ipairs(found) do
  rule.used = rule.used + rule.amount
  if rule.width == 0 then
    redis.call('INCR', P .. 'c:' .. rule.name)
    redis.call('HINCRBY', journal, 'c|' .. rule.name, 1)
  else
    put(rule.key, rule.tick, rule.amount, rule.width, rule.span)
    rule.reset = (rule.tick + rule.span + 1) * rule.width - now
    if rule.journal then redis.call('HINCRBY', journal, 'w' .. rule.tick .. '|' .. rule.name, rule.amount) end
  end
end
if most > 0 then
  for scope in string.gmatch(accounts, '[^ ]+') do
    redis.call('HINCRBY', P .. 'held', scope, most)
    redis.call('HINCRBY', journal, 'h|' .. scope, most)
  end
end
return answer({'granted', 0, 0, 0})
"""
)

SETTLE = (
    _COMMON
    + """
local holder, reserved, used = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local held, cost, rules, scopes = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7])
local alive = redis.call('ZSCORE', P .. 'holders', holder)
local journal = P .. 'j:' .. holder
local at = 8
for i = 1, rules do
  local name, tick, width, span = ARGV[at], tonumber(ARGV[at + 1]), tonumber(ARGV[at + 2]), tonumber(ARGV[at + 3])
  at = at + 4
  if width == 0 then
    if alive then
      if redis.call('DECR', P .. 'c:' .. name) <= 0 then redis.call('DEL', P .. 'c:' .. name) end
      lower(journal, 'c|' .. name, 1)
    end
  else
    local key, before = P .. 'w:' .. name, reserved
    advance(key, math.floor(now / width), span)
    if width == 60 then
      if alive then lower(journal, 'w' .. tick .. '|' .. name, reserved) else before = 0 end
    end
    if used > before then put(key, math.floor(now / width), used - before, width, span)
    elseif used < before then take(key, tick, before - used) end
  end
end
for i = 1, scopes do
  local scope = ARGV[at]
  if held > 0 and alive then
    lower(P .. 'held', scope, held)
    lower(journal, 'h|' .. scope, held)
  end
  for n = 1, 2 do
    local account = P .. 's:' .. ARGV[at + n]
    if cost > 0 and redis.call('EXISTS', account) == 1 then redis.call('INCRBY', account, cost) end
  end
  at = at + 3
end
return 1
"""
)

BEAT = (
    _COMMON
    + """
give_up_the_lost()
if ARGV[3] == 'join' or redis.call('ZSCORE', P .. 'holders', ARGV[1]) then
  redis.call('ZADD', P .. 'holders', now + tonumber(ARGV[2]), ARGV[1])
  return 1
end
return 0
"""
)

BOOK = """
for i = 1, #ARGV, 2 do
  local account = 'lukhas:{limits}:s:' .. ARGV[i]
  if redis.call('EXISTS', account) == 1 then redis.call('INCRBY', account, ARGV[i + 1]) end
end
return 1
"""

SEED = """
for i = 1, #ARGV, 3 do
  redis.call('SET', 'lukhas:{limits}:s:' .. ARGV[i], ARGV[i + 1], 'NX', 'EX', ARGV[i + 2])
end
return 1
"""

PEEK = (
    _COMMON
    + """
local used = {}
for i = 1, #ARGV, 3 do
  local width = tonumber(ARGV[i + 1])
  if width == 0 then used[#used + 1] = tonumber(redis.call('GET', P .. 'c:' .. ARGV[i]) or 0)
  else used[#used + 1] = (advance(P .. 'w:' .. ARGV[i], math.floor(now / width), tonumber(ARGV[i + 2]))) end
end
return used
"""
)
