-- Returns how it ended and where ("all"; "more": not all keys were looked at; "bytes": too many), then keys and values.
local values, order, expiries = KEYS[1], KEYS[2], KEYS[3]
local now = time_of(ARGV[1])
local from, to, limit, bytes_max, looks_max = ARGV[3], ARGV[4], tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7])
local some_expired = redis.call('ZCOUNT', expiries, '-inf', string.format('%.0f', now)) > 0
local answer, found, bytes, looks = {'all', ''}, 0, 0, 0
while found < limit do
    local page = math.max(limit - found, 100)
    local keys = redis.call('ZRANGEBYLEX', order, from, to, 'LIMIT', 0, page)
    for _, key in ipairs(keys) do
        local expires = some_expired and redis.call('ZSCORE', expiries, key)
        local value = not (expires and tonumber(expires) <= now) and redis.call('HGET', values, key)
        if value then
            bytes = bytes + #key + #value
            if bytes > bytes_max then return {'bytes', ''} end
            found = found + 1
            answer[#answer + 1], answer[#answer + 2] = key, value
            if found == limit then return answer end
        end
    end
    looks = looks + #keys
    if #keys < page then return answer end
    from = '(' .. keys[#keys]
    if looks >= looks_max then
        answer[1], answer[2] = 'more', keys[#keys]
        return answer
    end
end
return answer
