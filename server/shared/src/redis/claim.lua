-- Looks at a proof, or marks it as used. Returns a result (see `Claim`) and the time.
-- KEYS: the epoch, the proof, and its holder's count.
-- ARGV: the epoch's name, the window's length in seconds, the proof's window, the number of windows in which its nonce
-- is accepted and in which it is remembered, the holder's share (0: no limit), and 1 to mark it.
local time = redis.call('TIME')
local function answer(result) return {result, time[1], time[2]} end
if redis.call('HGET', KEYS[1], 'id') ~= ARGV[1] then return answer('lost') end
local length, window, share = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[6])
-- Windows never go back: what was forgotten can't be accepted again. If the clock of this machine was set back by more
-- than one, no nonce of now would be accepted for as long: a new epoch begins, in which no proof of before is good.
local now = math.floor(tonumber(time[1]) / length)
local last = tonumber(redis.call('HGET', KEYS[1], 'window') or '0')
if now < last - 1 then
  redis.call('DEL', KEYS[1])
  return answer('lost')
end
if now > last then
  redis.call('HSET', KEYS[1], 'window', string.format('%.0f', now))
else
  now = last
end
if window > now or now - window > tonumber(ARGV[4]) then return answer('stale') end
if redis.call('EXISTS', KEYS[2]) == 1 then return answer('replayed') end
if ARGV[7] ~= '1' then return answer('fresh') end
if share > 0 then
  if tonumber(redis.call('GET', KEYS[3]) or '0') >= share then return answer('over') end
  redis.call('INCR', KEYS[3])
  redis.call('EXPIREAT', KEYS[3], string.format('%.0f', (math.floor(tonumber(time[1]) / length) + 1) * length))
end
redis.call('SET', KEYS[2], '')
-- One window longer than its nonce is accepted.
redis.call('EXPIREAT', KEYS[2], string.format('%.0f', (window + tonumber(ARGV[5]) + 2) * length))
return answer('fresh')
