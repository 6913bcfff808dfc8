-- Announce runs, in this order, unless they are announced and nobody has taken them yet.
-- KEYS: list, announced, wake.  ARGV: trust in ms, runs.
-- An announcement is trusted for a while only: should the list be lost by itself (evicted, deleted by
-- hand), the relay's next word must come through.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local put = 0
for i = 2, #ARGV do
  local since = redis.call('HGET', KEYS[2], ARGV[i])
  if not since or now - tonumber(since) > tonumber(ARGV[1]) then
    redis.call('HSET', KEYS[2], ARGV[i], now)
    redis.call('LPUSH', KEYS[1], ARGV[i])
    put = put + 1
  end
end
-- One token wakes one taker; who takes and leaves something puts the next token.
if put > 0 and redis.call('LLEN', KEYS[3]) == 0 then
  redis.call('LPUSH', KEYS[3], '1')
end
return put
