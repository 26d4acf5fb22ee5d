#!/usr/bin/env bash
# In the machine: examples/popcell.service, installed as docs/operating.md says. A line for each thing
# that has to hold, and what systemd and the server said of it in the end.
set -uo pipefail
cd /check || exit

unit=popcell
failures=0

# it NAME COMMAND...: NAME holds if COMMAND succeeds.
it() {
    local name=$1
    shift
    if "$@"; then
        echo "ok      $name"
    else
        echo "NOT OK  $name"
        failures=$((failures + 1))
    fi
}

property() { systemctl show --value --property "$1" "$unit"; }
main() { property MainPID; }
is() { [ "$(property "$1")" = "$2" ]; }
control() { timeout 60 systemctl --quiet "$@"; }
log() { timeout 20 journalctl --unit "$unit" --output cat --no-pager; }
says() { log | grep -q -- "$1"; }
messages() { find "/var/mail/$1" -name '*.machine' | wc -l; }

# within SECONDS COMMAND...: succeeds as soon as COMMAND does.
within() {
    local end=$((SECONDS + $1))
    shift
    until "$@"; do
        [ "$SECONDS" -lt "$end" ] || return
        sleep 0.5
    done
}

# Opens a connection; its descriptor is in $session, what the server said first in $answer.
connect() {
    exec {session}<>/dev/tcp/127.0.0.1/1110 && read -r -t 30 answer <&"$session"
} 2>/dev/null

# say COMMAND: succeeds if the answer of $session is +OK.
say() {
    printf '%s\r\n' "$1" >&"$session" && read -r -t 30 answer <&"$session" && [[ $answer == +OK* ]]
} 2>/dev/null

login() { connect && say "USER $1" && say "PASS secret"; }
greets() { connect && [[ $answer == "+OK $1"* ]]; }
retrieves() {
    local line
    login "$1" && say "RETR 1" || return
    while read -r -t 30 line <&"$session" && [ "$line" != $'.\r' ]; do
        [ "$line" = $'hello from 1\r' ] && local found=yes
    done
    [ "${found:-}" = yes ] && say QUIT
}

install_popcell() {
    local user number
    useradd --system vmail
    install popcell /usr/bin/popcell
    mkdir /etc/popcell
    cp popcell.toml /etc/popcell/
    for user in alice bob carol; do
        echo "$user:{PLAIN}secret::::::" >>/etc/popcell/users
        mkdir -p "/var/mail/$user"/{new,cur,tmp}
        for number in 1 2 3; do
            printf 'Subject: %s\n\nhello from %s\n' "$number" "$number" \
                >"/var/mail/$user/new/170000000$number.M1P1.machine"
        done
        chown -R vmail: "/var/mail/$user"
    done
    chown vmail: /etc/popcell/users
    cp popcell.service /etc/systemd/system/
    systemctl daemon-reload
}

is_clean() { [ -z "$(systemd-analyze verify "/etc/systemd/system/$unit.service" 2>&1 | tee /dev/stderr)" ]; }
lacks() { ! says "$1"; }
is_ready() { is ActiveState active && is SubState running; }

start() {
    it "the unit is without mistakes" is_clean
    it "enable --now starts it" control enable --now "$unit"
    it "it is active" is_ready
    it "a session retrieves mail" retrieves alice
    it "root asks it by the control socket" answers_root
    it "it says by HTTP that it is ready" says_ready
    it "the sandbox of systemd denies it nothing" lacks "not permitted"
}

answers_root() { timeout 20 popcell status | grep -q "process $(main),"; }
says_ready() {
    local http
    exec {http}<>/dev/tcp/127.0.0.1/9110 &&
        printf 'GET /readyz HTTP/1.0\r\n\r\n' >&"$http" && read -r -t 30 answer <&"$http" &&
        [[ $answer == *200* ]]
}

reload() {
    it "a session is open" login bob
    local open=$session
    sed -i 's/As it began/As it goes on/' /etc/popcell/popcell.toml
    it "reload comes back" control reload "$unit"
    it "it is active then" is_ready
    it "the configuration was read again" greets "As it goes on"
    session=$open
    it "the open session goes on" say "STAT"
    echo "nonsense" >>/etc/popcell/popcell.toml
    it "reload with a mistake comes back" control reload "$unit"
    it "the mistake is in the journal" says "the one before stays"
    it "the configuration before stays" greets "As it goes on"
    sed -i '/nonsense/d' /etc/popcell/popcell.toml
    session=$open
    it "the session ends" say QUIT
}

stop() {
    it "a session is open" login bob
    it "it marks a message" say "DELE 1"
    it "stop comes back" control stop "$unit"
    it "it ended by itself" is Result success
    it "its exit code is 0" is ExecMainStatus 0
    it "nothing was deleted" [ "$(messages bob)" = 3 ]
    it "it starts again" control start "$unit"
    it "a session retrieves mail" retrieves bob
}

# is_other PROCESS: another process is the main one, and serves.
is_other() { [ "$(main)" != "$1" ] && [ "$(main)" != 0 ] && is_ready; }

restart() {
    local before
    before=$(main)
    kill -KILL "$before"
    it "it is started again after kill -9" within 60 is_other "$before"
    it "a session retrieves mail" retrieves alice
}

watchdog() {
    local before
    before=$(main)
    sleep 45
    it "the watchdog is content" is MainPID "$before"
    kill -STOP "$before"
    it "the watchdog ends a process that hangs" within 120 is_other "$before"
    it "a session retrieves mail" retrieves alice
}

socket() {
    cp popcell.socket /etc/systemd/system/
    control stop "$unit"
    systemctl daemon-reload
    it "the socket unit starts" control enable --now popcell.socket
    it "the server is not running" is ActiveState inactive
    it "a client starts it" retrieves carol
    it "it is active" is_ready
    it "a restart keeps the socket" control restart "$unit"
    it "a session retrieves mail" retrieves carol
    control disable --now popcell.socket
    control restart "$unit"
}

# As docs/hot-swap.md has it: another process of the server, in the same unit.
takeover() {
    local before open
    mkdir -p "/etc/systemd/system/$unit.service.d"
    printf '[Service]\nExecReload=\nExecReload=/bin/sh -c "%s &"\n' \
        "/usr/bin/popcell serve --config /etc/popcell/popcell.toml --takeover" \
        >"/etc/systemd/system/$unit.service.d/takeover.conf"
    systemctl daemon-reload
    it "a session is open" login bob
    open=$session
    before=$(main)
    it "another process takes over" control reload "$unit"
    it "it is the main one" within 60 is_other "$before"
    session=$open
    it "the session goes on" say "DELE 3"
    it "a new session retrieves mail" retrieves alice
    before=$(main)
    sleep 45
    it "the watchdog is content" is MainPID "$before"
    session=$open
    it "the session ends, and deletes" say QUIT
    it "one message is gone" [ "$(messages bob)" = 2 ]
    it "stop comes back" control stop "$unit"
    it "it ended by itself" is Result success
}

install_popcell
start
reload
stop
restart
watchdog
socket
takeover
systemd-analyze security --no-pager "$unit" | tail -n 1
journalctl --no-pager --unit "$unit" --output short-monotonic
[ "$failures" = 0 ] && echo passed || echo "failed: $failures"
