-- Put a run that was taken in front of its list, if it is still held and not announced again since.
-- KEYS: lists from urgent to patient (4), announced, wake, held.  ARGV: number.
local held = redis.call('HGET', KEYS[7], ARGV[1])
if not held then
  return 0
end
redis.call('HDEL', KEYS[7], ARGV[1])
local run = string.sub(held, 3)
local time = redis.call('TIME')
if redis.call('HSETNX', KEYS[5], run, time[1] * 1000 + math.floor(time[2] / 1000)) == 1 then
  redis.call('RPUSH', KEYS[tonumber(string.sub(held, 1, 1))], run)
end
if redis.call('LLEN', KEYS[6]) == 0 then
  redis.call('LPUSH', KEYS[6], '1')
end
return 1
