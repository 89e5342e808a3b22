. "$(dirname "$0")/../lib.sh"
host=www.example.com
discovery=10.10.0.2:15012
proxies=()
trap '((${#proxies[@]} == 0)) || kill "${proxies[@]}"' EXIT

openssl req -x509 -sha256 -nodes -days 2 -newkey rsa:2048 -subj '/O=example Inc./CN=example.com' \
  -keyout "$LAB_TLS/example.com.key" -out "$LAB_TLS/example.com.crt" 2>/dev/null || fail 'openssl'
openssl req -newkey rsa:2048 -nodes -subj "/CN=$host/O=www organization" \
  -keyout "$LAB_TLS/$host.key" -out "$LAB_TLS/$host.csr" 2>/dev/null || fail 'openssl'
openssl x509 -req -sha256 -days 2 -CA "$LAB_TLS/example.com.crt" -CAkey "$LAB_TLS/example.com.key" -set_serial 0 \
  -in "$LAB_TLS/$host.csr" -out "$LAB_TLS/$host.crt" 2>/dev/null || fail 'openssl'
kubectl create secret tls httpbin-credential --key="$LAB_TLS/$host.key" --cert="$LAB_TLS/$host.crt" >/dev/null || fail 'kubectl create secret'
kubectl get secret istio-ca-secret -n istio-system -o 'go-template={{index .data "root-cert.pem" | base64decode}}' >"$LAB_TLS/root.pem" \
  || fail 'the root of the mesh'

# gateway NETNS ADDRESS GATEWAY ACCOUNT: what the pod of a Gateway runs, at the ports that leave a sidecar's alone.
gateway() {
  kubectl create serviceaccount "$4" >/dev/null || fail "service account $4"
  kubectl create token "$4" --audience=istio-ca >"$LAB_TLS/$4.token" || fail "a token of $4"
  ip netns exec "$1" "$MERIDIAN" gateway --name "$4" --namespace default --service-account "$4" --ip "$2" \
    --labels "gateway.networking.k8s.io/gateway-name=$3" --discovery "$discovery" --token-file "$LAB_TLS/$4.token" \
    --admin 127.0.0.1:19000 --metrics 0.0.0.0:19001 --readiness 0.0.0.0:19003 \
    --root-cert "$LAB_TLS/root.pem" --state "$LAB_TLS/state-$4" --threads 1 >"$LAB_TLS/$4.log" 2>&1 &
  proxies+=($!)
}
gateway "$NETNS_EDGE" "$EDGE_IP" apps apps-teg
gateway "$NETNS_OWN" "$OWN_IP" own own-meridian

through_edge() { curl -s -m 5 -f --resolve "$host:443:$EDGE_IP" --cacert "$LAB_TLS/example.com.crt" "$@" "https://$host/httpbin/get"; }
through_own() { curl -s -m 5 -f -H "Host: $host" "$@" "http://$OWN_IP/httpbin/get"; }
direct() { curl -s -o /dev/null -m 5 -w '%{http_code}' "http://$HTTPBIN_IP:8000/get"; }
# identity WAY: who the backend's sidecar says that its client is.
identity() { "$@" | grep -o 'URI=spiffe://[^;",]*'; }
# last ADDRESS LOG: where the last request of a log went.
upstream() { tail -n 1 "$1" | grep -o "\"$2\""; }

eventually 20 through_edge || { tail -n 20 "$LAB_TLS/apps-teg.log" >&2; fail 'the gateway beside a sidecar'; }
eventually 20 through_own || { tail -n 20 "$LAB_TLS/own-meridian.log" >&2; fail 'the gateway by itself'; }

# Without an identity nobody gets through.
expect 000 direct

# Beside a sidecar the identity is that of the sidecar's workload, and the gateway sent to the Service.
expect URI=spiffe://cluster.local/ns/default/sa/edge identity through_edge
address=$(kubectl get service httpbin -o 'jsonpath={.spec.clusterIP}')
expect "\"$address:8000\"" upstream "$LAB_TLS/apps-teg.log" "$address:8000"
expect "\"$HTTPBIN_IP:8000\"" upstream "$LOG_EDGE" "$HTTPBIN_IP:8000"
through_edge -o /dev/null -D - | grep -qi '^server: envoy' || fail 'server: envoy'

# By itself it is its own.
expect URI=spiffe://cluster.local/ns/default/sa/own-meridian identity through_own
expect "\"$HTTPBIN_IP:8000\"" upstream "$LAB_TLS/own-meridian.log" "$HTTPBIN_IP:8000"
for way in through_edge through_own; do
  $way | grep -q '"Host": "httpbin.default.svc.cluster.local"' || fail "$way: the host is not rewritten"
done

# The control plane of the other gateway speaks TLS of its own. The name of its port says HTTP/2, so that the sidecars would
# read along; once its appProtocol says otherwise, it goes through as it is, within the mesh's TLS.
xds() { ip netns exec "$NETNS_EDGE" curl -s -m 5 -f --cacert "$LAB_CA" https://envoy-gateway:18000/; }
! xds >/dev/null || fail 'the sidecars do not heed the name of port grpc'
printf 'spec:\n  ports:\n  - port: 18000\n    appProtocol: tls\n' >"$LAB_TLS/control-plane-tls.yaml"
kubectl patch service envoy-gateway --type strategic --patch-file "$LAB_TLS/control-plane-tls.yaml" >/dev/null || fail 'kubectl patch'
eventually 10 xds
expect xds xds
expect 000 curl -s -o /dev/null -m 5 -k -w '%{http_code}' "https://$ENVOY_GATEWAY_IP:18000/"

# Without STRICT everybody gets through; what was refused above was refused for it.
kubectl delete peerauthentication default -n istio-system >/dev/null || fail 'kubectl delete'
expect_open() { [[ $(direct) == 200 ]]; }
eventually 10 expect_open
