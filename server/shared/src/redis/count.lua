-- Counts one use, by the generic cell rate algorithm. Returns how many microseconds the next one has to wait: 0 if this
-- one is within the limit.
-- KEYS: who is counted. ARGV: uses in a minute, and as many at once.
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000000 + tonumber(time[2])
local interval = 60000000 / tonumber(ARGV[1])
local most = 60000000
-- When all is given back. The clock of this machine may have been set back since it was written.
local full = math.min(math.max(tonumber(redis.call('GET', KEYS[1]) or '0'), now), now + most)
local wait = full + interval - most - now
-- Less than a microsecond is the rounding of the interval.
if wait >= 1 then return math.ceil(wait) end
full = full + interval
redis.call('SET', KEYS[1], string.format('%.0f', full), 'PX', string.format('%.0f', math.ceil((full - now) / 1000)))
return 0
