-- Put all that a taker holds in front of the lists, when its lease is over or (ARGV[2]) when it leaves.
-- KEYS: lists from urgent to patient (4), announced, wake, held, takers.  ARGV: taker, '1' if it leaves.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local lease = redis.call('ZSCORE', KEYS[8], ARGV[1])
if ARGV[2] ~= '1' and lease and tonumber(lease) > now then
  return 0
end
local held, numbers = {}, {}
local all = redis.call('HGETALL', KEYS[7])
for i = 1, #all, 2 do
  local number = tonumber(all[i])
  numbers[#numbers + 1] = number
  held[number] = all[i + 1]
end
table.sort(numbers, function(a, b) return a > b end)
for _, number in ipairs(numbers) do
  local run = string.sub(held[number], 3)
  if redis.call('HSETNX', KEYS[5], run, now) == 1 then
    redis.call('RPUSH', KEYS[tonumber(string.sub(held[number], 1, 1))], run)
  end
end
redis.call('DEL', KEYS[7])
redis.call('ZREM', KEYS[8], ARGV[1])
if #numbers > 0 and redis.call('LLEN', KEYS[6]) == 0 then
  redis.call('LPUSH', KEYS[6], '1')
end
return #numbers
