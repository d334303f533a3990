-- A bucket: its values by key, its keys in the order of their bytes, those that expire by their time, and the bytes of all.
local values, order, expiries, count = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local now, overhead = time_of(ARGV[1]), tonumber(ARGV[2])

local function count_bytes(more)
    if more == 0 then return end
    if redis.call('INCRBY', count, string.format('%.0f', more)) <= 0 then redis.call('DEL', count) end
end

local function remove(key)
    local bytes = overhead + #key + redis.call('HSTRLEN', values, key)
    local was_there = redis.call('HDEL', values, key) == 1
    redis.call('ZREM', order, key)
    redis.call('ZREM', expiries, key)
    if was_there then count_bytes(-bytes) end
end

-- Removes what has expired, at most so many entries. Returns how many.
local function sweep(most)
    local keys = redis.call('ZRANGEBYSCORE', expiries, '-inf', string.format('%.0f', now), 'LIMIT', 0, most)
    for _, key in ipairs(keys) do remove(key) end
    return #keys
end
