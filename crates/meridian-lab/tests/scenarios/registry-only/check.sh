. "$(dirname "$0")/../lib.sh"
code() { curl -s -o /dev/null -m 5 -w '%{http_code}' "$@"; }
# Whoever comes to the stranger is noted.
ip netns exec "$NETNS_OUTSIDE" python3 "$SCENARIOS/ways.py" --serve "$LAB_TLS/came" \
  22 25 53 80 443 3306 5432 6379 8000 8080 8443 9000 9090 27017 &
server=$!
trap 'kill $server' EXIT
eventually 10 test -f "$LAB_TLS/came"
eventually 20 bash -c "[[ \$(curl -s -o /dev/null -m 5 -w '%{http_code}' http://web/headers) == 200 ]]"
eventually 20 bash -c "[[ \$(curl -s -o /dev/null -m 5 -w '%{http_code}' http://$OUTSIDE_IP/) == 502 ]]"
expect 200 ip netns exec "$NETNS_OUTSIDE" curl -s -o /dev/null -m 5 -w '%{http_code}' http://127.0.0.1:80/
[[ -s $LAB_TLS/came ]] || fail 'who comes is not noted'
: >"$LAB_TLS/came"
tried=0
try() { n=$(python3 "$SCENARIOS/ways.py" "$@") || fail "the ways could not be tried: $*"; tried=$((tried + n)); }
# On ports that services of the mesh have, the names of these are tried, too.
try "$OUTSIDE_IP" 80 way outside.example.org "$OUTSIDE_IP" web
try "$OUTSIDE_IP" 443 way outside.example.org "$OUTSIDE_IP" known.example.org
try "$OUTSIDE_IP" 8000 way outside.example.org "$OUTSIDE_IP" httpbin
for port in 22 25 53 3306 5432 6379 8080 8443 9000 9090 27017; do
  curl -s -o /dev/null -m 3 "http://$OUTSIDE_IP:$port/" || true
  curl -s -k -o /dev/null -m 3 "https://$OUTSIDE_IP:$port/" || true
  curl -s -o /dev/null -m 3 "telnet://$OUTSIDE_IP:$port" </dev/null || true
  tried=$((tried + 3))
done
[[ ! -s $LAB_TLS/came ]] || fail "a way got through: $(sort "$LAB_TLS/came" | uniq -c | head -5)"
expect 200 code http://web/headers
eventually 5 grep -q 'BlackHoleCluster' "$LOG_CLIENT"
eventually 5 grep -qE ' 502 - direct_response .* block_all' "$LOG_CLIENT"
((tried >= 50)) || fail "only $tried ways were tried"
echo "-- $tried ways, none got through"
