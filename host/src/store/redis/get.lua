local value = redis.call('HGET', KEYS[1], ARGV[3])
if not value then return false end
local expires = redis.call('ZSCORE', KEYS[3], ARGV[3])
if expires and tonumber(expires) <= time_of(ARGV[1]) then return false end
return value
