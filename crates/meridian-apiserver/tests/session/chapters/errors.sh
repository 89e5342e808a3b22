# What is wrong, and how it is said.

cat > vs.yaml <<Y
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: a}
spec:
  hosts: [a.example.com]
  hostz: 1
  http: [{rout: [], route: [{destination: {host: httpbin}}]}]
Y
kubectl apply -f vs.yaml

kubectl apply -f vs.yaml --validate=warn

kubectl apply -f vs.yaml --validate=ignore

kubectl create -f vs.yaml --validate=strict

kubectl get vs a -o jsonpath='{.spec}'

cat > svc.yaml <<Y
apiVersion: v1
kind: Service
metadata: {name: s}
spec: {prts: [], ports: [{port: 80, nme: x}]}
Y
kubectl apply -f svc.yaml

kubectl apply -f svc.yaml --validate=warn

kubectl apply -f svc.yaml --validate=ignore

# A key twice.
kubectl apply -f - <<Y
apiVersion: v1
kind: ConfigMap
metadata: {name: twice}
data: {a: b, a: c}
Y

kubectl apply -f - --validate=warn <<Y
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: twice}
spec: {hosts: [a.example.com], hosts: [b.example.com], ports: [{number: 80, name: http}], resolution: DNS}
Y

sed s,istio.io/v1,istio.io/v9, vs.yaml | kubectl apply -f -

sed s,VirtualService,VirtualServices, vs.yaml | kubectl apply -f -

sed s,networking.istio.io/v1,nonsense/v1, vs.yaml | kubectl apply -f -

sed s,networking.istio.io/v1,v1, vs.yaml | kubectl apply -f -

sed s,networking.istio.io/v1,a/b/c, vs.yaml | kubectl apply -f -

grep -v kind: vs.yaml | kubectl apply -f -

grep -v apiVersion: vs.yaml | kubectl apply -f -

grep -v metadata: vs.yaml | kubectl apply -f - --validate=ignore

printf 'apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\n bad: x\n' | kubectl apply -f -

printf 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a\n' | kubectl apply -f -

printf 'apiVersion: v1\n\tkind: ConfigMap\n' | kubectl apply -f -

printf '{"apiVersion": "v1", "kind": "ConfigMap", ' | kubectl apply -f -

printf 'nonsense' | kubectl apply -f -

printf -- '- a\n- b\n' | kubectl apply -f -

kubectl create --raw /api/v1/namespaces/errors/configmaps -f <(printf '{"metadata": ')

kubectl create --raw /api/v1/namespaces/errors/configmaps -f <(printf 'nonsense')

kubectl create --raw /api/v1/namespaces/errors/configmaps -f <(printf '[]')

kubectl create --raw /api/v1/namespaces/errors/configmaps -f <(printf '')

# Which line of its source knows no such kind is Kubernetes' own business.
kubectl create --raw /api/v1/namespaces/errors/configmaps -f <(printf '{"apiVersion":"v2","kind":"ConfigMap","metadata":{"name":"x"}}') 2>&1 | sed 's/ in scheme .*//'

kubectl create --raw /api/v1/namespaces/errors/configmaps -f <(printf '{"apiVersion":"v1","kind":"Secret","metadata":{"name":"x"}}')

kubectl create --raw /api/v1/namespaces/errors/configmaps -f <(printf '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":7}}')

kubectl create --raw /api/v1/namespaces/errors/configmaps -f <(printf '{"apiVersion":"v1","kind":"ConfigMap","metadata":[]}')

kubectl create --raw /api/v1/namespaces/errors/configmaps -f <(printf '{"apiVersion":"v1","kind":"ConfigMap"}')

kubectl create --raw /api/v1/namespaces/errors/configmaps -f <(printf '{"metadata":{"name":"x","namespace":"other"}}')

kubectl create --raw /apis/networking.istio.io/v1/namespaces/errors/virtualservices -f <(printf '{"metadata":{"name":"x"}}')

kubectl create --raw /apis/networking.istio.io/v1/namespaces/errors/virtualservices -f <(printf '{"apiVersion":"networking.istio.io/v1","metadata":{"name":"x"}}')

kubectl create --raw /apis/networking.istio.io/v1/namespaces/errors/virtualservices -f <(printf '{"apiVersion":"networking.istio.io/v1","kind":"Gateway","metadata":{"name":"x"}}')

kubectl create --raw /apis/networking.istio.io/v1/namespaces/errors/virtualservices -f <(printf '{"apiVersion":"networking.istio.io/v1beta1","kind":"VirtualService","metadata":{"name":"x"}}')

kubectl create --raw /apis/networking.istio.io/v1/namespaces/errors/virtualservices -f <(printf '{"apiVersion":"networking.istio.io/v1","kind":"VirtualService","metadata":{"name":"x","labels":7}}')

kubectl create --raw /apis/networking.istio.io/v1/namespaces/errors/virtualservices -f <(printf '{"apiVersion":"networking.istio.io/v1","kind":"VirtualService","metadata":{"labels":{"a":"b"}}}')

kubectl create --raw /apis/networking.istio.io/v1/namespaces/errors/virtualservices -f <(printf '{"apiVersion":')

# Types.
invalid() { kubectl create -f - <<< "{\"apiVersion\": \"$1\", \"kind\": \"$2\", \"metadata\": {\"name\": \"${4:-x}\"}, $3}"; }; declare -f invalid > invalid.sh; . ./invalid.sh; invalid networking.istio.io/v1 VirtualService '"spec": {"hosts": 7}'

# differs: Kubernetes names the field within a value of the wrong type; ours names the value
. ./invalid.sh; invalid networking.istio.io/v1 VirtualService '"spec": {"hosts": [7], "http": {"a": "b"}}'

. ./invalid.sh; invalid networking.istio.io/v1 VirtualService '"spec": []'

. ./invalid.sh; invalid networking.istio.io/v1 VirtualService '"spec": {"hosts": ["a"], "http": [{"route": [{"destination": {"host": "a", "port": {"number": "80"}}}]}]}'

. ./invalid.sh; invalid networking.istio.io/v1 VirtualService '"spec": {"hosts": ["a"], "http": [{"timeout": 7, "route": [{"destination": {"host": "a"}}]}]}'

. ./invalid.sh; invalid networking.istio.io/v1 VirtualService '"spec": {"hosts": ["a"], "http": [{"route": [{"destination": {}}]}]}'

. ./invalid.sh; invalid networking.istio.io/v1 DestinationRule '"spec": {"host": "a", "trafficPolicy": {"tls": {"mode": "NONSENSE"}}}'

. ./invalid.sh; invalid networking.istio.io/v1 DestinationRule '"spec": {"host": "a"}' Bad_Name

# differs: values are cut after 120 characters here
. ./invalid.sh; invalid networking.istio.io/v1 DestinationRule '"spec": {"host": "a"}' "$(printf 'a%.0s' {1..300})"

. ./invalid.sh; invalid v1 ConfigMap '"data": {"bad key": "x"}'

. ./invalid.sh; invalid v1 ConfigMap '"data": {"a": "x"}, "binaryData": {"a": "eA=="}'

. ./invalid.sh; invalid v1 ConfigMap '"data": {"a": 7}'

. ./invalid.sh; invalid v1 ConfigMap '"data": "x"'

. ./invalid.sh; invalid v1 ConfigMap '"binaryData": {"a": "***"}'

. ./invalid.sh; invalid v1 ConfigMap '"data": {}' Bad_Name

. ./invalid.sh; invalid v1 Secret '"data": {"a": "***"}'

. ./invalid.sh; invalid v1 Secret '"type": "kubernetes.io/tls"'

# differs: Kubernetes names a character of the Secret
. ./invalid.sh; invalid v1 Secret '"type": "kubernetes.io/dockerconfigjson", "data": {".dockerconfigjson": "eA=="}'

. ./invalid.sh; invalid v1 Service '"spec": {}'

. ./invalid.sh; invalid v1 Service '"spec": {"ports": [{"port": 0}]}'

. ./invalid.sh; invalid v1 Service '"spec": {"ports": [{"port": 80}, {"port": 81}]}'

. ./invalid.sh; invalid v1 Service '"spec": {"ports": [{"name": "a", "port": 80}, {"name": "a", "port": 81}]}'

. ./invalid.sh; invalid v1 Service '"spec": {"ports": [{"port": "80"}]}'

. ./invalid.sh; invalid v1 Service '"spec": {"ports": {"port": 80}}'

. ./invalid.sh; invalid v1 Service '"spec": {"ports": [{"port": 80.5}]}'

. ./invalid.sh; invalid v1 Service '"spec": {"selector": ["x"], "ports": [{"port": 80}]}'

. ./invalid.sh; invalid v1 Service '"spec": {"selector": {"x": 7}, "ports": [{"port": 80}], "nonsense": 1}'

. ./invalid.sh; invalid apps/v1 Deployment '"spec": {"replicas": "3"}'

. ./invalid.sh; invalid apps/v1 Deployment '"spec": {"template": {"spec": {"containers": [{"name": "a", "env": [{"name": "B", "value": 7}]}]}}}'

. ./invalid.sh; invalid apps/v1 Deployment '"spec": {"template": {"metadata": {"labels": {"a": true}}, "spec": {"containers": []}}}'

. ./invalid.sh; invalid apps/v1 Deployment '"spec": {"template": {"spec": {"containers": [{"name": "a", "ports": [{"containerPort": "80"}], "tty": "yes"}]}}}'

. ./invalid.sh; invalid rbac.authorization.k8s.io/v1 Role '"rules": [{"apiGroups": "", "resources": ["pods"], "verbs": ["get"]}]'

. ./invalid.sh; invalid networking.k8s.io/v1 Ingress '"spec": {"rules": {"host": "a"}}'

. ./invalid.sh; invalid v1 ServiceAccount '"automountServiceAccountToken": "no"'

. ./invalid.sh; invalid gateway.networking.k8s.io/v1 Gateway '"metadata": {"name": "x", "annotations": {"a": {}}}, "spec": {}'

kubectl create cm typed --from-literal=a=b; kubectl get cm typed -o json | jq '.data.a = [1]' | kubectl replace -f -; kubectl delete cm typed

. ./invalid.sh; invalid v1 ConfigMap '"metadata": {"name": "x", "ownerReferences": [{"apiVersion": "v1", "kind": "Event", "name": "e", "uid": "u"}]}'

. ./invalid.sh; invalid networking.istio.io/v1 Gateway '"metadata": {"name": "x", "ownerReferences": [{"apiVersion": "v1", "kind": "ConfigMap", "name": "a", "uid": "u", "controller": true}, {"apiVersion": "v1", "kind": "ConfigMap", "name": "b", "uid": "v", "controller": true}]}, "spec": {}'

kubectl create --raw /api/v1/namespaces/errors/configmaps -f <(printf '{"apiVersion":"v1","kind":"Nonsense","metadata":{"name":"x"}}') 2>&1 | sed 's/ in scheme .*//'

kubectl create --raw /api/v1/namespaces/errors/configmaps -f <(printf '{"apiVersion":7,"kind":"ConfigMap","metadata":{"name":"x"}}')

kubectl create --raw /api/v1/namespaces/errors/configmaps -f <(printf '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"x"},}')

. ./invalid.sh; invalid v1 Service '"spec": {"ports": [{"port": 80, "protocol": "X"}]}'

. ./invalid.sh; invalid v1 Service '"spec": {"type": "X", "ports": [{"port": 80}]}'

. ./invalid.sh; invalid v1 Service '"spec": {"clusterIP": "1.2.3.4", "ports": [{"port": 80}]}'

. ./invalid.sh; invalid v1 Service '"spec": {"clusterIP": "x", "ports": [{"port": 80}]}'

. ./invalid.sh; invalid v1 Service '"spec": {"type": "ExternalName"}'

. ./invalid.sh; invalid v1 Service '"spec": {"type": "NodePort", "ports": [{"port": 80, "nodePort": 80}]}'

# differs: Kubernetes 1.36 allows a digit at the start; 1.32 does not
. ./invalid.sh; invalid v1 Service '"spec": {"ports": [{"port": 80}]}' 1bad

. ./invalid.sh; invalid v1 Service '"spec": {"selector": {"-": "x"}, "ports": [{"port": 80}]}'

. ./invalid.sh; invalid v1 Namespace '"spec": {}' "$(printf 'a%.0s' {1..64})"

. ./invalid.sh; invalid networking.k8s.io/v1 Ingress '"spec": {}'

. ./invalid.sh; invalid networking.k8s.io/v1 Ingress '"spec": {"rules": [{"host": "*.*", "http": {"paths": [{"path": "x", "pathType": "Prefix", "backend": {}}]}}]}'

. ./invalid.sh; invalid gateway.networking.k8s.io/v1 Gateway '"spec": {"gatewayClassName": "x", "listeners": []}'

# may differ: Kubernetes names several mistakes in any order
. ./invalid.sh; invalid gateway.networking.k8s.io/v1 Gateway '"spec": {"listeners": [{"name": "a", "port": 70000, "protocol": "HTTP"}]}'

# may differ: Kubernetes names several mistakes in any order
. ./invalid.sh; invalid gateway.networking.k8s.io/v1 HTTPRoute '"spec": {"hostnames": ["1.2.3.4:80"], "rules": [{"matches": [{"path": {"type": "X", "value": "y"}}]}]}'

. ./invalid.sh; invalid gateway.networking.k8s.io/v1 HTTPRoute '"spec": {"rules": [{"filters": [{"type": "RequestRedirect"}]}]}'

kubectl create -f - <<Y
apiVersion: v1
kind: ConfigMap
metadata: {name: x, labels: {"-": x}, annotations: {"b c": x}}
Y

kubectl create -f - <<Y
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: x, labels: {"-": x}, annotations: {"b c": x}}
spec: {hosts: [a.example.com], ports: [{number: 80, name: http}], resolution: DNS}
Y

kubectl create -f - <<Y
apiVersion: v1
kind: ConfigMap
metadata: {name: x, labels: {a: 7, b: true}}
Y

kubectl create -f - <<Y
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: x, labels: {a: 7}}
spec: {hosts: [a.example.com], ports: [{number: 80, name: http}], resolution: DNS}
Y

# Too much.
kubectl create cm large --from-file=a=<(head -c 1100000 /dev/zero | tr '\0' x)

# differs: there is no etcd here, whose limit is 1.5 MiB
kubectl create -f <(printf 'apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: large}\nspec: {hosts: [a.example.com], http: [{match: [{uri: {exact: "'; head -c 2000000 /dev/zero | tr '\0' x; printf '"}}], route: [{destination: {host: a}}]}]}\n') 2>&1 | cut -c -300; kubectl delete vs large --ignore-not-found

kubectl create -f <(printf 'apiVersion: networking.istio.io/v1\nkind: ServiceEntry\nmetadata: {name: large}\nspec: {hosts: [a.example.com], ports: [{number: 80, name: http}], resolution: DNS, exportTo: ["'; head -c 4000000 /dev/zero | tr '\0' x; printf '"]}\n') 2>&1 | cut -c -300

kubectl apply -f <(printf 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: large}\ndata: {a: "'; head -c 300000 /dev/zero | tr '\0' x; printf '"}\n')

kubectl get cm -n none

kubectl create cm x -n none

kubectl get vs a -n none

kubectl get nodes

kubectl get vs a --subresource=scale

kubectl logs x

kubectl exec x -- true

kubectl port-forward x 80

kubectl top pod

kubectl get pod/a/b

kubectl get

kubectl get vs a,b

kubectl get vs -A a

kubectl get cm --server=http://127.0.0.1:1 2>&1 | tail -n 1
