#!/usr/bin/env bash
# In the machine: as many parked sessions as the file `sessions` says. The figures are those of
# tests/benches/parked.rs; beside them, once a minute, what the system says of the two processes.
set -uo pipefail
cd /check || exit

sessions=$(cat sessions)
printf 'max_map_count %s, descriptors %s, sessions %s\n' \
    "$(cat /proc/sys/vm/max_map_count)" "$(ulimit -n)" "$sessions"

observe() {
    local process
    printf -- '-- %s s; %s; %s\n' "$(cut -d. -f1 /proc/uptime)" "$(grep TCP: /proc/net/sockstat)" \
        "$(grep -E '^(MemFree|SUnreclaim)' /proc/meminfo | tr -s ' \n' ' ')"
    for process in $(pgrep -x parked); do
        printf -- '-- process %s: %s, %s maps\n' "$process" \
            "$(grep -E '^(Rss|Pss):' "/proc/$process/smaps_rollup" | tr -s ' \n' ' ')" \
            "$(wc -l <"/proc/$process/maps")"
    done
}

while sleep 60; do observe; done &
watch=$!
POPCELL_PARKED_SESSIONS=$sessions timeout 6600 ./parked --bench
code=$?
kill "$watch"
[ "$code" = 0 ] && echo passed || echo "failed: exit code $code"
