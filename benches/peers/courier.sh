# Courier's POP3 server, with and without TLS, in the directory PLACE and nowhere else.
#
# Called by the benchmark in a mount namespace of its own, since Courier's paths are compiled in:
#   unshare --mount sh courier.sh PLACE SERVICE PLAIN_PORT TLS_PORT
# PLACE/etc takes the place of /etc/courier, PLACE/run that of /run/courier; SERVICE is where courierpop3d is.

set -e
place=$1
service=$2
plain=$3
tls=$4

mkdir -p /run/courier
mount --bind "$place/etc" /etc/courier
mount --bind "$place/run" /run/courier
mkdir -p /run/courier/authdaemon
makeuserdb

/usr/lib/courier/courier-authlib/authdaemond &
servers=$!
# It answers a while after its socket is there.
user=$(head -n 1 "$place/etc/userdb" | cut -f 1)
until authtest "$user" > /dev/null 2>&1; do
    kill -0 "$servers"
    sleep 0.02
done

# serve PORT [WRAPPER...]: as Debian's scripts start it, but for more than 4 clients.
serve() {
    port=$1
    shift
    couriertcpd -address=127.0.0.1 -maxprocs=100 -maxperip=100 -nodnslookup -noidentlookup \
        "$port" "$@" "$service/courierpop3login" "$service/courierpop3d" . &
    servers="$servers $!"
}

serve "$plain"
export TLS_CERTFILE=/etc/courier/pop3d.pem TLS_VERIFYPEER=NONE POP3_TLS=1
serve "$tls" /usr/bin/couriertls -server -tcpd

# shellcheck disable=SC2064 # as they are now
trap "kill $servers" TERM
wait || true
wait
