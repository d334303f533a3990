-- One write. The first command that may need memory comes before any other change, so that a full Redis refuses all of it.
local bucket_max, plugin_max = tonumber(ARGV[3]), tonumber(ARGV[4])
local operation, key = ARGV[5], ARGV[6]

sweep(100)
local before = redis.call('HGET', values, key)
if before then
    local expires = redis.call('ZSCORE', expiries, key)
    if expires and tonumber(expires) <= now then
        remove(key)
        before = false
    end
end

-- The bound that a value of so many bytes would break. What makes the bucket smaller breaks none.
local function broken_bound(length)
    local had, has = before and overhead + #key + #before or 0, overhead + #key + length
    if has <= had then return end
    local function used() return tonumber(redis.call('GET', count) or '0') - had + has end
    -- What has expired must not stand in the way.
    while used() > math.min(bucket_max, plugin_max) and sweep(1000) > 0 do end
    if used() > bucket_max then return 'bucket_bytes_max' end
    if used() > plugin_max then return 'store_bytes_max' end
end

-- Counts what was written where `before` was.
local function counted(length)
    if not before then redis.call('ZADD', order, 0, key) end
    count_bytes(length - (before and #before or -overhead - #key))
end

local function put(value)
    local bound = broken_bound(#value)
    if bound then return {'limit', bound} end
    redis.call('HSET', values, key, value)
    counted(#value)
    return {'done', '1'}
end

local operations = {}

function operations.set(value, ttl)
    local answer = put(value)
    if answer[1] == 'done' then
        if ttl == '' then
            redis.call('ZREM', expiries, key)
        else
            redis.call('ZADD', expiries, string.format('%.0f', now + tonumber(ttl)), key)
        end
    end
    return answer
end

function operations.delete()
    if before then remove(key) end
    return {'done', before and '1' or '0'}
end

function operations.swap(has_expected, expected, has_value, value)
    local is_expected = before == expected
    if has_expected == '0' then is_expected = not before end
    if not is_expected then return {'done', '0'} end
    if has_value == '1' then return put(value) end
    if before then remove(key) end
    return {'done', '1'}
end

-- Lua's numbers are exact to 2^53 only, so Redis adds, and the sum is read as text.
function operations.increment(by)
    if before then
        local sign, digits = string.match(before, '^([+-]?)(%d+)$')
        if not digits then return {'no number', ''} end
        digits = string.gsub(digits, '^0+(%d)', '%1')
        if sign ~= '-' or digits == '0' then sign = '' end
        -- Redis takes numbers in one spelling only.
        if sign .. digits ~= before then redis.call('HSET', values, key, sign .. digits) end
    end
    local function restore()
        if before then redis.call('HSET', values, key, before) else redis.call('HDEL', values, key) end
    end
    local done = redis.pcall('HINCRBY', values, key, by)
    if type(done) == 'table' and done.err then
        restore()
        if string.find(done.err, 'overflow', 1, true) then return {'too large', ''} end
        if string.find(done.err, 'not an integer', 1, true) then return {'no number', ''} end
        return done
    end
    local sum = redis.call('HGET', values, key)
    local bound = broken_bound(#sum)
    if bound then
        restore()
        return {'limit', bound}
    end
    counted(#sum)
    return {'number', sum}
end

return operations[operation](unpack(ARGV, 7))
