# Watches.

kubectl create configmap a --from-literal=a=b; kubectl label cm a l=1

cat > se.yaml <<Y
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: s}
spec: {hosts: [a.example.com], ports: [{number: 80, name: http}], resolution: DNS}
Y
kubectl create -f se.yaml

# A watch in the background; it is up when it has printed the objects that are there.
cat > watch.sh <<'S'
# watch.sh LINES CHANGES ARGUMENTS...: what a watch prints while CHANGES are made, and its lines until LINES are there.
lines=$1 changes=$2; shift 2
timeout 20 kubectl get "$@" > out 2> err & watch=$!
until [[ -s out || -s err ]] || ! kill -0 $watch 2>/dev/null; do sleep .05; done
sleep .3
bash -c "$changes" > /dev/null
for _ in $(seq 100); do (( $(wc -l < out) >= lines )) && break; sleep .05; done
sleep .2; kill $watch 2>/dev/null; wait $watch 2>/dev/null; cat out; cat err >&2
S
true

bash watch.sh 4 'kubectl create cm b; kubectl label cm b x=y; kubectl delete cm b' cm -w

bash watch.sh 4 'kubectl create cm b; kubectl label cm b x=y; kubectl delete cm b' cm --watch --output-watch-events

bash watch.sh 3 'kubectl create cm b; kubectl delete cm b' cm --watch -o name

bash watch.sh 22 'kubectl label cm a x=y' cm a --watch -o yaml

bash watch.sh 3 'kubectl label cm a --overwrite l=2; kubectl label cm a --overwrite l=1' cm -w -l l=1 --output-watch-events

bash watch.sh 2 'kubectl label se s a=b' se -w

bash watch.sh 2 'kubectl patch se s --subresource=status --type merge -p "{\"status\":{\"conditions\":[{\"type\":\"A\",\"status\":\"True\"}]}}"' se -w -o jsonpath='{.status.conditions[*].type}{"\n"}'

bash watch.sh 2 'kubectl annotate se s a=b' se -w -o wide -A --field-selector metadata.namespace=watch

bash watch.sh 0 'true' nonsense -w

bash watch.sh 0 'true' cm none -w

kubectl get cm -w --request-timeout=3s

# differs: Kubernetes answers 500, though the mistake is the client's
kubectl get --raw '/api/v1/namespaces/watch/configmaps?watch=1&timeoutSeconds=1&resourceVersion=x'

kubectl get --raw '/api/v1/namespaces/watch/configmaps?watch=1&timeoutSeconds=1&sendInitialEvents=true'

kubectl get --raw '/api/v1/namespaces/watch/configmaps?watch=1&timeoutSeconds=1&sendInitialEvents=true&resourceVersionMatch=Exact'

kubectl get --raw '/api/v1/namespaces/watch/configmaps?watch=1&timeoutSeconds=1&resourceVersionMatch=NotOlderThan'

kubectl get --raw '/api/v1/namespaces/watch/configmaps?sendInitialEvents=true'

kubectl get --raw '/api/v1/namespaces/watch/configmaps?watch=1&timeoutSeconds=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan'

kubectl get --raw '/api/v1/namespaces/watch/configmaps?watch=1&timeoutSeconds=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true' | jq -c '[.type, .object.kind, .object.metadata.annotations]' | head -n 2

kubectl get --raw '/api/v1/namespaces/watch/configmaps?watch=1&timeoutSeconds=1&labelSelector=a%20b'

kubectl get --raw '/api/v1/namespaces/watch/configmaps?resourceVersionMatch=Exact'

kubectl get --raw '/api/v1/namespaces/watch/configmaps?resourceVersionMatch=Nonsense&resourceVersion=1'

kubectl get --raw '/api/v1/namespaces/watch/configmaps?resourceVersion=-1'

kubectl get --raw '/api/v1/namespaces/watch/configmaps?resourceVersion=0' | jq .kind

kubectl get --raw '/api/v1/namespaces/watch/configmaps?resourceVersion=0&resourceVersionMatch=Exact'

# differs: Kubernetes says what its decoder found in a token that is not its own
kubectl get --raw '/api/v1/namespaces/watch/configmaps?continue=nonsense'

kubectl get --raw '/api/v1/namespaces/watch/configmaps?limit=-1' | jq .kind

kubectl get --raw '/api/v1/namespaces/watch/configmaps?limit=x'

kubectl get --raw '/api/v1/namespaces/watch/configmaps?timeoutSeconds=x'
