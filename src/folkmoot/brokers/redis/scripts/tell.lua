-- Tell events, in this order.
-- ARGV: channel and body, alternating.
for i = 1, #ARGV, 2 do
  redis.call('PUBLISH', ARGV[i], ARGV[i + 1])
end
return #ARGV / 2
