-- The time in milliseconds since 1970: of Redis, unless a test gives one.
local function time_of(given)
    if given ~= '' then return tonumber(given) end
    local time = redis.call('TIME')
    return time[1] * 1000 + math.floor(time[2] / 1000)
end
