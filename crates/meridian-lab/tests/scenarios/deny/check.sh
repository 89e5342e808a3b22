. "$(dirname "$0")/../lib.sh"
code() { curl -s -o /dev/null -m 5 -w '%{http_code}' --path-as-is "$@"; }
stranger() { ip netns exec "$NETNS_STRANGER" "$@"; }
# The policy may not be live yet, so what waits for it is served once or twice: it asks for a path of its own.
eventually 20 bash -c "[[ \$(curl -s -o /dev/null -m 5 -w '%{http_code}' http://httpbin:8000/anything/denied-way/waiting) == 403 ]]"
eventually 20 bash -c "[[ \$(curl -s -o /dev/null -m 5 -w '%{http_code}' http://httpbin:8000/headers) == 200 ]]"
expect 'RBAC: access denied' curl -s -m 5 http://httpbin:8000/anything/denied-way
expect 403 stranger curl -s -o /dev/null -m 5 -w '%{http_code}' "http://$HTTPBIN_IP:8000/headers"
eventually 5 grep -qF ' 403 - rbac_access_denied_matched_policy[ns[default]-policy[deny]-rule[0]] ' "$LOG_HTTPBIN"
eventually 5 grep -qF ' 403 - rbac_access_denied_matched_policy[none] ' "$LOG_HTTPBIN"
tried=0
# A client of the mesh, which may do anything else.
for path in /anything/denied-way '/anything/denied-way?x' /anything/denied-way/x /anything/./denied-way /anything/x/../denied-way \
  //anything/denied-way /anything//denied-way /anything/%64enied-way /anything%2fdenied-way /anything%2Fdenied-way \
  /anything%5cdenied-way '/anything\denied-way' '/anything/denied-way;a=b' '/anything;a/denied-way' /anything/x/%2e%2e/denied-way \
  /anything/x/..\;/denied-way; do
  for more in '' '-XPOST' '--http2-prior-knowledge' '-HX-Envoy-Original-Path:/' '-HHost:other'; do
    got=$(code ${more:+"$more"} "http://httpbin:8000$path")
    [[ $got != 200 ]] || fail "$more $path got through"
    tried=$((tried + 1))
  done
done
# A stranger, who may do nothing.
n=$(stranger python3 "$SCENARIOS/ways.py" "$HTTPBIN_IP" 8000 stranger-way httpbin.default.svc.cluster.local httpbin "$HTTPBIN_IP") ||
  fail 'the ways could not be tried'
tried=$((tried + n))
# A port that no Service describes is behind the same policy.
ip netns exec "$NETNS_HTTPBIN" python3 "$SCENARIOS/ways.py" --serve "$LAB_TLS/came" 9000 &
server=$!
trap 'kill $server' EXIT
eventually 10 test -f "$LAB_TLS/came"
expect 200 ip netns exec "$NETNS_HTTPBIN" curl -s -o /dev/null -m 5 -w '%{http_code}' http://127.0.0.1:9000/
[[ -s $LAB_TLS/came ]] || fail 'who comes is not noted'
: >"$LAB_TLS/came"
n=$(stranger python3 "$SCENARIOS/ways.py" "$HTTPBIN_IP" 9000 stranger-way httpbin "$HTTPBIN_IP") || fail 'the ways could not be tried'
tried=$((tried + n))
[[ ! -s $LAB_TLS/came ]] || fail "a connection got to the undescribed port: $(head -3 "$LAB_TLS/came")"
expect 200 code http://httpbin:8000/anything/let-in
seen=$(curl -s -m 5 http://httpbin:8000/_requests)
through=$(grep -E 'denied-way|stranger-way' <<<"$seen" | grep -vF 'denied-way/waiting')
[[ -z $through ]] || fail "a way got through: $(head -3 <<<"$through")"
grep -q let-in <<<"$seen" || fail "what was seen cannot be asked for: ${seen:0:200}"
((tried >= 50)) || fail "only $tried ways were tried"
echo "-- $tried ways, none got through"
