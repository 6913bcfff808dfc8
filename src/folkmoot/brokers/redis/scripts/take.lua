-- Hand runs over, urgent first: out of the lists, into what this taker holds, in one step.
-- KEYS: lists from urgent to patient (4), announced, wake, held, takers.
-- ARGV: limit, number of the first, taker, lease in ms.  Returns list number and run, alternating.
local limit, number, found = tonumber(ARGV[1]), tonumber(ARGV[2]), {}
local left = false
for i = 1, 4 do
  local room = limit - #found / 2
  if room > 0 then
    for _, run in ipairs(redis.call('RPOP', KEYS[i], room) or {}) do
      redis.call('HSET', KEYS[7], number + #found / 2, i .. ' ' .. run)
      redis.call('HDEL', KEYS[5], run)
      found[#found + 1] = i
      found[#found + 1] = run
    end
  end
  left = left or redis.call('EXISTS', KEYS[i]) == 1
end
if #found > 0 then
  local time = redis.call('TIME')
  redis.call('ZADD', KEYS[8], time[1] * 1000 + math.floor(time[2] / 1000) + ARGV[4], ARGV[3])
end
if not left then
  redis.call('DEL', KEYS[5])
elseif redis.call('LLEN', KEYS[6]) == 0 then
  redis.call('LPUSH', KEYS[6], '1')
end
return found
