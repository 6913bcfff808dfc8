-- Keep the leases of these takers; name those whose lease is over, and the memory that we are in.
-- KEYS: takers, memory.  ARGV: lease in ms, a name for a new memory, takers.
-- The memory has a name so that a flush is noticed: the name is another afterwards.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
for i = 3, #ARGV do
  redis.call('ZADD', KEYS[1], now + ARGV[1], ARGV[i])
end
redis.call('SET', KEYS[2], ARGV[2], 'NX')
return { redis.call('GET', KEYS[2]), redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now, 'LIMIT', 0, 100) }
