. "$(dirname "$0")/../lib.sh"
fail() { echo "FAIL: $*" >&2; exit 1; }
here=$(dirname "$0")

# A port that no Service knows is as strict as the others.
ip netns exec "$NETNS_HTTPBIN" "$MERIDIAN" httpbin --listen '[::]:7777' >/dev/null 2>&1 &
backend=$!
trap 'kill $backend' EXIT

# And it has another family of addresses than the mesh knows.
link_local=$(ip netns exec "$NETNS_HTTPBIN" ip -6 -o addr show dev eth0 scope link | awk '{sub("/.*", "", $4); print $4 "%eth0"; exit}')
[[ -n $link_local ]] || fail 'no IPv6 address'

# Certificates that look right and are signed by somebody else.
openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=forged -keyout "$LAB_TLS/forged.key" -out "$LAB_TLS/forged.crt" \
  -addext 'subjectAltName=URI:spiffe://cluster.local/ns/default/sa/client' 2>/dev/null || fail 'openssl'
openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /O=cluster.local -keyout "$LAB_TLS/other-ca.key" \
  -out "$LAB_TLS/other-ca.crt" 2>/dev/null || fail 'openssl'
openssl req -newkey rsa:2048 -nodes -subj / -keyout "$LAB_TLS/other.key" -out "$LAB_TLS/other.csr" 2>/dev/null
echo 'subjectAltName=critical,URI:spiffe://cluster.local/ns/default/sa/client' >"$LAB_TLS/other.ext"
openssl x509 -req -days 2 -CA "$LAB_TLS/other-ca.crt" -CAkey "$LAB_TLS/other-ca.key" -CAcreateserial \
  -in "$LAB_TLS/other.csr" -extfile "$LAB_TLS/other.ext" -out "$LAB_TLS/other.crt" 2>/dev/null || fail 'openssl'

# The client, which has an identity, is served; that is also how it is seen what arrived.
for _ in $(seq 100); do
  [[ $(curl -s -o /dev/null -m 5 -w '%{http_code}' http://httpbin:8000/anything/client) == 200 ]] && break
  sleep 0.1
done
seen() { curl -s -m 5 http://httpbin:8000/_requests; ip netns exec "$NETNS_HTTPBIN" curl -s -m 5 http://127.0.0.1:7777/_requests; }
seen | grep -q /anything/client || fail 'the client is not served'

ip netns exec "$NETNS_STRANGER" python3 "$here/ways.py" "$HTTPBIN_IP" "$CLIENT_IP" "$LAB_TLS" "$link_local" >"$LAB_TLS/tried" || fail "$(cat "$LAB_TLS/tried")"
count=$(wc -l <"$LAB_TLS/tried")
((count >= 100)) || fail "only $count tries"
through=$(seen | grep -o '/anything/[0-9a-z-]*' | grep -v /anything/client | sort -u)
[[ -z $through ]] || fail "these got through: $through"
# And it was not for a workload that serves nobody, nor for ways that lead nowhere.
[[ $(curl -s -o /dev/null -m 5 -w '%{http_code}' http://httpbin:8000/anything/client) == 200 ]] || fail 'the client is not served any more'
kubectl delete peerauthentication default -n istio-system >/dev/null || fail 'kubectl delete'
for _ in $(seq 20); do
  ip netns exec "$NETNS_STRANGER" python3 "$here/ways.py" "$HTTPBIN_IP" "$CLIENT_IP" "$LAB_TLS" "$link_local" get-8000 >/dev/null || break
  sleep 0.1
done
for way in get-8000 h2-8000 xfcc-8000 late-8000 get-7777; do
  ip netns exec "$NETNS_STRANGER" python3 "$here/ways.py" "$HTTPBIN_IP" "$CLIENT_IP" "$LAB_TLS" "$link_local" "$way" >/dev/null
  seen | grep -q "/anything/$way" || fail "$way does not get through without STRICT"
done
