-- Returns how many entries that expire are left.
sweep(tonumber(ARGV[3]))
return redis.call('ZCARD', expiries)
