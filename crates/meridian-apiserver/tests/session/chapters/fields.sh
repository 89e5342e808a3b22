# Who sets which field: the whole object, with its managers, after every write.

# A file that every step reads: `as MANAGER` applies, `show` prints the object of a write.
cat >tools <<'TOOLS'
show="-o json --show-managed-fields"
as() { local manager=$1; shift; kubectl apply --server-side --field-manager="$manager" $show "$@" -f -; }
TOOLS

. ./tools
kubectl create configmap a --from-literal=x=1 --from-literal=y=2 $show

. ./tools
as one <<<'{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": {"x": "1"}}'

. ./tools
as one <<<'{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": {"x": "2"}}'

. ./tools
as two <<<'{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": {"x": "2", "y": "2"}}'

. ./tools
as two --force-conflicts <<<'{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": {"x": "3", "y": "3"}}'

. ./tools
as one --force-conflicts <<<'{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "labels": {"l": "1"}, "annotations": {"n": "1"}}, "data": {"x": "2"}}'

. ./tools
as one <<<'{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": {}}'

. ./tools
as one <<<'{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}}'

. ./tools
kubectl patch configmap a --type=merge -p '{"data": {"x": null, "w": "1"}}' $show

. ./tools
kubectl patch configmap a --field-manager=mine -p '{"data": {"v": "1"}}' $show

. ./tools
kubectl label configmap a c=d $show

. ./tools
kubectl patch configmap a --type=merge -p '{"metadata": {"managedFields": []}}' $show

. ./tools
kubectl annotate configmap a n=2 $show

. ./tools
as one <<<'{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": {"v": "1"}}'

# What does not fit.
. ./tools
as one <<<'{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": {"x": 7}}'

. ./tools
as one --validate=false <<<'{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "dat": {"x": "7"}}'

. ./tools
as one <<<'{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "resourceVersion": "1"}, "data": {"v": "2"}}'

. ./tools
as one --dry-run=server <<<'{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "b", "finalizers": ["a/b"]}, "data": {"x": "7"}}'

# Lists of named items.
. ./tools
as one <<'YAML'
apiVersion: v1
kind: Service
metadata: {name: s}
spec: {ports: [{name: h, port: 80}, {name: t, port: 443, targetPort: 8443}], selector: {app: s}}
YAML

. ./tools
as two <<<'{"apiVersion": "v1", "kind": "Service", "metadata": {"name": "s"}, "spec": {"ports": [{"name": "u", "port": 53, "protocol": "UDP"}, {"name": "v", "port": 9}]}}'

. ./tools
as one --force-conflicts <<<'{"apiVersion": "v1", "kind": "Service", "metadata": {"name": "s"}, "spec": {"ports": [{"name": "t", "port": 443, "targetPort": 8443}], "selector": {"app": "x"}}}'

. ./tools
as three <<<'{"apiVersion": "v1", "kind": "Service", "metadata": {"name": "s"}, "spec": {"ports": [{"name": "w", "port": 9}], "selector": {"app": "x"}}}'

. ./tools
as three --force-conflicts <<<'{"apiVersion": "v1", "kind": "Service", "metadata": {"name": "s"}, "spec": {"ports": [{"name": "w", "port": 9}], "selector": {"app": "x"}}}'

. ./tools
as one <<<'{"apiVersion": "v1", "kind": "Service", "metadata": {"name": "s"}, "spec": {"ports": [{"name": "a", "port": 1}, {"name": "b", "port": 1}]}}'

. ./tools
kubectl patch service s --type=json -p '[{"op": "replace", "path": "/spec/ports/0/targetPort", "value": 7}]' $show

# The status.
. ./tools
as lb --subresource=status <<'YAML'
apiVersion: v1
kind: Service
metadata: {name: s}
status: {conditions: [{type: A, status: "True", reason: R, message: m, lastTransitionTime: "2024-01-01T00:00:00Z"}]}
YAML

. ./tools
kubectl patch service s --subresource=status --type=merge -p '{"status": {"conditions": [{"type": "A", "status": "False", "reason": "R", "message": "m", "lastTransitionTime": "2024-01-01T00:00:00Z"}]}}' $show

# Two versions of one kind.
. ./tools
kubectl create $show -f - <<'YAML'
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: v}
spec: {hosts: [a, b], http: [{route: [{destination: {host: a}}]}]}
YAML

. ./tools
as one <<<'{"apiVersion": "networking.istio.io/v1", "kind": "VirtualService", "metadata": {"name": "v"}, "spec": {"hosts": ["a", "b"], "gateways": ["g"]}}'

. ./tools
as two <<<'{"apiVersion": "networking.istio.io/v1beta1", "kind": "VirtualService", "metadata": {"name": "v"}, "spec": {"gateways": ["h"]}}'

. ./tools
as two --force-conflicts <<<'{"apiVersion": "networking.istio.io/v1beta1", "kind": "VirtualService", "metadata": {"name": "v"}, "spec": {"hosts": ["a", "c"], "gateways": ["h"]}}'

. ./tools
as two <<<'{"apiVersion": "networking.istio.io/v1", "kind": "VirtualService", "metadata": {"name": "v"}, "spec": {"hosts": ["a", "c"]}}'

. ./tools
as two --validate=false <<<'{"apiVersion": "networking.istio.io/v1", "kind": "VirtualService", "metadata": {"name": "v"}, "spec": {"host": ["a"]}}'

. ./tools
as two --validate=false <<<'{"apiVersion": "networking.istio.io/v1", "kind": "VirtualService", "metadata": {"name": "v"}, "spec": {"hosts": "a"}}'

. ./tools
kubectl patch virtualservice v --subresource=status --type=merge -p '{"status": {"observedGeneration": 3, "conditions": [{"type": "A", "status": "True"}]}}' $show

# A kind of Gateway API.
. ./tools
as one <<'YAML'
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: r}
spec: {parentRefs: [{name: g}], rules: [{backendRefs: [{name: s, port: 80}]}]}
YAML

. ./tools
as two <<<'{"apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute", "metadata": {"name": "r"}, "spec": {"hostnames": ["q.example.com"]}}'

. ./tools
as two --force-conflicts <<<'{"apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute", "metadata": {"name": "r"}, "spec": {"parentRefs": [{"name": "h"}]}}'

. ./tools
as st --subresource=status <<'YAML'
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: r}
status:
  parents:
  - parentRef: {name: h}
    controllerName: example.com/c
    conditions: [{type: Accepted, status: "True", reason: Accepted, message: "", lastTransitionTime: "2024-01-01T00:00:00Z"}]
YAML

# From client-side apply to server-side apply, and back.
kubectl apply -f - <<<'{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "k"}, "data": {"x": "1", "y": "1"}}'

kubectl apply --server-side -f - <<<'{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "k"}, "data": {"x": "<2>", "y": "1"}}'
kubectl get configmap k -o json --show-managed-fields

kubectl apply view-last-applied configmap k -o json

kubectl patch configmap k --type=merge -p '{"data": {"x": "4"}}'
kubectl apply --server-side -f - <<<'{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "k"}, "data": {"x": "5"}}'

kubectl apply --server-side --force-conflicts -f - <<<'{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "k"}, "data": {"x": "5"}}'
kubectl get configmap k -o json --show-managed-fields

kubectl apply -f - <<<'{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "k"}, "data": {"y": "6"}}'
kubectl get configmap k -o json --show-managed-fields

# More updaters than are kept apart.
for i in 00 01 02 03 04 05 06 07 08 09 10 11; do kubectl label configmap k l$i=x --field-manager=m$i; done
kubectl get configmap k -o json --show-managed-fields

# Other kinds.
. ./tools
as one <<<'{"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "x"}, "data": {"a": "Yg=="}}'
kubectl create secret generic y --from-literal=a=b $show

. ./tools
kubectl create ingress i --rule='a.example.com/*=s:80' --default-backend=s:81 $show
as one --force-conflicts <<<'{"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": {"name": "i"}, "spec": {"defaultBackend": {"service": {"name": "s", "port": {"number": 82}}}}}'

. ./tools
kubectl create $show -f - <<<'{"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "z"}, "imagePullSecrets": [{"name": "x"}], "secrets": [{"name": "y"}]}'

# Kinds with pods in them, of which a controller may say something in the status.
kubectl create deployment d --image=nginx:1 --port=80 -o jsonpath='{.metadata.managedFields}' 2>/dev/null

cat >deployment.yaml <<'YAML'
apiVersion: apps/v1
kind: Deployment
metadata: {name: e}
spec:
  replicas: 2
  selector: {matchLabels: {app: e}}
  template:
    metadata: {labels: {app: e}}
    spec:
      containers:
      - {name: c, image: "nginx:1", ports: [{containerPort: 80}], env: [{name: A, value: "1"}]}
      volumes: [{name: v, emptyDir: {}}]
YAML
kubectl apply --server-side --field-manager=one -f deployment.yaml -o jsonpath='{.metadata.managedFields}{"\n"}{.spec}' 2>/dev/null

sed -e s/nginx:1/nginx:2/ -e 's/replicas: 2/replicas: 3/' deployment.yaml | kubectl apply --server-side --field-manager=two -f -

kubectl scale deployment e --replicas=4 >/dev/null; kubectl apply --server-side --field-manager=one -f deployment.yaml

kubectl apply --server-side --field-manager=one -f - -o jsonpath='{.spec.template.spec}' 2>/dev/null <<'YAML'
apiVersion: apps/v1
kind: Deployment
metadata: {name: e}
spec:
  selector: {matchLabels: {app: e}}
  template:
    metadata: {labels: {app: e}}
    spec: {containers: [{name: c, image: "nginx:1"}]}
YAML
