# Client-side apply.

cat > all.yaml <<Y
apiVersion: v1
kind: Service
metadata:
  name: httpbin
  labels: {app: httpbin}
spec:
  ports:
  - {name: http, port: 8000, targetPort: 80}
  selector: {app: httpbin}
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata:
  name: gw
spec:
  selector: {istio: ingressgateway}
  servers:
  - port: {number: 80, name: http, protocol: HTTP}
    hosts: ["*"]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata:
  name: httpbin
  labels: {app: httpbin}
spec:
  hosts: [httpbin.example.com]
  gateways: [gw]
  http:
  - route:
    - destination: {host: httpbin, port: {number: 8000}}
Y
kubectl apply -f all.yaml --dry-run=client

kubectl apply -f all.yaml --dry-run=server

kubectl diff -f all.yaml

kubectl apply -f all.yaml

kubectl apply -f all.yaml

kubectl diff -f all.yaml

kubectl get -f all.yaml -o name

kubectl get vs httpbin -o yaml

kubectl get service httpbin -o yaml

sed -e s/httpbin.example.com/web.example.com/ -e s/8000,/9000,/ all.yaml > changed.yaml
kubectl diff -f changed.yaml

kubectl apply -f changed.yaml

kubectl get svc,vs,gateways.networking.istio.io -o yaml

kubectl apply view-last-applied vs httpbin

kubectl apply view-last-applied vs httpbin -o json

kubectl apply set-last-applied -f all.yaml

KUBE_EDITOR="sed -i 's/httpbin/changed/'" kubectl apply edit-last-applied vs httpbin --show-managed-fields=false

KUBE_EDITOR=true kubectl apply edit-last-applied vs httpbin

kubectl apply view-last-applied vs httpbin

# What was made in another way gets the annotation, with a warning.
kubectl create configmap made --from-literal=a=b

kubectl create configmap made --from-literal=a=c --dry-run=client -o yaml | kubectl apply -f -

kubectl get configmap made -o yaml

# A List, and one document of JSON.
kubectl apply -f - <<Y
apiVersion: v1
kind: List
items:
- apiVersion: v1
  kind: ConfigMap
  metadata: {name: one}
  data: {a: b}
- apiVersion: networking.istio.io/v1
  kind: ServiceEntry
  metadata: {name: two}
  spec:
    hosts: [two.example.com]
    ports: [{number: 443, name: tls, protocol: TLS}]
    resolution: DNS
Y

echo '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"one"},"data":{"a":"c"}}' | kubectl apply -f - -o json

# Only what is not there any more is removed.
cat > prune.yaml <<Y
apiVersion: v1
kind: ConfigMap
metadata: {name: p1, labels: {prune: "yes"}}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: p2, labels: {prune: "yes"}}
Y
kubectl apply -f prune.yaml

sed '1,/---/d' prune.yaml | kubectl apply --prune -l prune=yes --prune-allowlist=core/v1/ConfigMap -f -

kubectl get cm -l prune=yes

mkdir k && cp all.yaml k/ && cat > k/kustomization.yaml <<Y
namePrefix: kustom-
resources: [all.yaml]
configMapGenerator:
- name: generated
  literals: [a=b]
Y
kubectl apply -k k

kubectl delete -k k

# Of several objects one is wrong.
kubectl apply -f - <<Y
apiVersion: v1
kind: ConfigMap
metadata: {name: good}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: BAD}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: also-good}
Y

kubectl apply -f all.yaml --namespace other

kubectl apply -f missing.yaml

kubectl apply -f - < /dev/null

kubectl create -f all.yaml

kubectl apply -f - <<Y
apiVersion: v1
kind: ConfigMap
metadata: {name: elsewhere, namespace: nowhere}
Y

# A field that is taken out of the text goes, and one that another has set stays.
kubectl annotate vs httpbin by=somebody

kubectl label vs httpbin by=somebody

kubectl apply -f - <<Y
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata:
  name: httpbin
spec:
  hosts: [httpbin.example.com]
  http:
  - route:
    - destination: {host: httpbin}
Y

kubectl get vs httpbin -o yaml

kubectl apply --force -f all.yaml

kubectl delete -f all.yaml
