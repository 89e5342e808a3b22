. "$(dirname "$0")/../lib.sh"
code() { curl -s -o /dev/null -m 5 -w '%{http_code}' "$@"; }

# Hosts answer at their addresses, origins at their names with a certificate that every host trusts.
expect 200 code "http://$ECHO_IP/status/200"
expect 200 code "http://$ECHO_2_IP/status/200"
expect 'a "far" $place' curl -sS https://far.test/
expect 'a "far" $place' curl -sS --cacert "$LAB_CA" https://any.wild.test/
expect 301 code http://far.test/there

# Other names do not exist, and no address leads outside.
expect '' getent ahosts not.there.test
expect '000' code http://192.0.2.77/
ip route get 192.0.2.77 | grep -q 'dev eth0' || fail "an address is not on the link: $(ip route)"
[[ $(ip -o link show | grep -vc ' lo:') == 1 ]] || fail "more interfaces than eth0: $(ip -o link show)"

# Services resolve as in a pod of namespace default.
for name in echo echo.default echo.default.svc.cluster.local istio-egressgateway.istio-system; do
  ip=$(getent ahostsv4 "$name" | awk 'NR==1{print $1}')
  service=${name%%.*} namespace=default
  [[ $service == istio-* ]] && namespace=istio-system
  expect "$ip" kubectl get service "$service" -n "$namespace" -o 'jsonpath={.spec.clusterIP}'
done
expect "$ECHO_IP $ECHO_2_IP" kubectl get endpointslice both-1 -o 'jsonpath={.endpoints[*].addresses[0]}'
expect namespace/other kubectl get namespace other -o name

# Each gateway answers at its own address; ports 80 and 443 lead to 8080 and 8443.
for gateway in "$INGRESSGATEWAY_HOST" "$EGRESSGATEWAY_HOST"; do
  expect 200 code "http://$gateway:15021/healthz/ready"
done
expect 404 code "http://$INGRESSGATEWAY_HOST/"
expect 404 code "http://$INGRESSGATEWAY_HOST:8080/"
expect 000 code "http://$EGRESSGATEWAY_HOST/"
[[ -f $LOG_INGRESSGATEWAY && -f $LOG_EGRESSGATEWAY && -d $LAB_TLS && -x $MERIDIAN && -f $SCENARIOS/lib.sh ]] || fail 'a variable names nothing'

# A check can act in the namespace of every host.
expect "$ECHO_IP" bash -c "ip -n $NETNS_ECHO -o -4 addr show eth0 | awk '{print \$4}' | cut -d/ -f1"
expect "$CLIENT_IP" bash -c "ip netns exec $NETNS_CLIENT hostname -I | tr -d ' '"
