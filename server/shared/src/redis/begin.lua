-- Begins an epoch, unless this server has one. Returns its name and the time.
-- KEYS: the epoch. ARGV: the server, and a name for a new epoch.
-- After a restart or a failover the server is another one: what it still has may lack the latest used proofs.
if redis.call('HGET', KEYS[1], 'server') ~= ARGV[1] then
  redis.call('DEL', KEYS[1])
  redis.call('HSET', KEYS[1], 'server', ARGV[1], 'id', ARGV[2])
end
local time = redis.call('TIME')
return {redis.call('HGET', KEYS[1], 'id'), time[1], time[2]}
