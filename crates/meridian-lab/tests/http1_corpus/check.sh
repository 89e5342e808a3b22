. "$SCENARIOS/lib.sh"
here=$(dirname "$0")
beside() { ip netns exec "$NETNS_INGRESSGATEWAY" "$@"; }

beside nft -f - <<END || fail 'no way from 127.0.0.1:8080 to the gateway'
table ip corpus { chain output { type nat hook output priority -100; ip daddr 127.0.0.1 tcp dport 8080 dnat to $INGRESSGATEWAY_HOST:8080; }; }
END

# The route is there as soon as the missing origin, and no longer the missing route, is what the gateway complains of.
for ((i = 0; i < 200; i++)); do
  got=$(beside curl -s -o /dev/null -m 5 -w '%{http_code}' -H 'Host: h.test' http://127.0.0.1:8080/)
  [[ $got == 503 ]] && break
  sleep 0.05
done
[[ $got == 503 ]] || fail "status $got, expected 503 from a route without an origin"

# Its exit status says the same as its last line, which the test reads.
beside python3 "$(cat "$here/client")" check "$here/corpus.json" --proxy 127.0.0.1:8080 --origin 9000 >"$here/report" || true
[[ -s $here/report ]] || fail 'the client of the corpus reported nothing'
